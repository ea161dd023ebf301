package dev.pgsidecar.writes;

import static dev.pgsidecar.writes.Scene.open;
import static dev.pgsidecar.writes.Scene.pauseOf;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class GapsTest {

    @Test
    void ofALimitAreTheRolesThatItDoesNotHoldBack() {
        Gaps gaps = gaps(true, "limit");
        assertThat(gaps.guarantee()).isEqualTo("no-ordinary-role-can-write");
        assertThat(gaps.whoCould())
                .containsExactly(
                        "superuser postgres, until its session is ended",
                        "role replication, by SQL on a logical replication connection");
    }

    @Test
    void ofClosedDatabasesAreNone() {
        Gaps gaps = gaps(true, "close");
        assertThat(gaps.guarantee()).isEqualTo("none-can-write");
        assertThat(gaps.whoCould()).isEmpty();
    }

    @Test
    void tellOfDatabasesThatAreOpen() {
        assertThat(gaps(false, "close").whoCould()).containsExactly("everybody, in databases that are not paused");
        assertThat(gaps(false, "limit").whoCould()).hasSize(3).contains("everybody, in databases that are not paused");
    }

    private static Gaps gaps(boolean allDatabases, String method) {
        PauseFacts facts = new PauseFacts(
                open(),
                true,
                "pgsidecar",
                List.of("app", "crm"),
                List.of(),
                List.of(),
                false,
                List.of("postgres"),
                List.of("replication"));
        return Gaps.of(pauseOf(allDatabases, method), facts);
    }
}
