package dev.pgsidecar.writes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.catalog.WritePause;
import dev.pgsidecar.writes.ProvedServer.Visit;
import dev.pgsidecar.writes.Prover.Proved;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sessions that the connection limit does not refuse write at a chosen point of the proof: it sees each of them. */
class ProverIT {

    private static final Optional<List<String>> ALL = Optional.empty();
    private static final Optional<List<String>> APP = Optional.of(List.of("app"));

    private static final Visit INSERT = server -> server.superuser("INSERT INTO t DEFAULT VALUES");

    private static final Map<String, Visit> VISITS = Map.of(
            "a superuser inserts", INSERT,
            "a superuser takes a number of a sequence", server -> server.superuser("SELECT nextval('alone')"),
            "a superuser makes a table", server -> server.superuser("CREATE TABLE made ()", "DROP TABLE made"),
            "a superuser looks", server -> server.superuser("SELECT count(*) FROM t"),
            "a walsender inserts", server -> server.walsender("INSERT INTO t DEFAULT VALUES"));

    @TempDir
    static Path state;

    private static ProvedServer server;

    @BeforeAll
    static void start() throws Exception {
        server = new ProvedServer(17, state);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @AfterEach
    void resume() throws Exception {
        server.resume();
    }

    @Test
    void seesAVisitBetweenAnyTwoSamples() throws Exception {
        seesVisits(server, ALL);
        server.resume();
        seesVisits(server, APP);
    }

    @Tag("full")
    @ParameterizedTest
    @ValueSource(ints = {15, 18})
    void seesAVisitBetweenAnyTwoSamplesOf(int major) throws Exception {
        try (ProvedServer other = new ProvedServer(major, state.resolve("" + major))) {
            seesVisits(other, ALL);
            other.resume();
            seesVisits(other, APP);
        }
    }

    private static void seesVisits(ProvedServer server, Optional<List<String>> scope) throws Exception {
        server.pause(scope);
        for (String visit : VISITS.keySet()) {
            for (int gap = 0; gap <= ProvedServer.LAST; gap++) {
                assertThat(server.doubtAfter(Optional.of(VISITS.get(visit)), gap))
                        .as("%s after sample %d, databases: %s", visit, gap, scope)
                        .isPresent();
            }
        }
        assertThat(server.recorded().finalLsn())
                .as("nothing is recorded that is in doubt")
                .isEmpty();
        assertThat(server.doubtAfter(Optional.empty(), 0)).as("without a visit").isEmpty();
        assertThat(server.recorded().finalLsn()).isPresent();
    }

    @Test
    void provesAtOnceWhereNothingMoves() throws Exception {
        server.pause(ALL);
        Proved proved = server.prove(() -> {});
        assertThat(proved.attempts()).isEqualTo(1);
        assertThat(proved.samples()).hasSize(1 + ProofWindow.SAMPLES);
        assertThat(server.waits()).containsExactly(millis(20), millis(20), millis(20), millis(20));
        WritePause recorded = server.recorded();
        assertThat(recorded.finalLsn()).contains(proved.finalLsn());
        assertThat(recorded.proved()).isTrue();
    }

    /** It connects, commits and disconnects between the first two samples of each attempt, and once more before the next. */
    @Test
    void givesUpWhereASuperuserComesBackAndWrites() throws Exception {
        server.pause(ALL);
        assertThatThrownBy(() -> server.prove(() -> INSERT.to(server)))
                .isInstanceOf(StepFailed.class)
                .hasMessageContaining("could not be proved");
        assertThat(server.waits())
                .as("each attempt lasts longer than the one before")
                .containsExactly(millis(20), millis(125), millis(250), millis(500), millis(1000), millis(2000));
        assertThat(server.recorded().finalLsn()).isEmpty();
    }

    @Test
    void watchesForLongerOnceASuperuserHasWritten() throws Exception {
        server.pause(ALL);
        Proved proved = server.prove(() -> {
            if (server.waits().size() == 2) {
                INSERT.to(server);
            }
        });
        assertThat(proved.attempts()).isEqualTo(2);
        assertThat(server.waits().getLast()).isEqualTo(millis(125));
    }

    /** The agent's own transaction takes an id like any other. */
    @Test
    void samplesAgainWhereTheLeaseIsRenewedMeanwhile() throws Exception {
        server.pause(ALL);
        Proved proved = server.prove(() -> {
            if (server.waits().size() == 2) {
                server.renew();
            }
        });
        assertThat(proved.attempts()).isEqualTo(2);
        assertThat(server.waits().getLast()).isEqualTo(millis(20));
    }

    @Test
    void doesNotWaitForAPreparedTransaction() throws Exception {
        server.pause(ALL);
        server.superuser("BEGIN", "INSERT INTO t DEFAULT VALUES", "PREPARE TRANSACTION 'late'");
        try {
            assertThatThrownBy(() -> server.prove(() -> {}))
                    .isInstanceOf(StepFailed.class)
                    .hasMessageContaining("1 prepared transactions could commit");
            assertThat(server.waits()).isEmpty();
        } finally {
            server.superuser("ROLLBACK PREPARED 'late'");
        }
    }

    private static Duration millis(long millis) {
        return Duration.ofMillis(millis);
    }
}
