package dev.pgsidecar.writes;

import static dev.pgsidecar.observe.Pictures.pause;
import static dev.pgsidecar.writes.Scene.COMMITTED;
import static dev.pgsidecar.writes.Scene.INHERITED;
import static dev.pgsidecar.writes.Scene.PAUSED;
import static dev.pgsidecar.writes.Scene.assertRefused;
import static dev.pgsidecar.writes.Scene.check;
import static dev.pgsidecar.writes.Scene.failed;
import static dev.pgsidecar.writes.Scene.names;
import static dev.pgsidecar.writes.Scene.onTimeline;
import static dev.pgsidecar.writes.Scene.open;
import static dev.pgsidecar.writes.Scene.primary;
import static dev.pgsidecar.writes.Scene.silent;
import static dev.pgsidecar.writes.Scene.standby;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.writes.Scene.Refusing;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AdoptChecksTest {

    @Test
    void passForAPauseOfAnotherNodeOnAnOlderTimeline() {
        assertThat(failed(judge(primary(INHERITED)))).isEmpty();
        assertThat(failed(judge(primary(INHERITED), standby("pg-1"), silent("pg-9"))))
                .isEmpty();
        assertThat(failed(judge(primary(pause("pg-9", 2, Duration.ZERO, Optional.of("pg-0"))))))
                .isEmpty();
        assertThat(check(judge(primary(INHERITED)), "inherited").found())
                .isEqualTo("generation 7 of pg-9, on timeline 2");
        assertThat(failed(judge(primary(pause("pg-0", 2, Duration.ZERO, Optional.empty())))))
                .as("of this node, before it was promoted")
                .isEmpty();
        assertThat(names(judge(primary(INHERITED)))).isEqualTo(AdoptChecks.NAMES);
    }

    @Test
    void leaveThisNodesOwnPauseAlone() {
        Facts renamed = primary(pause("old-name", 3, Duration.ZERO, Optional.empty()));
        for (Facts facts : List.of(primary(PAUSED), primary(COMMITTED), renamed)) {
            assertThat(failed(judge(facts))).containsExactly("inherited");
            assertRefused(
                    judge(facts),
                    "inherited",
                    Refusing.FIRMLY,
                    "on timeline 3, which is this one's",
                    "POST /v1/writes/resume");
        }
        assertThat(check(judge(renamed), "inherited").found())
                .isEqualTo("generation 7 of old-name, on timeline 3, which is this one's");
    }

    @Test
    void wantAPause() {
        assertThat(failed(judge(open()))).containsExactly("inherited");
        assertRefused(judge(open()), "inherited", Refusing.FIRMLY, "writes are not paused", "GET /v1/writes");
    }

    @Test
    void wantAPrimary() {
        assertThat(failed(judge(standby(INHERITED)))).containsExactly("primary");
        assertRefused(judge(standby(INHERITED)), "primary", Refusing.FIRMLY, "a replica", "at the primary's agent");
    }

    @Test
    void refuseWhereAnotherPrimaryHasFollowed() {
        Peer follower = onTimeline("pg-2", Role.PRIMARY, 4);
        assertThat(failed(judge(primary(INHERITED), follower))).containsExactly("superseded");
        assertRefused(judge(primary(INHERITED), follower), "superseded", Refusing.FIRMLY, "pg-2 is on 4", "pg_rewind");
    }

    private static List<Check> judge(Facts facts, Peer... peers) {
        return new AdoptChecks(facts, List.of(peers), dev.pgsidecar.observe.Pictures.ASKED, Scene.STALE_AFTER).judge();
    }
}
