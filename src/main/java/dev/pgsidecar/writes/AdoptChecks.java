package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Whether a pause has come here with replication, and the server was promoted since. */
record AdoptChecks(Facts facts, Collection<Peer> peers, Moment now, Duration staleAfter) {

    static final String INHERITED = "inherited";

    static final List<String> NAMES = List.of(PauseChecks.IDENTITY, PauseChecks.PRIMARY, Common.SUPERSEDED, INHERITED);

    List<Check> judge() {
        return List.of(
                Common.identity(facts),
                Common.primary(facts),
                Common.superseded(facts, peers, now, staleAfter),
                inherited());
    }

    private Check inherited() {
        String required = "a pause of another node, of an older timeline";
        Optional<WritePause> pause = facts.writePause();
        if (pause.isEmpty()) {
            return Check.failed(INHERITED, "writes are not paused", required, "GET /v1/writes");
        }
        String found = "generation %d of %s, on timeline %d"
                .formatted(
                        pause.get().generation(),
                        pause.get().node(),
                        pause.get().timeline());
        return pause.get().heldOn(facts.server().timeline())
                ? Check.failed(INHERITED, found + ", which is this one's", required, "POST /v1/writes/resume")
                : Check.passed(INHERITED, found, required);
    }
}
