package dev.pgsidecar.operation;

import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Facts;
import java.util.List;

/** Whether the server is one whose databases may be worked in: the first checks of every such command. */
public final class ServerChecks {

    private static final String IDENTITY = "identity";
    private static final String PRIMARY = "primary";
    private static final String WRITES_OPEN = "writes-open";

    public static final List<String> NAMES = List.of(IDENTITY, PRIMARY, WRITES_OPEN);

    private ServerChecks() {}

    /**
     * Judges by the newest observation; of another cluster's server nothing but that.
     *
     * @throws PostgresException if the server did not answer then
     */
    public static List<Check> judge(DatabaseTools tools) throws PostgresException {
        Facts facts;
        try {
            facts = tools.facts();
        } catch (PostgresException e) {
            return List.of(Check.wrongInstance(IDENTITY, e));
        }
        return List.of(
                Check.passed(IDENTITY, facts.server().systemIdentifier(), "the pinned server"),
                primary(facts),
                writesOpen(facts));
    }

    private static Check primary(Facts facts) {
        boolean primary = !facts.server().inRecovery();
        return primary
                ? Check.passed(PRIMARY, "primary", "primary")
                : Check.failed(PRIMARY, "replica", "primary", "order it at the primary's agent");
    }

    private static Check writesOpen(Facts facts) {
        return facts.writePause()
                .map(pause -> Check.failed(
                        WRITES_OPEN,
                        "paused, generation %d".formatted(pause.generation()),
                        "not paused",
                        "POST /v1/writes/resume, or wait for its end"))
                .orElseGet(() -> Check.passed(WRITES_OPEN, "not paused", "not paused"));
    }
}
