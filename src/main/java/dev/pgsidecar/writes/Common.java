package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.util.Collection;
import java.util.Optional;

/** Checks that several commands have. */
final class Common {

    static final String GENERATION = "generation";
    static final String SUPERSEDED = "superseded";

    private Common() {}

    /** Another cluster's server is a refusal; that it cannot be asked is none. */
    static Check wrongInstance(PostgresException e) throws PostgresException {
        if (e.failure().kind() != Failure.Kind.WRONG_INSTANCE) {
            throw e;
        }
        return Check.failed(PauseChecks.IDENTITY, e.failure().cause(), "the right cluster", "see the agent's log");
    }

    static Check identity(Facts facts) {
        return Check.passed(
                PauseChecks.IDENTITY, "system_identifier " + facts.server().systemIdentifier(), "the same");
    }

    static Check rights(boolean given, String ownDatabase) {
        return given
                ? Check.passed(PauseChecks.RIGHTS, "all", "all")
                : Check.failed(
                        PauseChecks.RIGHTS,
                        "pgsidecar.pause_writes is not there for this role, in the database " + ownDatabase,
                        "all that deploy/sql/install.sql makes and grants",
                        "on the primary, as a superuser: psql -X -d %s -f install.sql; the agent's postgres.database is %s"
                                .formatted(ownDatabase, ownDatabase));
    }

    static Check primary(Facts facts) {
        return facts.server().inRecovery()
                ? Check.failed(PauseChecks.PRIMARY, "a replica", "a primary", "order it at the primary's agent")
                : Check.passed(PauseChecks.PRIMARY, "a primary", "a primary");
    }

    /** That the caller means the pause that is active. */
    static Check generation(Optional<WritePause> pause, long meant) {
        String required = "generation " + meant;
        if (pause.isEmpty()) {
            return Check.conflicting(GENERATION, "writes are not paused", required, "GET /v1/writes");
        }
        String found = "generation " + pause.get().generation();
        return pause.get().generation() == meant
                ? Check.passed(GENERATION, found, required)
                : Check.conflicting(GENERATION, found, required, "GET /v1/writes");
    }

    /** That no peer has gone on to a newer timeline: nothing may be written here any more. */
    static Check superseded(Facts facts, Collection<Peer> peers) {
        int own = facts.server().timeline();
        String required = "no peer on a timeline newer than " + own;
        return peers.stream()
                .filter(peer ->
                        peer.before().filter(other -> other.timeline() > own).isPresent())
                .findFirst()
                .map(peer -> Check.failed(
                        SUPERSEDED,
                        "%s is on %d"
                                .formatted(
                                        peer.name(),
                                        peer.before()
                                                .map(PeerInstance::timeline)
                                                .orElseThrow()),
                        required,
                        "this server was superseded: make it a standby of the new primary (pg_rewind), or fence it"))
                .orElseGet(() -> Check.passed(SUPERSEDED, "none", required));
    }

    static boolean isReplica(PeerInstance instance) {
        return instance.role() == Role.REPLICA;
    }
}
