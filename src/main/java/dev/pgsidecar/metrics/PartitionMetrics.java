package dev.pgsidecar.metrics;

import dev.pgsidecar.config.Schedule;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.ConversionSurvey;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.PartitionRun;
import dev.pgsidecar.observe.PartitionRun.Outcome;
import dev.pgsidecar.observe.PartitionSurvey;
import dev.pgsidecar.observe.PartitionSurvey.Seen;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import java.time.Duration;
import java.util.Optional;

/** Partition sets: how long partitions last, what is in the default one, and how maintenance went. */
final class PartitionMetrics {

    private PartitionMetrics() {}

    /** @param late a look that is older than this is not the truth any more */
    static void add(Page page, Settings.Partition settings, History history, Moment now, Duration late) {
        if (settings.databases().isEmpty()) {
            return;
        }
        if (settings.mode() == Settings.PartitionMode.RUN) {
            page.add(
                    "pgsidecar_partition_next_run_timestamp_seconds",
                    "When maintenance is due by the schedule",
                    Schedule.of(settings.schedule()).after(now.wall()));
        }
        history.partitions().values().forEach(survey -> database(page, survey, history, now, late));
    }

    /** Conversions that are not over: what is known of them is as old as the last look, or the running batch. */
    private static void conversions(Page page, ConversionSurvey survey) {
        survey.conversions().forEach(conversion -> {
            String[] labels = {
                "database", survey.database(), "table", conversion.spec().table()
            };
            page.add(
                            "pgsidecar_conversion_rows",
                            "Rows that a conversion has copied, or compared",
                            conversion.rows(),
                            labels)
                    .add("pgsidecar_conversion_total_rows", "About how many there are", conversion.total(), labels)
                    .add(
                            "pgsidecar_conversion_began_timestamp_seconds",
                            "When it was ordered",
                            Optional.of(conversion.began()),
                            labels)
                    .add("pgsidecar_conversion_paused", "Whether somebody holds it back", conversion.paused(), labels);
            for (Phase phase : Phase.values()) {
                page.add(
                        "pgsidecar_conversion_phase",
                        "How far it is: 1 for the phase that it is in",
                        conversion.phase() == phase,
                        "database",
                        survey.database(),
                        "table",
                        conversion.spec().table(),
                        "phase",
                        phase.id());
            }
        });
    }

    private static void database(Page page, PartitionSurvey survey, History history, Moment now, Duration late) {
        String database = survey.database();
        boolean fresh = survey.partman().isPresent()
                && survey.failure().isEmpty()
                && survey.at().ageAt(now).compareTo(late) <= 0;
        page.add(
                        "pgsidecar_partition_up",
                        "Whether the partition sets of a database could be looked at lately",
                        fresh,
                        "database",
                        database)
                .add(
                        "pgsidecar_partition_other_maintainers",
                        "How many others maintain them: jobs of pg_cron, pg_partman's background worker",
                        survey.maintainers().size(),
                        "database",
                        database);
        if (fresh) {
            Optional.ofNullable(history.conversions().get(database)).ifPresent(each -> conversions(page, each));
            survey.sets().forEach(seen -> {
                String[] labels = {"database", database, "set", seen.set().name()};
                set(page, seen, labels);
                history.partitionRun(database, seen.set().name()).ifPresent(run -> run(page, run, labels));
            });
        }
    }

    private static void set(Page page, Seen seen, String... labels) {
        PartitionSet set = seen.set();
        page.add(
                        "pgsidecar_partition_set_partitions",
                        "Partitions, without the default one",
                        set.partitions().size(),
                        labels)
                .add(
                        "pgsidecar_partition_set_bytes",
                        "Size with indexes, the default partition too",
                        set.bytes(),
                        labels)
                .add(
                        "pgsidecar_partition_set_automatic",
                        "Whether it is to be maintained",
                        set.leftAlone().isEmpty(),
                        labels)
                .add(
                        "pgsidecar_partition_set_readable",
                        "Whether the agent may look into it",
                        seen.contents().isPresent(),
                        labels)
                .add(
                        "pgsidecar_partition_seconds_until_default",
                        "Until rows that come in fall into the default partition, or are refused",
                        seen.timeLeft(),
                        labels);
        set.premade()
                .ifPresent(ahead -> page.add(
                        set.byTime() ? "pgsidecar_partition_premake_seconds" : "pgsidecar_partition_premake_numbers",
                        "How far ahead premake wants partitions",
                        set.byTime() ? ahead / 1e6 : ahead,
                        labels));
        seen.contents().ifPresent(contents -> contents(page, set, contents, labels));
    }

    private static void contents(Page page, PartitionSet set, Contents contents, String... labels) {
        page.add(
                        "pgsidecar_partition_default_rows",
                        "Rows in the default partition, counted up to a million",
                        contents.defaultRows(),
                        labels)
                .add(
                        "pgsidecar_partition_retention_due",
                        "Partitions that retention has not dropped yet",
                        contents.retentionDue(set).size(),
                        labels);
        if (!set.byTime()) {
            page.add(
                    "pgsidecar_partition_numbers_until_default",
                    "Numbers until rows that come in fall into the default partition, or are refused",
                    contents.left(set),
                    labels);
        }
    }

    private static void run(Page page, PartitionRun run, String... labels) {
        page.add(
                        "pgsidecar_partition_last_run_timestamp_seconds",
                        "When its maintenance was last tried",
                        Page.seconds(run.at()),
                        labels)
                .add(
                        "pgsidecar_partition_last_success_timestamp_seconds",
                        "When its maintenance last ended well",
                        run.lastSuccess(),
                        labels)
                .add(
                        "pgsidecar_partition_last_run_failed",
                        "Whether the last try failed",
                        run.outcome() == Outcome.FAILED,
                        labels);
    }
}
