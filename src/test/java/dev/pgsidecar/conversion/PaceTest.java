package dev.pgsidecar.conversion;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.postgres.ConversionWork.Effort;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class PaceTest {

    private static Effort took(int millis, long transaction) {
        return new Effort(Duration.ofMillis(millis), transaction);
    }

    @Test
    void takesSoManyRowsThatTheyAreLockedForTwentyMilliseconds() {
        Pace pace = Pace.FIRST.after(took(10, 1));
        assertThat(pace.most()).isEqualTo(400);
        assertThat(pace.after(took(40, 2)).most()).isEqualTo(200);
    }

    @Test
    void changesByDegreesAndWithinBounds() {
        Pace pace = Pace.FIRST;
        assertThat(pace.after(took(1, 1)).most()).isEqualTo(400);
        for (int batch = 0; batch < 20; batch++) {
            pace = pace.after(took(1, batch));
        }
        assertThat(pace.most()).isEqualTo(20_000);
        assertThat(pace.after(took(60_000, 1)).most()).isEqualTo(4_000);
        for (int batch = 0; batch < 20; batch++) {
            pace = pace.after(took(60_000, batch));
        }
        assertThat(pace.most()).isEqualTo(10);
    }

    @Test
    void leavesThreeQuartersOfTheTimeToThoseWhoWrite() {
        Pace pace = Pace.FIRST.after(took(20, 100));
        assertThat(pace.rest()).as("nothing to compare with").isEqualTo(Duration.ofMillis(2));
        assertThat(pace.after(took(20, 101)).rest()).as("nobody writes").isEqualTo(Duration.ofMillis(2));
        assertThat(pace.after(took(20, 102)).rest()).isEqualTo(Duration.ofMillis(60));
        assertThat(pace.after(took(90, 999)).rest()).isEqualTo(Duration.ofMillis(270));
        assertThat(pace.after(took(0, 999)).rest()).isEqualTo(Duration.ofMillis(2));
    }
}
