package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import java.util.Collection;
import java.util.List;

/** Whether a pause has come here with replication, and the server was promoted since. */
record AdoptChecks(Facts facts, Collection<Peer> peers, String name) {

    static final String INHERITED = "inherited";

    static final List<String> NAMES = List.of(PauseChecks.IDENTITY, PauseChecks.PRIMARY, Common.SUPERSEDED, INHERITED);

    List<Check> judge() {
        return List.of(Common.identity(facts), Common.primary(facts), Common.superseded(facts, peers), inherited());
    }

    private Check inherited() {
        String required = "a pause of another node, of an older timeline";
        return facts.writePause()
                .filter(pause -> !pause.heldBy(name, facts.server().timeline()))
                .map(pause -> Check.passed(
                        INHERITED, "generation %d of %s".formatted(pause.generation(), pause.node()), required))
                .orElseGet(() -> Check.failed(INHERITED, "there is none", required, "GET /v1/writes"));
    }
}
