package dev.pgsidecar.writes;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.NOW;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Moment;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** Times are in seconds since the agent began to look; a tick is one second long. */
class LeaseClockTest {

    private static final Instant EXPIRES = NOW.plusSeconds(10);
    private static final Instant RENEWED = NOW.plusSeconds(18);

    private final LeaseClock clock = new LeaseClock(Duration.ofSeconds(1));

    @Test
    void endsItWhenBothClocksSaySo() {
        assertThat(over(0, 10)).isFalse();
        assertThat(over(9.999, 0.001)).isFalse();
        assertThat(over(10, 0)).isTrue();
        assertThat(over(500, -490)).isTrue();
    }

    @Test
    void waitsForItsOwnClockWhereTheServersWasSetForward() {
        assertThat(over(0, 10)).isFalse();
        assertThat(over(1, -3591)).isFalse();
        assertThat(over(9.999, -3599.999)).isFalse();
        assertThat(over(10, -3600)).isTrue();
    }

    @Test
    void waitsForTheServersClockWhereThatWasSetBack() {
        assertThat(over(0, 10)).isFalse();
        assertThat(over(10, 3600)).isFalse();
        assertThat(over(3609, 1)).isFalse();
        assertThat(over(3610, 0)).isTrue();
    }

    @Test
    void caresNothingForTheWallClockOfItsOwnHost() {
        assertThat(over(0, 10)).isFalse();
        Moment setForward = new Moment(NOW.plusSeconds(3600), at(1).nanos());
        assertThat(clock.over(Scene.lease(7, EXPIRES, seconds(-1)), setForward, setForward))
                .isFalse();
        Moment setBack = new Moment(NOW.minusSeconds(3600), at(10).nanos());
        assertThat(clock.over(Scene.lease(7, EXPIRES, seconds(-1)), setBack, setBack))
                .isTrue();
    }

    @Test
    void beginsAnewWithARenewal() {
        assertThat(over(0, 10)).isFalse();
        assertThat(over(8, RENEWED, 10)).isFalse();
        assertThat(over(10, RENEWED, 8)).isFalse();
        assertThat(over(17.999, RENEWED, -3600)).isFalse();
        assertThat(over(18, RENEWED, -3600)).isTrue();
    }

    @Test
    void beginsAnewWithARenewalThatShortensIt() {
        assertThat(over(0, 10)).isFalse();
        Instant sooner = NOW.plusSeconds(3);
        assertThat(over(1, sooner, 2)).isFalse();
        assertThat(over(3, sooner, 0)).isTrue();
    }

    @Test
    void beginsAnewWithALateRenewal() {
        assertThat(over(0, 10)).isFalse();
        assertThat(over(10, 0)).isTrue();
        assertThat(over(10.1, RENEWED, 10)).isFalse();
        assertThat(over(20, RENEWED, 0.1)).isFalse();
        assertThat(over(20.1, RENEWED, 0)).isTrue();
    }

    @Test
    void beginsAnewWithTheNextPause() {
        assertThat(over(0, 10)).isFalse();
        assertThat(over(10, 0)).isTrue();
        assertThat(clock.over(Scene.lease(8, EXPIRES, seconds(-1)), at(10), at(10)))
                .isFalse();
    }

    @Test
    void waitsOneTickWhereItHasJustBegun() {
        assertThat(over(0, -3600)).isFalse();
        assertThat(over(0.999, -3600.999)).isFalse();
        assertThat(over(1, -3601)).isTrue();
    }

    @Test
    void waitsOneTickWhereLessIsLeft() {
        assertThat(over(0, 0.2)).isFalse();
        assertThat(over(0.5, -0.3)).isFalse();
        assertThat(over(1, -0.8)).isTrue();
    }

    @Test
    void endsNothingByARecordThatIsOld() {
        assertThat(clock.over(Scene.lease(7, EXPIRES, seconds(10)), at(0), at(500)))
                .as("it may have been renewed since")
                .isFalse();
    }

    @Test
    void survivesTheOverflowOfNanoTime() {
        Moment before = new Moment(NOW, Long.MAX_VALUE - seconds(5).toNanos());
        Moment soon = new Moment(NOW, before.nanos() + seconds(9).toNanos());
        Moment after = new Moment(NOW, before.nanos() + seconds(10).toNanos());
        assertThat(after.nanos()).isNegative();
        assertThat(clock.over(Scene.lease(7, EXPIRES, seconds(10)), before, before))
                .isFalse();
        assertThat(clock.over(Scene.lease(7, EXPIRES, seconds(-1)), soon, soon)).isFalse();
        assertThat(clock.over(Scene.lease(7, EXPIRES, seconds(-1)), after, after))
                .isTrue();
    }

    private boolean over(double moment, double left) {
        return over(moment, EXPIRES, left);
    }

    private boolean over(double moment, Instant expires, double left) {
        return clock.over(Scene.lease(7, expires, seconds(left)), at(moment), at(moment));
    }

    private static Moment at(double moment) {
        return new Moment(
                NOW.plus(seconds(moment)), ASKED.nanos() + seconds(moment).toNanos());
    }

    private static Duration seconds(double length) {
        return Duration.ofMillis(Math.round(length * 1000));
    }
}
