package dev.pgsidecar.observe;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.history;
import static dev.pgsidecar.observe.Pictures.pause;
import static dev.pgsidecar.observe.Pictures.primary;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.PeerInstance.HandOver;
import dev.pgsidecar.postgres.Failure.Kind;
import dev.pgsidecar.postgres.catalog.WritePause;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What one agent tells, another one reads. */
class PeerInstanceTest {

    private static final WritePause HANDED_OVER = pause("pg-0", 3, Duration.ofSeconds(30), Optional.of("pg-1"));

    @Test
    void knowsAHandOver() {
        assertThat(read(primary(HANDED_OVER)).handedOver()).contains(new HandOver(7, "pg-1", true));
        assertThat(read(replica(1, 1).paused(HANDED_OVER)).handedOver())
                .as("it was replicated")
                .contains(new HandOver(7, "pg-1", true));
    }

    @Test
    void takesAGuaranteeThatItDoesNotKnowForBroken() {
        for (String guarantee : new String[] {"broken", "a newer agent's", null}) {
            JsonObject document = document(primary(HANDED_OVER));
            document.getJsonObject("writes").put("guarantee", guarantee);
            assertThat(PeerInstance.of(document).orElseThrow().handedOver()).contains(new HandOver(7, "pg-1", false));
        }
    }

    @Test
    void knowsNoHandOverWhereNothingIsCommitted() {
        assertThat(read(primary()).handedOver()).isEmpty();
        assertThat(read(primary(pause(Duration.ofSeconds(30)))).handedOver()).isEmpty();
        assertThat(read(replica(1, 1)).handedOver()).isEmpty();
        JsonObject ofAnOlderAgent = document(primary());
        ofAnOlderAgent.remove("writes");
        assertThat(PeerInstance.of(ofAnOlderAgent).orElseThrow().handedOver()).isEmpty();
    }

    @Test
    void knowsRoleAndTimeline() {
        assertThat(read(primary()).role()).isEqualTo(Role.PRIMARY);
        assertThat(read(primary()).timeline()).isEqualTo(3);
        assertThat(read(primary()).age()).isEqualTo(Duration.ofSeconds(1));
        assertThat(read(replica(1, 1)).role()).isEqualTo(Role.REPLICA);
        assertThat(read(replica(1, 1)).streaming()).isTrue();
    }

    @Test
    void isAbsentWhereTheServerDidNotAnswer() {
        assertThat(PeerInstance.of(document(Kind.HUNG))).isEmpty();
    }

    private static PeerInstance read(Object seen) {
        return PeerInstance.of(document(seen)).orElseThrow();
    }

    private static JsonObject document(Object seen) {
        return new JsonObject(InstanceDocument.of("pg-0", history(seen), ASKED, Duration.ofSeconds(5))
                .encode());
    }
}
