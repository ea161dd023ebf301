package dev.pgsidecar.writes;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.pause;
import static dev.pgsidecar.writes.Scene.COMMITTED;
import static dev.pgsidecar.writes.Scene.INHERITED;
import static dev.pgsidecar.writes.Scene.PAUSED;
import static dev.pgsidecar.writes.Scene.assertRefused;
import static dev.pgsidecar.writes.Scene.failed;
import static dev.pgsidecar.writes.Scene.names;
import static dev.pgsidecar.writes.Scene.old;
import static dev.pgsidecar.writes.Scene.onTimeline;
import static dev.pgsidecar.writes.Scene.open;
import static dev.pgsidecar.writes.Scene.primary;
import static dev.pgsidecar.writes.Scene.promoting;
import static dev.pgsidecar.writes.Scene.silent;
import static dev.pgsidecar.writes.Scene.standby;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.writes.Scene.Refusing;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ResumeChecksTest {

    @Test
    void passForTheHolderWhateverItsPeersAre() {
        assertThat(failed(judge(primary(PAUSED), 7))).isEmpty();
        assertThat(failed(judge(primary(PAUSED), null))).isEmpty();
        assertThat(failed(judge(primary(PAUSED), 7, silent("pg-1"), old("pg-2"))))
                .isEmpty();
        assertThat(names(judge(primary(PAUSED), 7))).isEqualTo(ResumeChecks.NAMES);
    }

    @Test
    void passWhereNothingIsPaused() {
        assertThat(failed(judge(open(), null))).isEmpty();
        assertThat(failed(judge(open(), 7, silent("pg-1")))).as("ended since").isEmpty();
    }

    @Test
    void passForAPauseThatWasInherited() {
        assertThat(failed(judge(primary(INHERITED), 7, silent("pg-1")))).isEmpty();
        Facts committedToThisOne = primary(pause("pg-9", 2, Duration.ZERO, Optional.of("pg-0")));
        assertThat(failed(judge(committedToThisOne, 7, silent("pg-1")))).isEmpty();
        Facts ofAnOlderTimeline = primary(pause("pg-0", 2, Duration.ZERO, Optional.of("pg-1")));
        assertThat(failed(judge(ofAnOlderTimeline, 7, silent("pg-1"))))
                .as("of this node, before it was promoted")
                .isEmpty();
    }

    @Test
    void wantAPrimary() {
        assertRefused(
                judge(standby(PAUSED), 7, standby("pg-1")),
                "primary",
                Refusing.FIRMLY,
                "a replica",
                "at the primary's agent");
    }

    @Test
    void wantThePauseThatTheCallerMeans() {
        assertThat(failed(judge(primary(PAUSED), 6))).containsExactly("generation");
        assertRefused(
                judge(primary(PAUSED), 6), "generation", Refusing.AS_A_CONFLICT, "generation 7", "GET /v1/writes");
        assertThat(failed(judge(primary(COMMITTED), 6, standby("pg-1")))).containsExactly("generation");
    }

    @Test
    void refuseWhereAnotherPrimaryHasFollowed() {
        Peer follower = onTimeline("pg-1", Role.PRIMARY, 4);
        assertThat(failed(judge(primary(PAUSED), 7, follower))).containsExactly("superseded");
        assertRefused(judge(primary(PAUSED), 7, follower), "superseded", Refusing.FIRMLY, "pg-1 is on 4", "pg_rewind");
        assertThat(failed(judge(primary(PAUSED), 7, onTimeline("pg-2", Role.REPLICA, 4))))
                .as("it follows somebody")
                .containsExactly("superseded");
        assertThat(failed(judge(primary(COMMITTED), 7, follower, standby("pg-2"))))
                .containsExactly("superseded", "peers-are-replicas");
    }

    @Test
    void askEveryPeerAfterAHandOver() {
        assertThat(failed(judge(primary(COMMITTED), 7, standby("pg-1"), standby("pg-2"))))
                .isEmpty();
        Peer target = onTimeline("pg-1", Role.PRIMARY, 3);
        assertThat(failed(judge(primary(COMMITTED), 7, standby("pg-2"), target)))
                .containsExactly("superseded", "peers-are-replicas");
        assertRefused(
                judge(primary(COMMITTED), 7, standby("pg-2"), target),
                "peers-are-replicas",
                Refusing.FIRMLY,
                "pg-1 is a primary",
                "leave this one paused");
        assertRefused(
                judge(primary(COMMITTED), 7, promoting("pg-1")),
                "peers-are-replicas",
                Refusing.FIRMLY,
                "just being promoted",
                "leave this one paused");
        assertRefused(
                judge(primary(COMMITTED), 7, silent("pg-2"), target),
                "peers-are-replicas",
                Refusing.FIRMLY,
                "pg-1 is a primary",
                "leave this one paused");
    }

    @Test
    void askThePeersOfAHolderThatWasRenamed() {
        Facts renamed = primary(pause("old-name", 3, Duration.ZERO, Optional.of("pg-1")));
        assertThat(failed(judge(renamed, 7, standby("pg-1")))).isEmpty();
        assertThat(failed(judge(renamed, 7, silent("pg-1")))).containsExactly("peers-are-replicas");
        assertThat(failed(judge(renamed, 7))).containsExactly("peers-are-replicas");
    }

    @Test
    void leaveAnUnreachablePeerToTheCaller() {
        assertRefused(
                judge(primary(COMMITTED), 7, standby("pg-1"), silent("pg-2")),
                "peers-are-replicas",
                Refusing.UNLESS_WAIVED,
                "pg-2: its agent does not answer",
                "then waive peers-are-replicas");
        assertRefused(
                judge(primary(COMMITTED), 7, old("pg-1"), standby("pg-2")),
                "peers-are-replicas",
                Refusing.UNLESS_WAIVED,
                "pg-1: its word is old",
                "then waive peers-are-replicas");
        assertRefused(
                judge(primary(COMMITTED), 7),
                "peers-are-replicas",
                Refusing.UNLESS_WAIVED,
                "no peer is configured",
                "make sure that pg-1 was not promoted, then waive peers-are-replicas");
    }

    private static List<Check> judge(Facts facts, Integer generation, Peer... peers) {
        JsonObject request = generation == null ? new JsonObject() : new JsonObject().put("generation", generation);
        return new ResumeChecks(facts, ResumeRequest.of(request), List.of(peers), ASKED, Scene.STALE_AFTER).judge();
    }
}
