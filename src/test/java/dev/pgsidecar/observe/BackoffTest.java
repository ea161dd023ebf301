package dev.pgsidecar.observe;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackoffTest {

    private final Backoff backoff = new Backoff(Duration.ofMillis(200), Duration.ofSeconds(1));

    @ParameterizedTest
    @CsvSource({
        "0, 0.9, 200",
        "1, 0.5, 200",
        "2, 0.5, 400",
        "3, 0.5, 800",
        "4, 0.5, 1000",
        "1000, 0.5, 1000",
        "4, 0.0, 800",
        "4, 1.0, 1200"
    })
    void doublesUpToItsLimitWithJitter(int failures, double random, long millis) {
        assertThat(backoff.after(failures, random)).isEqualTo(Duration.ofMillis(millis));
    }
}
