package dev.pgsidecar.writes;

import static dev.pgsidecar.observe.Pictures.pause;
import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who does what about a pause. This server is on timeline 3; what the holder is called makes no difference. */
class DutyTest {

    @ParameterizedTest
    @CsvSource(textBlock = """
            # holder, its timeline, committed to, superseded, lease over, duty
            # the lease lives
            pg-0,     3,            ,             false,      false,      HOLD
            # the lease has run out
            pg-0,     3,            ,             false,      true,       EXPIRE
            # committed: only an order resumes
            pg-0,     3,            pg-1,         false,      false,      HOLD
            pg-0,     3,            pg-1,         false,      true,       HOLD
            # this one was promoted since
            pg-9,     2,            ,             false,      false,      ADOPT
            pg-9,     2,            ,             false,      true,       ADOPT
            pg-9,     2,            pg-0,         false,      false,      ADOPT
            pg-9,     2,            pg-0,         false,      true,       ADOPT
            pg-9,     2,            pg-1,         false,      true,       ADOPT
            # superseded: stays paused, whatever else is true
            pg-0,     3,            ,             true,       false,      HOLD
            pg-0,     3,            ,             true,       true,       HOLD
            pg-0,     3,            pg-1,         true,       false,      HOLD
            pg-0,     3,            pg-1,         true,       true,       HOLD
            pg-9,     2,            ,             true,       false,      HOLD
            pg-9,     2,            ,             true,       true,       HOLD
            pg-9,     2,            pg-0,         true,       true,       HOLD
            # the agent was renamed: on one timeline there is one primary
            old-name, 3,            ,             false,      false,      HOLD
            old-name, 3,            ,             false,      true,       EXPIRE
            old-name, 3,            pg-1,         false,      true,       HOLD
            pg-9,     3,            pg-0,         false,      true,       HOLD
            old-name, 3,            ,             true,       true,       HOLD
            # the holder itself was promoted since: a pause of an older timeline came with the data
            pg-0,     2,            ,             false,      false,      ADOPT
            pg-0,     2,            ,             false,      true,       ADOPT
            pg-0,     2,            pg-1,         false,      true,       ADOPT
            pg-0,     2,            ,             true,       true,       HOLD
            # a newer timeline is not its own either
            pg-0,     4,            ,             false,      true,       ADOPT
            """)
    void ofAPrimary(
            String node, int timeline, String committedTo, boolean superseded, boolean leaseOver, Duty expected) {
        WritePause pause = pause(node, timeline, Duration.ofSeconds(30), Optional.ofNullable(committedTo));
        assertThat(Duty.of(primary(pause), superseded, leaseOver)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            # holder, its timeline, committed to, superseded, lease over
            pg-0,     3,            ,             false,      true
            pg-0,     3,            pg-1,         false,      true
            pg-0,     3,            pg-0,         true,       true
            pg-9,     2,            ,             false,      true
            pg-9,     2,            pg-0,         false,      false
            """)
    void ofAReplicaIsNothing(String node, int timeline, String committedTo, boolean superseded, boolean leaseOver) {
        WritePause pause = pause(node, timeline, Duration.ofSeconds(30), Optional.ofNullable(committedTo));
        assertThat(Duty.of(replica(1, 1).paused(pause).instance(), superseded, leaseOver))
                .isEqualTo(Duty.NOTHING);
    }

    @Test
    void withoutAPauseIsNothing() {
        assertThat(Duty.of(primary(), false, false)).isEqualTo(Duty.NOTHING);
        assertThat(Duty.of(primary(), true, true)).isEqualTo(Duty.NOTHING);
        assertThat(Duty.of(replica(1, 1).instance(), false, true)).isEqualTo(Duty.NOTHING);
    }
}
