package dev.pgsidecar.observe;

import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class InstanceTest {

    @Test
    void tellsWhereTheWalComesFrom() {
        assertThat(primary().recoveryState()).isEmpty();
        assertThat(replica(1, 1).instance().recoveryState()).contains(RecoveryState.STREAMING);
        assertThat(replica(1, 1).paused().instance().recoveryState()).contains(RecoveryState.PAUSED);
        assertThat(replica(1, 1).cut().restores().instance().recoveryState()).contains(RecoveryState.ARCHIVE_RECOVERY);
        assertThat(replica(1, 1).cut().instance().recoveryState()).contains(RecoveryState.WAITING);
        assertThat(replica(1, 1).unprivileged().restores().instance().recoveryState())
                .contains(RecoveryState.UNKNOWN);
    }

    @Test
    void saysWhatItMayNotSee() {
        assertThat(replica(1, 1).instance().unseen()).isEmpty();
        assertThat(replica(1, 1).unprivileged().instance().unseen())
                .singleElement()
                .asString()
                .contains("GRANT pg_monitor");
    }
}
