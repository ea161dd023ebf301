package dev.pgsidecar.writes;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.writes.Scene.oldOnTimeline;
import static dev.pgsidecar.writes.Scene.onTimeline;
import static dev.pgsidecar.writes.Scene.promoting;
import static dev.pgsidecar.writes.Scene.promotingSilently;
import static dev.pgsidecar.writes.Scene.resuming;
import static dev.pgsidecar.writes.Scene.silent;
import static dev.pgsidecar.writes.Scene.silentOnTimeline;
import static dev.pgsidecar.writes.Scene.standby;
import static dev.pgsidecar.writes.Scene.unheard;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.Role;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whether somebody else has the writes, as a server on timeline 3 sees it. */
class CommonTest {

    @Test
    void nobodyHasFollowed() {
        assertThat(isSuperseded()).isFalse();
        assertThat(isSuperseded(standby("pg-1"), silent("pg-2"), unheard("pg-3")))
                .isFalse();
        assertThat(isSuperseded(resuming("pg-1"))).isFalse();
    }

    @ParameterizedTest
    @EnumSource(Role.class)
    void aNewerTimelineCountsAtAnyAge(Role role) {
        assertThat(isSuperseded(standby("pg-1"), onTimeline("pg-2", role, 4))).isTrue();
        assertThat(isSuperseded(oldOnTimeline("pg-2", role, 4))).isTrue();
        assertThat(isSuperseded(silentOnTimeline("pg-2", role, 4))).isTrue();
    }

    @Test
    void aPrimaryBesideThisOneCountsWhileItsWordIsFresh() {
        assertThat(isSuperseded(standby("pg-1"), onTimeline("pg-2", Role.PRIMARY, 3)))
                .isTrue();
        assertThat(isSuperseded(oldOnTimeline("pg-2", Role.PRIMARY, 3))).isFalse();
        assertThat(isSuperseded(silentOnTimeline("pg-2", Role.PRIMARY, 3))).isFalse();
    }

    @ParameterizedTest
    @EnumSource(Role.class)
    void anOlderTimelineDoesNotCount(Role role) {
        assertThat(isSuperseded(onTimeline("pg-2", role, 2))).isFalse();
    }

    @Test
    void aPromoteCounts() {
        assertThat(isSuperseded(standby("pg-1"), promoting("pg-2"))).isTrue();
        assertThat(isSuperseded(promotingSilently("pg-2"))).isTrue();
    }

    private static boolean isSuperseded(Peer... peers) {
        return Common.isSuperseded(3, List.of(peers), ASKED, Scene.STALE_AFTER);
    }
}
