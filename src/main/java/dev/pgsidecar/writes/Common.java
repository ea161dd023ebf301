package dev.pgsidecar.writes;

import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;

/** Checks that several commands have. */
final class Common {

    static final String GENERATION = "generation";
    static final String SUPERSEDED = "superseded";
    static final String HELD = "held-here";

    private Common() {}

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

    /** That nobody else writes, or is about to: then nothing may be written here any more. */
    static Check superseded(Facts facts, Collection<Peer> peers, Moment now, Duration staleAfter) {
        int own = facts.server().timeline();
        String required = "no peer that is a primary, is being promoted, or is on a timeline newer than " + own;
        return peers.stream()
                .flatMap(peer -> supersedes(peer, own, now, staleAfter).stream())
                .findFirst()
                .map(found -> Check.failed(
                        SUPERSEDED,
                        found,
                        required,
                        "this server was superseded: make it a standby of the new primary (pg_rewind), or fence it"))
                .orElseGet(() -> Check.passed(SUPERSEDED, "none", required));
    }

    /** The same, for the agent itself. */
    static boolean isSuperseded(int timeline, Collection<Peer> peers, Moment now, Duration staleAfter) {
        return peers.stream()
                .anyMatch(peer -> supersedes(peer, timeline, now, staleAfter).isPresent());
    }

    /** That it was ordered at this very server: a pause that came with replication is another one's. */
    static Check held(Facts facts) {
        int own = facts.server().timeline();
        String required = "a pause of this node, on timeline " + own;
        return facts.writePause()
                .filter(pause -> !pause.heldOn(own))
                .map(pause -> Check.failed(
                        HELD,
                        "one of %s, on timeline %d".formatted(pause.node(), pause.timeline()),
                        required,
                        "it came with replication: POST /v1/writes/resume ends it"))
                .orElseGet(() -> Check.passed(HELD, "so it is", required));
    }

    /** A word of any age tells of a newer timeline; of a primary beside this one only a fresh one. */
    private static Optional<String> supersedes(Peer peer, int timeline, Moment now, Duration staleAfter) {
        if (peer.carriesOut("promote")) {
            return Optional.of(peer.name() + " is just being promoted");
        }
        return peer.newerThan(timeline)
                .or(() -> peer.freshPrimary(now, staleAfter).filter(other -> other.timeline() == timeline))
                .map(other -> "%s is on %d, a %s"
                        .formatted(peer.name(), other.timeline(), other.role().id()));
    }
}
