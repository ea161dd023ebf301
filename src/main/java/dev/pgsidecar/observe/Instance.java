package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.Receiver;
import dev.pgsidecar.postgres.catalog.Replay;
import java.util.List;
import java.util.Optional;

/**
 * The server as it answered.
 *
 * @param upstream what a replica knows of its upstream
 */
public record Instance(Facts facts, Upstream upstream) {

    static Instance of(Facts facts, Upstream before) {
        return new Instance(facts, Upstream.after(before, facts));
    }

    public Role role() {
        return facts.server().inRecovery() ? Role.REPLICA : Role.PRIMARY;
    }

    public int timeline() {
        return facts.server().timeline();
    }

    /** Whether a replica's WAL receiver streams. */
    public boolean streaming() {
        return facts.receiver().filter(Receiver::streaming).isPresent();
    }

    /** A replica's; empty on a primary. */
    public Optional<RecoveryState> recoveryState() {
        return facts.replay().map(replay -> {
            if (replay.paused()) {
                return RecoveryState.PAUSED;
            }
            return streaming() ? RecoveryState.STREAMING : withoutStream(replay);
        });
    }

    /** What PostgreSQL hides from the agent's role, and the grant that shows it. */
    public List<String> unseen() {
        return facts.server().seesAll()
                ? List.of()
                : List.of("other sessions, WAL senders' and the WAL receiver's details: GRANT pg_monitor");
    }

    private RecoveryState withoutStream(Replay replay) {
        if (facts.receiver().isPresent() && !facts.server().seesAll()) {
            return RecoveryState.UNKNOWN;
        }
        return replay.restoresFromArchive() ? RecoveryState.ARCHIVE_RECOVERY : RecoveryState.WAITING;
    }
}
