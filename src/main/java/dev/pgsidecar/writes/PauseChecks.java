package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.WalSender;
import dev.pgsidecar.writes.PauseFacts.InDatabase;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Whether writes can be paused here: a pure function of what the server and the caller say. */
record PauseChecks(PauseFacts facts, PauseRequest request) {

    static final String IDENTITY = "identity";
    static final String RIGHTS = "rights";
    static final String PRIMARY = "primary";
    static final String NOT_PAUSED = "not-paused";
    static final String DATABASES = "databases";
    static final String PREPARED = "prepared-transactions";
    static final String SUBSCRIPTIONS = "subscriptions";
    static final String BACKGROUND_JOBS = "background-jobs";
    static final String STANDBYS = "standbys";

    static final List<String> NAMES = List.of(
            IDENTITY, RIGHTS, PRIMARY, NOT_PAUSED, DATABASES, PREPARED, SUBSCRIPTIONS, BACKGROUND_JOBS, STANDBYS);

    List<Check> judge() {
        return List.of(
                Common.identity(facts.facts()),
                Common.rights(facts.mayPause(), facts.ownDatabase()),
                Common.primary(facts.facts()),
                notPaused(),
                databases(),
                prepared(),
                subscriptions(),
                backgroundJobs(),
                standbys());
    }

    private Check notPaused() {
        String required = "no other pause";
        return facts.facts()
                .writePause()
                .map(pause -> Check.conflicting(
                        NOT_PAUSED,
                        "generation %d, ordered by %s: %s"
                                .formatted(pause.generation(), pause.orderedBy(), pause.reason()),
                        required,
                        pause.committed()
                                ? "GET /v1/writes"
                                : "renew that one (PUT /v1/writes/lease), or POST /v1/writes/resume first"))
                .orElseGet(() -> Check.passed(NOT_PAUSED, "not paused", required));
    }

    private Check databases() {
        String required =
                "databases that can be paused: not the agent's own, template0, or what a failed DROP DATABASE has left";
        List<String> wrong = request.databases().orElse(List.of()).stream()
                .filter(name -> !facts.databases().contains(name))
                .toList();
        if (wrong.isEmpty() && !scope().isEmpty()) {
            return Check.passed(DATABASES, String.join(", ", scope()), required);
        }
        String found = wrong.isEmpty() ? "there is none but the agent's own" : String.join(", ", wrong);
        return Check.failed(
                DATABASES,
                found,
                required,
                wrong.contains(facts.ownDatabase())
                        ? "the record of the pause is kept in %s: it stays open".formatted(facts.ownDatabase())
                        : "SELECT datname FROM pg_database WHERE datname <> 'template0' AND datconnlimit <> -2");
    }

    private List<String> scope() {
        return request.databases().orElse(facts.databases());
    }

    private Check prepared() {
        return noneOf(
                PREPARED,
                facts.prepared(),
                "none",
                "COMMIT PREPARED or ROLLBACK PREPARED each: it could commit in the pause");
    }

    private Check subscriptions() {
        return noneOf(
                SUBSCRIPTIONS,
                facts.subscriptions(),
                "none is enabled",
                "ALTER SUBSCRIPTION ... DISABLE, in its database: an apply worker comes back and writes");
    }

    /** That nothing of this sort is in the databases that are to be paused. */
    private Check noneOf(String name, List<InDatabase> entries, String required, String hint) {
        String found = entries.stream()
                .filter(entry -> scope().contains(entry.database()))
                .map(entry -> "%s in %s".formatted(entry.name(), entry.database()))
                .collect(Collectors.joining(", "));
        return found.isEmpty() ? Check.passed(name, required, required) : Check.failed(name, found, required, hint);
    }

    private Check backgroundJobs() {
        return facts.cronInBackground()
                ? Check.doubtful(
                        BACKGROUND_JOBS,
                        "cron.use_background_workers is on",
                        "no jobs that no connection limit holds back",
                        "stop the jobs (UPDATE cron.job SET active = false), then waive background-jobs")
                : Check.passed(BACKGROUND_JOBS, "none", "no jobs that no connection limit holds back");
    }

    private Check standbys() {
        String required = "those that the pause shall wait for stream";
        List<String> absent = request.standbys().stream()
                .filter(name -> sender(name).isEmpty())
                .toList();
        return absent.isEmpty()
                ? Check.passed(STANDBYS, request.standbys().isEmpty() ? "none" : "all", required)
                : Check.failed(
                        STANDBYS,
                        "no WAL sender for " + String.join(", ", absent),
                        required,
                        "SELECT application_name, state FROM pg_stat_replication");
    }

    private Optional<WalSender> sender(String name) {
        return facts.facts().senders().stream()
                .filter(sender -> sender.application().equals(name))
                .findFirst();
    }
}
