package dev.pgsidecar.promotion;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.ago;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import dev.pgsidecar.observe.PeerInstance.Downstream;
import dev.pgsidecar.observe.Pictures;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.Lsn;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The table of docs/operations.md. This standby has received and replayed up to 0/1000; it is pg-1, on timeline 3. */
class PromoteChecksTest {

    private static final Instance STANDBY =
            replica(0x1000, 0x1000).cut().after(replica(0x1000, 0x1000)).instance();

    private static final Peer DEAD = dead("pg-0", "", List.of());

    @Test
    void passesWhereTheCallerKnowsThatThePrimaryIsDeadAndNobodyHasMore() {
        assertThat(failed(judge("pg-0", DEAD, peer("pg-2", 0x1000)))).isEmpty();
        assertThat(failed(judge("pg-0", DEAD, peer("pg-2", 0x0800)))).isEmpty();
    }

    @Test
    void refusesWithoutThatKnowledge() {
        assertThat(failed(judge(null, DEAD, peer("pg-2", 0x1000)))).contains("upstream");
        assertThat(failed(judge("pg-9", DEAD, peer("pg-2", 0x1000)))).containsExactly("most-advanced", "synchronous");
    }

    @Test
    void refusesWhileAPrimaryLives() {
        assertThat(failed(judge("pg-0", primary("pg-0", 3), peer("pg-2", 0x1000))))
                .contains("upstream");
        assertThat(failed(judge("pg-0", DEAD, primary("pg-2", 4)))).contains("upstream", "timeline");
        Instance streams = replica(0x1000, 0x1000).instance();
        assertThat(failed(checks(streams, "pg-0", null, DEAD, peer("pg-2", 0x1000))))
                .containsExactly("upstream");
    }

    @Test
    void refusesWhileAnotherIsBeingPromoted() {
        Peer rival = peer("pg-2", new Word().operation("promote"));
        assertThat(check(judge("pg-0", DEAD, rival), "upstream").found()).isEqualTo("pg-2 is just being promoted");
    }

    @Test
    void refusesWhereAPeerHasMoreOrMay() {
        assertThat(check(judge("pg-0", DEAD, peer("pg-2", 0x1001)), "most-advanced")
                        .found())
                .contains("pg-2 has received up to 0/1001");
        assertThat(check(judge("pg-0", DEAD, peer("pg-2", new Word().streaming())), "most-advanced")
                        .found())
                .contains("pg-2 still streams from the primary");
        assertThat(check(judge("pg-0", DEAD, silent("pg-2")), "most-advanced").found())
                .contains("pg-2: its agent does not answer");
        assertThat(check(judge("pg-0", DEAD, old("pg-2")), "most-advanced").failed())
                .isTrue();
        assertThat(check(judge("pg-0"), "most-advanced").found()).isEqualTo("no peer is configured");
    }

    @Test
    void letsACascadingPeerStreamFromAnotherStandby() {
        Peer below = peer("pg-3", new Word().streaming());
        Peer above = peer("pg-2", new Word().downstream("pg-3"));
        assertThat(failed(judge("pg-0", DEAD, above, below))).isEmpty();
    }

    @Test
    void refusesAnOlderTimeline() {
        assertThat(failed(judge("pg-0", DEAD, peer("pg-2", new Word().timeline(4)))))
                .containsExactly("timeline");
    }

    @Test
    void looksWhomTheDeadPrimaryWaitedFor() {
        Peer two = peer("pg-2", 0x1000);
        assertThat(sync(
                        dead("pg-0", "pg-1", List.of(new Downstream("pg-1", Optional.empty(), Optional.of("sync")))),
                        two))
                .isFalse();
        assertThat(sync(
                        dead(
                                "pg-0",
                                "ANY 1 (a, b)",
                                List.of(new Downstream("pg-1", Optional.empty(), Optional.of("quorum")))),
                        two))
                .isFalse();
        assertThat(sync(
                        dead("pg-0", "pg-9", List.of(new Downstream("pg-1", Optional.empty(), Optional.of("async")))),
                        two))
                .as("left out")
                .isTrue();
        assertThat(sync(dead("pg-0", "pg-9", List.of()), two))
                .as("not among them")
                .isTrue();
        assertThat(sync(silent("pg-0"), two)).as("not known").isTrue();
        Peer preferred = dead(
                "pg-0",
                "pg-2",
                List.of(
                        new Downstream("pg-1", Optional.empty(), Optional.of("async")),
                        new Downstream("pg-2", Optional.empty(), Optional.of("sync"))));
        assertThat(sync(preferred, peer("pg-2", 0x1000)))
                .as("as much as the synchronous one")
                .isFalse();
        assertThat(sync(preferred, peer("pg-2", 0x1001))).as("less than it").isTrue();
        assertThat(sync(preferred, silent("pg-2"))).isTrue();
    }

