package dev.pgsidecar.promotion;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.ago;
import static dev.pgsidecar.observe.Pictures.pause;
import static dev.pgsidecar.observe.Pictures.replica;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.PeerInstance;
import dev.pgsidecar.observe.PeerInstance.Downstream;
import dev.pgsidecar.observe.PeerInstance.HandOver;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.WritePause;
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

    /** Where the handed over pauses end. */
    private static final long FINAL = 5000;

    private static final WritePause HANDED_OVER = committed(Optional.of("pg-1"));
    private static final Peer HOLDER = peer("pg-0", holding());

    @Test
    void passesWhereTheCallerKnowsThatThePrimaryIsDeadAndNobodyHasMore() {
        assertThat(failed(judge("pg-0", DEAD, peer("pg-2", 0x1000)))).isEmpty();
        assertThat(failed(judge("pg-0", DEAD, peer("pg-2", 0x0800)))).isEmpty();
    }

    @Test
    void refusesWithoutThatKnowledge() {
        assertThat(failed(judge(null, DEAD, peer("pg-2", 0x1000)))).contains("upstream");
        assertThat(check(judge("pg-9", DEAD, peer("pg-2", 0x1000)), "upstream").found())
                .isEqualTo("there is no peer \"pg-9\", but pg-0, pg-2");
        assertThat(check(judge("pg-2", DEAD, gone("pg-2")), "upstream").found())
                .isEqualTo("pg-2 was a replica when it was last heard of");
        assertThat(catchThrowable(() -> judge(" "))).hasMessage("deadPrimary: it is empty");
    }

    @Test
    void refusesWhileAPrimaryLives() {
        assertThat(failed(judge("pg-0", primary("pg-0", 3), peer("pg-2", 0x1000))))
                .contains("upstream");
        assertThat(failed(judge("pg-0", DEAD, primary("pg-2", 4)))).contains("upstream", "timeline");
        assertThat(check(judge("pg-0", DEAD, peer("pg-2", new Word().streaming())), "upstream")
                        .found())
                .isEqualTo("pg-2 still streams from the primary");
        Instance streams = replica(0x1000, 0x1000).instance();
        assertThat(failed(checks(streams, "pg-0", null, DEAD, peer("pg-2", 0x1000))))
                .containsExactly("upstream");
        Instance hidden = replica(0x1000, 0x1000).unprivileged().instance();
        assertThat(check(checks(hidden, "pg-0", null, DEAD, peer("pg-2", 0x1000)), "upstream")
                        .found())
                .isEqualTo("it streams to this standby");
        assertThat(check(judge("pg-0", DEAD, peer("pg-2", new Word().streaming())), "upstream")
                        .waivable())
                .isFalse();
    }

    @Test
    void refusesWhileAnotherIsBeingPromoted() {
        Peer rival = peer("pg-2", new Word().operation("promote"));
        assertThat(check(judge("pg-0", DEAD, rival), "upstream").found()).isEqualTo("pg-2 is just being promoted");
        Peer rivalWithoutServer =
                spoke("pg-2", ago(1), Optional.empty(), Optional.of("promote"), new Word().instance());
        assertThat(check(judge("pg-0", DEAD, rivalWithoutServer), "upstream").found())
                .isEqualTo("pg-2 is just being promoted");
    }

    @Test
    void refusesWhereAPeerHasMore() {
        Check more = check(judge("pg-0", DEAD, peer("pg-2", 0x1001)), "most-advanced");
        assertThat(more.found()).contains("pg-2 has received up to 0/1001");
        assertThat(more.waivable()).isTrue();
    }

    @Test
    void namesTheCommandThatPromotesTheMostAdvancedStandby() {
        assertThat(moreWal(judge("pg-0", DEAD, peer("pg-2", 0x1001), peer("pg-3", 0x1002), peer("pg-4", 0x0800))))
                .isEqualTo("promote pg-3 instead: pgsidecar promote --agent pg-3 --dead pg-0;"
                        + " or waive most-advanced and lose what pg-3 has");
        assertThat(moreWal(checks(STANDBY, null, "0/F88", DEAD, peer("pg-2", 0x1001))))
                .startsWith("promote pg-2 instead: pgsidecar promote --agent pg-2 --expect-checkpoint 0/F88;");
        assertThat(moreWal(judge(null, DEAD, peer("pg-2", 0x1001))))
                .startsWith("promote pg-2 instead: pgsidecar promote --agent pg-2;");
        assertThat(moreWal(judge("pg-0", peer("pg-0", new Word().primary().position(0x1001)))))
                .as("a living primary is not promoted")
                .isEqualTo("the primary that has more is alive: see upstream");
    }

    private static String moreWal(List<Check> checks) {
        return check(checks, "most-advanced").hint();
    }

    @Test
    void refusesWhereAPeerMayHaveMore() {
        assertThat(check(judge("pg-0", DEAD, silent("pg-2")), "peers-answer").found())
                .isEqualTo("pg-2: its agent does not answer");
        assertThat(check(judge("pg-0", DEAD, old("pg-2")), "peers-answer").failed())
                .isTrue();
        assertThat(check(judge("pg-0", DEAD, peer("pg-2", new Word().restarted())), "peers-answer")
                        .found())
                .contains("has received nothing since it was started");
        assertThat(check(judge("pg-0", DEAD, peer("pg-2", new Word().unprivileged())), "peers-answer")
                        .found())
                .contains("GRANT pg_monitor");
        assertThat(check(judge("pg-0"), "peers-answer").found()).isEqualTo("no peer is configured");
    }

    @Test
    void letsACascadingPeerStreamFromAnotherStandby() {
        Peer below = peer("pg-3", new Word().streaming());
        Peer above = peer("pg-2", new Word().downstream("pg-3"));
        assertThat(failed(judge("pg-0", DEAD, above, below))).isEmpty();
    }

    @Test
    void refusesAnOlderTimeline() {
        Check newer = check(judge("pg-0", DEAD, peer("pg-2", new Word().timeline(4))), "timeline");
        assertThat(newer.failed()).isTrue();
        assertThat(newer.waivable()).isTrue();
        Peer deadOnTheNext = spoke(
                "pg-0",
                ago(4),
                Optional.empty(),
                Optional.empty(),
                new Word().primary().timeline(4).instance());
        assertThat(check(judge("pg-0", deadOnTheNext, peer("pg-2", 0x1000)), "timeline")
                        .failed())
                .isTrue();
        assertThat(check(judge("pg-0", deadOnTheNext, peer("pg-2", 0x1000)), "timeline")
                        .waivable())
                .isFalse();
    }

    @Test
    void looksWhomTheDeadPrimaryWaitedFor() {
        Peer two = peer("pg-2", 0x1000);
        assertThat(sync(dead("pg-0", "pg-1", List.of(standby("pg-1", "sync"))), two))
                .isFalse();
        assertThat(sync(dead("pg-0", "pg-9", List.of(standby("pg-1", "async"))), two))
                .as("left out")
                .isTrue();
        assertThat(sync(dead("pg-0", "pg-9", List.of()), two))
                .as("not among them")
                .isTrue();
        assertThat(sync(silent("pg-0"), two)).as("not known").isTrue();
        Peer longAgo = spoke(
                "pg-0",
                ago(60),
                Optional.empty(),
                Optional.empty(),
                lastWord("pg-1", List.of(standby("pg-1", "sync"))).instance());
        assertThat(sync(longAgo, two)).as("it may have changed since").isTrue();
        Peer preferred = dead("pg-0", "pg-2", List.of(standby("pg-1", "async"), standby("pg-2", "sync")));
        assertThat(sync(preferred, peer("pg-2", 0x1000)))
                .as("as much as the synchronous one")
                .isFalse();
        assertThat(sync(preferred, peer("pg-2", 0x1001))).as("less than it").isTrue();
        assertThat(sync(preferred, peer("pg-2", new Word().restarted()))).isTrue();
        assertThat(sync(preferred, silent("pg-2"))).isTrue();
    }

    @Test
    void countsAQuorum() {
        List<Downstream> both = List.of(standby("pg-1", "quorum"), standby("pg-2", "quorum"));
        Peer one = dead("pg-0", "ANY 1 (\"pg-1\", \"pg-2\")", both);
        assertThat(sync(one, peer("pg-2", 0x1000))).as("no less than both").isFalse();
        assertThat(sync(one, silent("pg-2")))
                .as("pg-2 alone may have acknowledged")
                .isTrue();
        assertThat(sync(one, peer("pg-2", 0x1001))).isTrue();
        Peer two = dead("pg-0", "ANY 2 (\"pg-1\", \"pg-2\")", both);
        assertThat(sync(two, silent("pg-2"))).as("each has all").isFalse();
        String everybody = "ANY 1 (\"pg-0\", \"pg-1\", \"pg-2\")";
        assertThat(sync(dead("pg-0", everybody, both), peer("pg-2", 0x1000)))
                .as("one list for all servers: the primary did not wait for itself")
                .isFalse();
        assertThat(sync(dead("pg-0", everybody, both), silent("pg-2"))).isTrue();
        List<Downstream> namesake = List.of(both.getFirst(), both.getLast(), standby("pg-0", "quorum"));
        assertThat(sync(dead("pg-0", everybody, namesake), peer("pg-2", 0x1000)))
                .as("a standby has the primary's name, and may have acknowledged")
                .isTrue();
        assertThat(sync(dead("pg-0", "ANY 1 (*)", both), peer("pg-2", 0x1000)))
                .as("of how many, is not known")
                .isTrue();
    }

    @Test
    void takesACleanStopsCheckpointExactly() {
        assertThat(failed(checks(STANDBY, null, "0/F88", DEAD, silent("pg-2")))).isEmpty();
        assertThat(failed(checks(STANDBY, null, "0/1000", DEAD, peer("pg-2", 0x1000))))
                .as("the record itself is missing")
                .contains("upstream");
        assertThat(check(checks(STANDBY, null, "0/800", DEAD, peer("pg-2", 0x1000)), "upstream")
                        .hint())
                .as("the checkpoint of a primary that wrote on")
                .contains("it was no clean stop");
        assertThat(failed(checks(STANDBY, null, "0/F88", DEAD, peer("pg-2", 0x1001))))
                .containsExactly("most-advanced");
    }

    @Test
    void takesOverFromALivingPrimaryThatHasHandedOver() {
        assertThat(failed(handOver(HANDED_OVER, HOLDER, peer("pg-2", new Word().streaming()))))
                .isEmpty();
        assertThat(failed(handOver(HANDED_OVER, HOLDER, silent("pg-2"))))
                .as("nothing can be lacking here")
                .isEmpty();
        assertThat(failed(handOver(HANDED_OVER, HOLDER, peer("pg-2", FINAL + 0x1000))))
                .as("behind the final position nobody wrote")
                .isEmpty();
        assertThat(check(handOver(HANDED_OVER, HOLDER), "upstream").found())
                .isEqualTo("handed over by pg-0, up to 0/1388");
        assertThat(check(handOver(HANDED_OVER, HOLDER), "peers-answer").required())
                .startsWith("pg-0 answers, or is known to be dead");
    }

    @Test
    void judgesWhatWaitsForReplayAfterAHandOverAsWell() {
        Instance behind = replica(FINAL, FINAL + 0x1000)
                .received(FINAL + 0x1000)
                .paused(HANDED_OVER)
                .instance();
        List<Check> checks = judge(behind, 7, HOLDER);
        assertThat(failed(checks)).containsExactly("replayed");
        assertThat(check(checks, "replayed").found()).startsWith("4096 bytes wait");
        assertThat(check(checks, "replayed").waivable()).isTrue();
        JsonObject enough = new JsonObject().put("generation", 7).put("maxLag", "4096");
        assertThat(failed(judge(behind, enough, HOLDER))).isEmpty();
        JsonObject none = new JsonObject().put("generation", 7);
        assertThat(failed(judge(behind, true, none, HOLDER)))
                .as("what was received last may be on its way")
                .containsExactly("replayed");
        Instance torn = replica(FINAL, FINAL + 0x1000)
                .received(FINAL + 0x1000)
                .paused(HANDED_OVER)
                .cut()
                .instance();
        assertThat(failed(judge(torn, none, HOLDER))).as("it replays").contains("replayed");
        assertThat(failed(judge(torn, true, none, HOLDER)))
                .as("the rest is no record")
                .doesNotContain("replayed");
    }

    @Test
    void refusesWhereTheHolderHoldsItsWritesBackNoMore() {
        String noMore = "pg-0 holds its writes back no more, or is just resuming them";
        List<Word> words = List.of(
                new Word().primary(),
                new Word().primary().handedOver(6, "pg-1"),
                new Word().primary().handedOver(8, "pg-1"),
                new Word().primary().handedOver(7, "pg-2"),
                holding().timeline(2),
                holding().operation("resume"));
        for (Word word : words) {
            List<Check> checks = handOver(HANDED_OVER, peer("pg-0", word), peer("pg-2", 0x1000));
            assertNotHandedOver(checks, noMore);
            assertThat(failed(checks)).containsExactly("upstream");
        }
        List<Check> newer = handOver(HANDED_OVER, peer("pg-0", holding().timeline(4)));
        assertNotHandedOver(newer, noMore);
        assertThat(failed(newer)).containsExactly("upstream", "timeline");
        Peer withoutServer = spoke(
                "pg-0",
                ago(1),
                Optional.empty(),
                Optional.of("resume"),
                holding().instance());
        assertNotHandedOver(handOver(HANDED_OVER, withoutServer), noMore);
        assertNotHandedOver(
                judge(standby(HANDED_OVER, FINAL), nowDead("pg-0"), peer("pg-0", new Word().primary())), noMore);
        assertNotHandedOver(judge(standby(HANDED_OVER, FINAL), nowDead("pg-0"), withoutServer), noMore);
    }

    @Test
    void refusesAPauseThatAPeerReportsAsBroken() {
        Peer longAgo = spoke(
                "pg-0",
                ago(60),
                Optional.empty(),
                Optional.empty(),
                holding().broken().instance());
        for (Peer[] peers : new Peer[][] {
            {peer("pg-0", holding().broken())},
            {longAgo},
            {HOLDER, peer("pg-2", new Word().handedOver(7, "pg-1").broken())}
        }) {
            List<Check> checks = judge(standby(HANDED_OVER, FINAL), nowDead("pg-0"), peers);
            Check upstream = check(checks, "upstream");
            assertThat(upstream.failed()).isTrue();
            assertThat(upstream.found()).contains("reports that the guarantee of this pause is broken");
            assertThat(upstream.hint()).contains("POST /v1/writes/resume at pg-0's agent", "without a generation");
            assertThat(upstream.waivable()).isFalse();
        }
        assertThat(failed(handOver(
                        HANDED_OVER,
                        HOLDER,
                        peer(
                                "pg-2",
                                new Word().timeline(2).handedOver(7, "pg-1").broken()))))
                .as("a pause of another timeline")
                .isEmpty();
    }

    @Test
    void caresOnlyForTheHoldersOwnResume() {
        assertThat(failed(handOver(HANDED_OVER, HOLDER, peer("pg-2", new Word().operation("resume")))))
                .isEmpty();
        assertThat(failed(handOver(HANDED_OVER, peer("pg-0", holding().operation("commit")))))
                .isEmpty();
    }

    @Test
    void wantsTheHolderToAnswerAfterAHandOver() {
        Peer oldWord = spoke(
                "pg-0",
                ago(60),
                Optional.of(holding().instance()),
                Optional.empty(),
                holding().instance());
        Peer serverGone = spoke(
                "pg-0", ago(1), Optional.empty(), Optional.empty(), holding().instance());
        Peer other = peer("pg-2", 0x1000);
        for (Peer[] peers :
                new Peer[][] {{}, {silent("pg-0")}, {oldWord}, {serverGone}, {silent("pg-0"), other}, {other}}) {
            List<Check> checks = handOver(HANDED_OVER, peers);
            assertThat(failed(checks)).containsExactly("peers-answer");
            Check unknown = check(checks, "peers-answer");
            assertThat(unknown.found()).startsWith("pg-0");
            assertThat(unknown.hint()).startsWith("order it again").contains("waive peers-answer", "deadPrimary");
            assertThat(unknown.waivable()).isTrue();
            assertThat(failed(judge(standby(HANDED_OVER, FINAL), nowDead("pg-0"), peers)))
                    .as("it is known to be dead")
                    .isEmpty();
            assertThat(failed(judge(standby(HANDED_OVER, FINAL), nowDead("pg-2"), peers)))
                    .as("another one is")
                    .containsExactly("peers-answer");
        }
    }

    @Test
    void asksForTheStandbysWhereNothingWasHandedOver() {
        List<Check> checks = handOver(committed(Optional.empty()), HOLDER, silent("pg-2"));
        assertThat(failed(checks)).contains("upstream", "peers-answer");
        assertThat(check(checks, "peers-answer").found()).isEqualTo("pg-2: its agent does not answer");
    }

    @Test
    void refusesWhatWasNotHandedOver() {
        assertNotHandedOver(judge(standby(HANDED_OVER, FINAL), 6, HOLDER), "generation 7");
        assertNotHandedOver(handOver(committed(Optional.empty()), HOLDER), "not committed");
        assertNotHandedOver(handOver(committed(Optional.of("pg-2")), HOLDER), "handed over to pg-2");
        assertNotHandedOver(handOver(broken(), HOLDER), "somebody may have written in spite of it");
        assertNotHandedOver(judge(standby(HANDED_OVER, FINAL - 1), 7, HOLDER), "not replayed up to 0/1388");
        assertNotHandedOver(judge(replica(FINAL, FINAL).instance(), 7, HOLDER), "no pause has been replicated to here");
    }

    @Test
    void refusesAHandOverWhereSomebodyElseIsThePrimary() {
        assertNotHandedOver(handOver(HANDED_OVER, HOLDER, primary("pg-2", 3)), "pg-2 is a primary");
        assertNotHandedOver(
                handOver(HANDED_OVER, HOLDER, peer("pg-2", new Word().operation("promote"))),
                "pg-2 is just being promoted");
        assertThat(failed(handOver(HANDED_OVER, HOLDER, primary("pg-2", 4)))).containsExactly("upstream", "timeline");
    }

    @Test
    void refusesALivingPrimaryWhereTheGenerationIsNotNamed() {
        List<Check> checks = checks(standby(HANDED_OVER, FINAL), "pg-0", null, primary("pg-0", 3));
        assertThat(check(checks, "upstream").failed()).isTrue();
        assertThat(check(checks, "upstream").hint()).contains("\"generation\"");
    }

    private static void assertNotHandedOver(List<Check> checks, String found) {
        Check upstream = check(checks, "upstream");
        assertThat(upstream.failed()).isTrue();
        assertThat(upstream.found()).isEqualTo(found);
        assertThat(upstream.waivable()).isFalse();
        assertThat(upstream.hint()).contains("GET /v1/writes", "POST /v1/writes/commit");
    }

    private static List<Check> handOver(WritePause pause, Peer... peers) {
        return judge(standby(pause, FINAL), 7, peers);
    }

    private static JsonObject nowDead(String name) {
        return new JsonObject().put("generation", 7).put("deadPrimary", name);
    }

    /** What a primary says that has handed over to this standby. */
    private static Word holding() {
        return new Word().primary().handedOver(7, "pg-1");
    }

    private static Instance standby(WritePause pause, long replay) {
        return replica(replay, FINAL).paused(pause).instance();
    }

    private static WritePause committed(Optional<String> target) {
        return pause("pg-0", 3, Duration.ofSeconds(30), target);
    }

    private static WritePause broken() {
        return new WritePause(
                HANDED_OVER.generation(),
                HANDED_OVER.node(),
                HANDED_OVER.timeline(),
                HANDED_OVER.operation(),
                HANDED_OVER.orderedBy(),
                HANDED_OVER.reason(),
                HANDED_OVER.allDatabases(),
                HANDED_OVER.databases(),
                HANDED_OVER.method(),
                HANDED_OVER.started(),
                HANDED_OVER.expires(),
                HANDED_OVER.left(),
                HANDED_OVER.held(),
                HANDED_OVER.finalLsn(),
                Optional.of(WritePause.BROKEN),
                HANDED_OVER.committedTo(),
                HANDED_OVER.undo());
    }

    private static Downstream standby(String name, String state) {
        return new Downstream(name, Optional.empty(), Optional.of(state));
    }

    /** A replica whose server does not answer any more. */
    private static Peer gone(String name) {
        return spoke(name, ago(1), Optional.empty(), Optional.empty(), new Word().instance());
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
        return judge(standby, request, peers);
    }

    private static List<Check> judge(Instance standby, long generation, Peer... peers) {
        return judge(standby, new JsonObject().put("generation", generation), peers);
    }

    private static List<Check> judge(Instance standby, JsonObject request, Peer... peers) {
        return judge(standby, false, request, peers);
    }

    private static List<Check> judge(Instance standby, boolean replayEnded, JsonObject request, Peer... peers) {
        PromoteFacts facts = new PromoteFacts(
                standby.facts(), List.of(), Optional.of(false), List.of(), Optional.empty(), replayEnded, 20, 10);
        return new PromoteChecks(
                        facts,
                        PromoteRequest.of(request),
                        List.of(peers),
                        "pg-1",
                        Optional.of(Duration.ofSeconds(3)),
                        ASKED,
                        Duration.ofSeconds(5))
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
        return spoke(name, ago(1), Optional.of(word.instance()), word.operation, word.instance());
    }

    private static Peer primary(String name, int timeline) {
        return peer(name, new Word().primary().timeline(timeline));
    }

    private static Peer dead(String name, String synchronousStandbyNames, List<Downstream> downstreams) {
        return spoke(
                name,
                ago(4),
                Optional.empty(),
                Optional.empty(),
                lastWord(synchronousStandbyNames, downstreams).instance());
    }

    private static Word lastWord(String synchronousStandbyNames, List<Downstream> downstreams) {
        Word before = new Word().primary();
        before.synchronousStandbyNames = Optional.of(synchronousStandbyNames);
        before.downstreams = downstreams;
        return before;
    }

    private static Peer silent(String name) {
        return new Peer(
                name,
                Optional.of(ago(1)),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of("its agent does not answer"));
    }

    private static Peer old(String name) {
        return spoke(name, ago(60), Optional.of(new Word().instance()), Optional.empty(), new Word().instance());
    }

    private static Peer spoke(
            String name, Moment at, Optional<PeerInstance> now, Optional<String> operation, PeerInstance before) {
        return new Peer(
                name,
                Optional.of(at),
                now,
                operation,
                Optional.of(before),
                Optional.of(at),
                now.isPresent() ? Optional.empty() : Optional.of("its server: down"));
    }

    /** What a peer says, to be varied: a replica that has received as much and streams no more. */
    private static final class Word {
        private Role role = Role.REPLICA;
        private int timeline = 3;
        private long position = 0x1000;
        private boolean streaming;
        private boolean seesAll = true;
        private List<Downstream> downstreams = List.of();
        private Optional<String> operation = Optional.empty();
        private Optional<String> synchronousStandbyNames = Optional.empty();
        private Optional<HandOver> handedOver = Optional.empty();

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

        /** It has received nothing since it was started. */
        Word restarted() {
            position = -1;
            return this;
        }

        Word unprivileged() {
            seesAll = false;
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

        Word handedOver(long generation, String target) {
            handedOver = Optional.of(new HandOver(generation, target, true));
            return this;
        }

        Word broken() {
            handedOver = handedOver.map(held -> new HandOver(held.generation(), held.target(), false));
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
                    position < 0 ? Optional.empty() : Optional.of(new Lsn(position)),
                    Optional.empty(),
                    streaming,
                    downstreams,
                    List.of(),
                    seesAll,
                    synchronousStandbyNames,
                    handedOver);
        }
    }
}
