package dev.pgsidecar.probe;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.NOW;
import static dev.pgsidecar.observe.Pictures.history;
import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.observe.Pictures.ReplicaPicture;
import dev.pgsidecar.postgres.Failure.Kind;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReplicaRuleTest {

    @ParameterizedTest
    @CsvSource(textBlock = """
            # query,                        bytes behind, reason
            '',                             1024,  ok
            '',                             1025,  lag-exceeded
            'lag=100',                      100,   ok
            'lag=100',                      101,   lag-exceeded
            'lag=1MB',                      9000,  ok
            'lag=unlimited',                999999, ok
            'lag=0',                        0,     ok
            'lag=0',                        1,     lag-exceeded
            'lag-time=5s',                  0,     ok
            'lag=unlimited&lag-time=10s',   9000,  ok
            'lag=unlimited&lag-time=1s',    9000,  lag-exceeded
            'replication_state=streaming',  0,     ok
            """)
    void asksForLag(String query, long behind, String reason) {
        ReplicaPicture picture = replica(1_000_000 - behind, 1_000_000).lastTransaction(NOW.minusSeconds(10));
        assertThat(judge(query, LIMITS, picture).reason()).isEqualTo(reason);
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            # query,                        reason of a replica whose upstream is silent for too long
            '',                             lag-unknown
            'lag=1TB',                      lag-unknown
            'lag=unlimited',                ok
            'lag=unlimited&lag-time=1h',    ok
            'lag=unlimited&lag-time=100s',  lag-exceeded
            'lag=unlimited&replication_state=streaming', not-streaming
            """)
    void doesNotTakeSilenceForNoLag(String query, String reason) {
        ReplicaPicture before = replica(1000, 1000).at(NOW.minusSeconds(120));
        assertThat(judge(query, LIMITS, replica(1000, 0).cut().after(before)).reason())
                .isEqualTo(reason);
    }

    @Test
    void failsClosedWhenNothingIsKnown() {
        ReplicaPicture archive = replica(1000, 0).cut().restores();
        assertThat(judge("", LIMITS, archive).reason()).isEqualTo("lag-unknown");
        assertThat(judge("lag=unlimited&lag-time=1h", LIMITS, archive).reason()).isEqualTo("lag-unknown");
        assertThat(judge("lag=unlimited", LIMITS, archive).passes()).isTrue();
    }

    /** G is a good observation, B one with too much lag, X one without an answer, P one as a primary. */
    @ParameterizedTest
    @CsvSource(textBlock = """
            # newest first, rise, fall, reason
            G,      1, 1, ok
            B,      1, 1, lag-exceeded
            G,      2, 1, rising
            GG,     2, 1, ok
            GX,     2, 1, rising
            GGX,    2, 1, ok
            GXGG,   2, 1, rising
            GPGG,   2, 1, rising
            BGG,    2, 2, holding
            BBGG,   2, 2, lag-exceeded
            GBGG,   2, 2, ok
            GBBGG,  2, 2, rising
            BGBGG,  2, 2, holding
            BGBGB,  2, 2, lag-exceeded
            BXGG,   2, 2, lag-exceeded
            BBB,    1, 4, lag-exceeded
            BBBG,   1, 4, holding
            """)
    void doesNotFlap(String steps, int rise, int fall, String reason) {
        Limits limits = new Limits(
                "pg-1",
                Duration.ofSeconds(5),
                Duration.ofSeconds(20),
                Duration.ofSeconds(5),
                ByteSize.parse("1kB"),
                Duration.ofSeconds(60),
                rise,
                fall);
        Object[] newestFirst = steps.chars()
                .mapToObj(step -> switch (step) {
                    case 'G' -> replica(1000, 1000);
                    case 'B' -> replica(1000, 9000);
                    case 'P' -> primary();
                    default -> Kind.DOWN;
                })
                .toArray();
        Verdict verdict = judge("", limits, newestFirst);
        assertThat(verdict.reason()).isEqualTo(reason);
        assertThat(verdict.passes()).isEqualTo(reason.equals("ok") || reason.equals("holding"));
    }

    private static final Limits LIMITS = ProbeTest.LIMITS;

    private static Verdict judge(String query, Limits limits, Object... newestFirst) {
        return Probe.REPLICA.judge(history(newestFirst), ASKED, Question.parse(query), limits);
    }
}
