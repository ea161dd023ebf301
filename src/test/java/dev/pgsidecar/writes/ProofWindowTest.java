package dev.pgsidecar.writes;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProofWindowTest {

    @ParameterizedTest
    @CsvSource(textBlock = """
            # ms, came, wrote: ms of the next attempt
            80,   false, false, 80
            # autovacuum
            80,   false, true,  80
            # monitoring as a superuser
            80,   true,  false, 500
            500,  true,  false, 500
            1000, true,  false, 1000
            80,   true,  true,  500
            500,  true,  true,  1000
            1000, true,  true,  2000
            """)
    void growsWithThoseWhoComeBack(long length, boolean came, boolean wrote, long next) {
        assertThat(new ProofWindow(Duration.ofMillis(length)).next(came, wrote).length())
                .isEqualTo(Duration.ofMillis(next));
    }

    @Test
    void isLongFromTheStartWhereASessionCanComeBack() {
        assertThat(ProofWindow.first(false).length()).isEqualTo(Duration.ofMillis(80));
        assertThat(ProofWindow.first(true).length()).isEqualTo(Duration.ofMillis(500));
        assertThat(ProofWindow.first(false).betweenSamples()).isEqualTo(Duration.ofMillis(20));
        assertThat(ProofWindow.first(true).betweenSamples()).isEqualTo(Duration.ofMillis(125));
    }
}
