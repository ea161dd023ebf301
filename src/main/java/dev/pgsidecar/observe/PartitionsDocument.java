package dev.pgsidecar.observe;

import dev.pgsidecar.config.Schedule;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.PartitionSurvey.Seen;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.Partition;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.Partman;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/** The partition sets as JSON: what {@code GET /v1/partitions} answers. */
public final class PartitionsDocument {

    private PartitionsDocument() {}

    /** As of the newest looks at each database. */
    public static JsonObject of(Settings.Partition settings, History history, Moment now) {
        boolean runs = settings.mode() == Settings.PartitionMode.RUN;
        JsonObject document = new JsonObject()
                .put("mode", settings.mode().name().toLowerCase(Locale.ROOT))
                .put("schedule", settings.schedule());
        if (runs) {
            Schedule.of(settings.schedule())
                    .after(now.wall())
                    .ifPresent(next -> document.put("nextRun", next.toString()));
        }
        JsonArray databases = new JsonArray();
        for (String name : settings.databases().orElse(List.of())) {
            PartitionSurvey survey = history.partitions().getOrDefault(name, PartitionSurvey.unasked(name));
            databases.add(database(survey, history, now));
        }
        return document.put("databases", databases);
    }

    private static JsonObject database(PartitionSurvey survey, History history, Moment now) {
        JsonObject json = new JsonObject().put("database", survey.database());
        if (survey.partman().isEmpty()) {
            json.put("state", survey.failure().isPresent() ? "unreachable" : "not-asked-yet");
        } else {
            Partman partman = survey.partman().get();
            json.put("state", partman.schema().isPresent() ? "ok" : "not-installed")
                    .put("observedAt", survey.at().wall().toString())
                    .put("ageSeconds", seconds(survey.at().ageAt(now)));
            partman.schema().ifPresent(schema -> json.put("schema", schema));
            partman.version().ifPresent(version -> json.put("version", version));
            partman.role().ifPresent(role -> json.put("role", role));
        }
        survey.failure()
                .ifPresent(failure -> json.put(
                        "failure",
                        new JsonObject().put("reason", failure.kind().id()).put("detail", failure.cause())));
        survey.unseen().ifPresent(what -> json.put("unseen", what));
        JsonArray conversions = Optional.ofNullable(history.conversions().get(survey.database()))
                .map(ConversionSurvey::json)
                .orElseGet(JsonArray::new);
        return json.put("maintainedBy", new JsonArray(survey.maintainers()))
                .put("conversions", conversions)
                .put(
                        "sets",
                        new JsonArray(survey.sets().stream()
                                .map(seen -> set(
                                        seen,
                                        history.partitionRun(
                                                survey.database(), seen.set().name())))
                                .toList()));
    }

    private static JsonObject set(Seen seen, Optional<PartitionRun> run) {
        PartitionSet set = seen.set();
        JsonObject json = new JsonObject()
                .put("set", set.name())
                .put("control", set.control())
                .put("interval", set.interval())
                .put("premake", set.premake())
                .put("automatic", set.automatic())
                .put("infinite", set.infinite());
        set.owner().ifPresent(owner -> json.put("owner", owner));
        json.put("rights", set.owned() && set.strangers() == 0 ? "ok" : "missing");
        set.leftAlone().ifPresent(why -> json.put("leftAlone", why));
        set.retention().ifPresent(retention -> json.put("retention", retention));
        set.lastRun().ifPresent(moment -> json.put("partmanLastRun", moment.toString()));
        json.put("bytes", set.bytes());
        seen.timeLeft().ifPresent(left -> json.put("secondsUntilDefault", left.toSeconds()));
        seen.trouble().ifPresent(why -> json.put("trouble", why));
        seen.contents().ifPresent(contents -> describe(json, set, contents));
        run.ifPresent(last -> json.put("lastMaintenance", last.json()));
        return json.put(
                "partitions",
                new JsonArray(set.partitions().stream()
                        .map(partition -> partition(set, partition))
                        .toList()));
    }

    private static void describe(JsonObject json, PartitionSet set, Contents contents) {
        OptionalLong left = contents.left(set);
        if (!set.byTime() && left.isPresent()) {
            json.put("numbersUntilDefault", left.getAsLong());
        }
        json.put("retentionDue", contents.retentionDue(set).size());
        set.defaultPartition()
                .ifPresent(partition -> json.put(
                        "default",
                        new JsonObject()
                                .put("name", partition.name())
                                .put("bytes", partition.bytes())
                                .put("rows", contents.defaultRows())
                                .put("orMore", contents.defaultRows() >= Contents.MOST_COUNTED)
                                .put("strayRows", contents.strayRows())
                                .put(
                                        "ranges",
                                        new JsonArray(contents.ranges().stream()
                                                .map(range -> bounds(set, range.from(), range.to())
                                                        .put("rows", range.rows()))
                                                .toList()))
                                .put("moreRanges", contents.moreRanges())));
    }

    private static JsonObject partition(PartitionSet set, Partition partition) {
        JsonObject json = new JsonObject().put("name", partition.name()).put("bytes", partition.bytes());
        return partition.from().isPresent() && partition.to().isPresent()
                ? json.mergeIn(
                        bounds(set, partition.from().getAsLong(), partition.to().getAsLong()))
                : json;
    }

    /** Bounds on the set's axis: moments, or numbers. */
    public static JsonObject bounds(PartitionSet set, long from, long to) {
        return new JsonObject().put("from", point(set, from)).put("to", point(set, to));
    }

    private static Object point(PartitionSet set, long point) {
        return set.byTime() ? Instant.EPOCH.plus(point, ChronoUnit.MICROS).toString() : (Object) point;
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }
}
