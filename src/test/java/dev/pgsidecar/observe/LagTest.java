package dev.pgsidecar.observe;

import static dev.pgsidecar.observe.Pictures.NOW;
import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Pictures.ReplicaPicture;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LagTest {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Test
    void isNothingOnAPrimary() {
        Lag lag = Lag.of(primary(), LIMIT);
        assertThat(lag.replayBytes()).hasValue(0);
        assertThat(lag.time()).contains(Duration.ZERO);
    }

    @Test
    void isNothingOnAnIdlePrimarysReplicaHoweverOldTheLastTransaction() {
        Lag lag = lag(replica(1000, 1000).lastTransaction(NOW.minusSeconds(86_400)));
        assertThat(lag.replayBytes()).hasValue(0);
        assertThat(lag.time()).contains(Duration.ZERO);
        assertThat(lag.unknown()).isEmpty();
    }

    @Test
    void countsBytesToWhatTheUpstreamHasNotToWhatWasReceived() {
        Lag lag = lag(replica(1000, 5000).lastTransaction(NOW.minusSeconds(4)));
        assertThat(lag.replayBytes()).hasValue(4000);
        assertThat(lag.receiveBytes()).hasValue(4000);
        assertThat(lag.time()).contains(Duration.ofSeconds(4));
    }

    @Test
    void isNoOlderThanTheMomentItHadCaughtUpLast() {
        ReplicaPicture caughtUp = replica(1000, 1000).at(NOW.minusSeconds(2));
        Lag lag =
                lag(replica(1000, 1100).lastTransaction(NOW.minusSeconds(3600)).after(caughtUp));
        assertThat(lag.time()).contains(Duration.ofSeconds(2));
    }

    @Test
    void growsWhileTheLinkIsCut() {
        ReplicaPicture before = replica(1000, 1000).at(NOW.minusSeconds(30));
        Lag lag = lag(replica(1000, 0).cut().after(before));
        assertThat(lag.replayBytes()).hasValue(0); // as far as anybody told
        assertThat(lag.time()).contains(Duration.ofSeconds(30)); // it may be as old as the last word
    }

    @Test
    void keepsWhatTheUpstreamHadWhenTheLinkBroke() {
        ReplicaPicture before = replica(1000, 9000).at(NOW.minusSeconds(30));
        assertThat(lag(replica(1000, 0).cut().after(before)).replayBytes()).hasValue(8000);
        assertThat(lag(replica(1000, 0).notStreaming().after(before)).replayBytes())
                .hasValue(8000);
    }

    @Test
    void isUnknownWhenTheUpstreamWasSilentForTooLong() {
        ReplicaPicture before = replica(1000, 1000).at(NOW.minusSeconds(61));
        Lag cut = lag(replica(1000, 0).cut().after(before));
        assertThat(cut.replayBytes()).isEmpty();
        assertThat(cut.unknown()).contains("the upstream is silent for 61s, limit 60s");
        Lag blackHole = lag(replica(1000, 1000).silent(Duration.ofSeconds(61)));
        assertThat(blackHole.replayBytes()).isEmpty();
    }

    @Test
    void isUnknownWhenNothingEverStreamed() {
        Lag lag = lag(replica(1000, 0).cut().restores());
        assertThat(lag.replayBytes()).isEmpty();
        assertThat(lag.time()).isEmpty();
        assertThat(lag.unknown()).contains("nothing streamed since the agent began to watch");
    }

    @Test
    void doesNotTakeAFreshReceiverForAWordOfTheUpstream() {
        assertThat(lag(replica(1000, 1000).unheard()).unknown()).isPresent();
        ReplicaPicture before = replica(1000, 9000).at(NOW.minusSeconds(50));
        Lag reconnected = lag(replica(1000, 1000).unheard().after(before));
        assertThat(reconnected.replayBytes()).hasValue(8000);
        ReplicaPicture longBefore = replica(1000, 9000).at(NOW.minusSeconds(61));
        assertThat(lag(replica(1000, 1000).unheard().after(longBefore)).unknown())
                .isPresent();
    }

    @Test
    void isAsOldAsASilenceThatIsTooLongAlsoWhereItStreams() {
        Lag blackHole = lag(replica(1000, 1000).silent(Duration.ofSeconds(89)));
        assertThat(blackHole.time()).contains(Duration.ofSeconds(89));
    }

    @Test
    void takesNoWordBack() {
        ReplicaPicture before = replica(1000, 9000).at(NOW.minusSeconds(1));
        assertThat(lag(replica(1000, 1000).after(before)).replayBytes()).hasValue(8000);
    }

    @Test
    void isUnknownAndNamesTheGrantWhenTheRoleMayNotSee() {
        assertThat(lag(replica(1000, 1000).unprivileged()).unknown().orElseThrow())
                .contains("GRANT pg_monitor");
    }

    @Test
    void doesNotBelieveAClockThatIsAhead() {
        Lag lag = lag(replica(1000, 2000).lastTransaction(NOW.plusSeconds(10)));
        assertThat(lag.time()).isEmpty();
        ReplicaPicture caughtUp = replica(1000, 1000).at(NOW.minusSeconds(3));
        assertThat(lag(replica(1000, 2000).lastTransaction(NOW.plusSeconds(10)).after(caughtUp))
                        .time())
                .contains(Duration.ofSeconds(3));
    }

    private static Lag lag(ReplicaPicture picture) {
        return Lag.of(picture.instance(), LIMIT);
    }
}