    @Test
    void takesACleanStopsCheckpointStrictly() {
        assertThat(failed(checks(STANDBY, null, "0/FFF", DEAD, silent("pg-2")))).isEmpty();
        assertThat(failed(checks(STANDBY, null, "0/1000", DEAD, peer("pg-2", 0x1000))))
                .as("the record itself is missing")
                .contains("upstream");
    }

    @Test
    void waitsForReplay() {
        Instance behind = replica(0x0F00, 0x1000).cut().instance();
        assertThat(failed(checks(behind, "pg-0", null, DEAD, peer("pg-2", 0x0F00))))
                .isEmpty();
    }

    private static boolean sync(Peer dead, Peer... others) {
        Peer[] all = new Peer[others.length + 1];
        all[0] = dead;
        System.arraycopy(others, 0, all, 1, others.length);
        return check(judge("pg-0", all), "synchronous").failed();
    }

    private static List<Check> judge(String deadPrimary, Peer... peers) {
        return checks(STANDBY, deadPrimary, null, peers);
    }

    private static List<Check> checks(Instance standby, String deadPrimary, String checkpoint, Peer... peers) {
        JsonObject request = new JsonObject();
        if (deadPrimary != null) {
            request.put("deadPrimary", deadPrimary);
        }
        if (checkpoint != null) {
            request.put("expect", new JsonObject().put("checkpointLsn", checkpoint));
        }
        PromoteFacts facts =
                new PromoteFacts(standby.facts(), List.of(), Optional.of(false), List.of(), Optional.empty(), 20, 10);
        return new PromoteChecks(
                        facts, PromoteRequest.of(request), List.of(peers), "pg-1", ASKED, Duration.ofSeconds(5))
                .judge();
    }

    private static List<String> failed(List<Check> checks) {
        return checks.stream().filter(Check::failed).map(Check::name).toList();
    }

    private static Check check(List<Check> checks, String name) {
        return checks.stream()
                .filter(check -> check.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static Peer peer(String name, long position) {
        return peer(name, new Word().position(position));
    }

    private static Peer peer(String name, Word word) {
        return new Peer(
                name,
                Optional.of(ago(1)),
                Optional.of(word.instance()),
                Optional.of(word.instance()),
                Optional.empty());
    }

    private static Peer primary(String name, int timeline) {
        return peer(name, new Word().primary().timeline(timeline));
    }

    private static Peer dead(String name, String synchronousStandbyNames, List<Downstream> downstreams) {
        Word before = new Word().primary();
        before.synchronousStandbyNames = Optional.of(synchronousStandbyNames);
        before.downstreams = downstreams;
        return new Peer(
                name,
                Optional.of(ago(1)),
                Optional.empty(),
                Optional.of(before.instance()),
                Optional.of("its server: down"));
    }

    private static Peer silent(String name) {
        return new Peer(
                name,
                Optional.of(ago(1)),
                Optional.empty(),
                Optional.empty(),
                Optional.of("its agent does not answer"));
    }

    private static Peer old(String name) {
        Moment longAgo = Pictures.ago(60);
        PeerInstance instance = new Word().instance();
        return new Peer(name, Optional.of(longAgo), Optional.of(instance), Optional.of(instance), Optional.empty());
    }

    /** What a peer says, to be varied: a replica that has received as much and streams no more. */
    private static final class Word {
        private Role role = Role.REPLICA;
        private int timeline = 3;
        private long position = 0x1000;
        private boolean streaming;
        private List<Downstream> downstreams = List.of();
        private Optional<String> operation = Optional.empty();
        private Optional<String> synchronousStandbyNames = Optional.empty();

        Word primary() {
            role = Role.PRIMARY;
            return this;
        }

        Word timeline(int number) {
            timeline = number;
            return this;
        }

        Word position(long bytes) {
            position = bytes;
            return this;
        }

        Word streaming() {
            streaming = true;
            return this;
        }

        Word downstream(String application) {
            downstreams = List.of(new Downstream(application, Optional.empty(), Optional.of("async")));
            return this;
        }

        Word operation(String kind) {
            operation = Optional.of(kind);
            return this;
        }

        PeerInstance instance() {
            return new PeerInstance(
                    "7391",
                    role,
                    timeline,
                    Duration.ZERO,
                    Optional.of(new Lsn(position)),
                    Optional.empty(),
                    streaming,
                    downstreams,
                    List.of(),
                    operation,
                    synchronousStandbyNames);
        }
    }
}
