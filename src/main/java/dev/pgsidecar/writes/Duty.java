package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.util.Optional;

/** What an agent has to do about a pause that its server has: the table of the protocol, as a pure function. */
enum Duty {
    /** Nothing: there is no pause, or this is a replica, which never acts. */
    NOTHING,
    /** Keep everybody out: the lease lives, or a hand-over is committed, or another primary has followed. */
    HOLD,
    /** The lease has run out: put everything back. */
    EXPIRE,
    /** The pause came with replication, and somebody promoted this server: put everything back. */
    ADOPT;

    /**
     * @param superseded whether a peer is on a newer timeline
     * @param leaseOver whether the lease has run out, by the server's clock and by the agent's
     */
    static Duty of(Instance instance, boolean superseded, boolean leaseOver) {
        Optional<WritePause> pause = instance.facts().writePause();
        if (instance.role() == Role.REPLICA || pause.isEmpty()) {
            return NOTHING;
        }
        if (!pause.get().heldOn(instance.timeline())) {
            return superseded ? HOLD : ADOPT;
        }
        return pause.get().committed() || superseded || !leaseOver ? HOLD : EXPIRE;
    }
}
