package dev.pgsidecar.writes;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import java.util.List;
import java.util.Set;

/** What the runbooks of this room have in common: a session, and the functions that it calls. */
abstract class PauseRunbook implements Runbook {

    final Tools tools;
    final Line line;
    final WritePauses pauses;

    PauseRunbook(Tools tools, String kind) {
        this.tools = tools;
        this.line = tools.line(kind);
        this.pauses = new WritePauses(line);
    }

    /** The checks, as of now. */
    abstract List<Check> judged() throws PostgresException, InterruptedException;

    @Override
    public final List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException {
        try {
            return judged();
        } catch (PostgresException e) {
            return List.of(Check.wrongInstance(PauseChecks.IDENTITY, e));
        }
    }

    @Override
    public final void close() {
        tools.giveBack(line);
    }
}
