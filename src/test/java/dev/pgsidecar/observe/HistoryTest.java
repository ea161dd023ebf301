package dev.pgsidecar.observe;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.NOW;
import static dev.pgsidecar.observe.Pictures.history;
import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import dev.pgsidecar.postgres.Failure.Kind;
import java.time.Duration;
import java.util.Collections;
import org.junit.jupiter.api.Test;

class HistoryTest {

    @Test
    void keepsTheLastAnswerThroughFailures() {
        History history = history(Kind.DOWN, Kind.DOWN, primary());
        assertThat(history.latest()).get().isInstanceOf(Observation.Unanswered.class);
        assertThat(history.lastAnswered().orElseThrow().instance()).isEqualTo(primary());
    }

    @Test
    void countsFailuresByName() {
        History history = history(Kind.DOWN, primary(), Kind.DOWN, Kind.HUNG);
        assertThat(history.failures()).containsOnly(entry(Kind.DOWN, 2L), entry(Kind.HUNG, 1L));
    }

    @Test
    void isBounded() {
        History history =
                history(Collections.nCopies(History.LENGTH + 5, primary()).toArray());
        assertThat(history.newestFirst()).hasSize(History.LENGTH);
        assertThat(history.newestFirst().getFirst().at()).isEqualTo(Pictures.ago(1));
    }

    @Test
    void measuresAgeByTheClockThatSaysMore() {
        Moment slept = new Moment(NOW.minusSeconds(3600), ASKED.nanos() - 1_000_000_000L);
        Moment setBack = new Moment(NOW.plusSeconds(3600), ASKED.nanos() - 7_000_000_000L);
        assertThat(slept.ageAt(ASKED)).isEqualTo(Duration.ofHours(1));
        assertThat(setBack.ageAt(ASKED)).isEqualTo(Duration.ofSeconds(7));
    }

    @Test
    void tellsWhatChangedAndOnlyThat() {
        History primaryBefore = history(primary());
        Observation same = history(primary()).latest().orElseThrow();
        Observation replicaNow = history(replica(1, 1)).latest().orElseThrow();
        Observation down = history(Kind.DOWN).latest().orElseThrow();
        assertThat(Narration.between(primaryBefore, same)).isEmpty();
        assertThat(Narration.between(primaryBefore, replicaNow).orElseThrow())
                .startsWith("replica streaming, timeline 3, system_identifier 7391");
        assertThat(Narration.between(primaryBefore, down)).contains("down: tested");
        assertThat(Narration.between(history(Kind.DOWN), down)).isEmpty();
    }
}
