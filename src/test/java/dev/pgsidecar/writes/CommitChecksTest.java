package dev.pgsidecar.writes;

import static dev.pgsidecar.observe.Pictures.ASKED;
import static dev.pgsidecar.observe.Pictures.pause;
import static dev.pgsidecar.writes.Scene.COMMITTED;
import static dev.pgsidecar.writes.Scene.FINAL;
import static dev.pgsidecar.writes.Scene.INHERITED;
import static dev.pgsidecar.writes.Scene.PAUSED;
import static dev.pgsidecar.writes.Scene.assertRefused;
import static dev.pgsidecar.writes.Scene.check;
import static dev.pgsidecar.writes.Scene.committed;
import static dev.pgsidecar.writes.Scene.failed;
import static dev.pgsidecar.writes.Scene.names;
import static dev.pgsidecar.writes.Scene.old;
import static dev.pgsidecar.writes.Scene.onTimeline;
import static dev.pgsidecar.writes.Scene.open;
import static dev.pgsidecar.writes.Scene.primary;
import static dev.pgsidecar.writes.Scene.proof;
import static dev.pgsidecar.writes.Scene.sender;
import static dev.pgsidecar.writes.Scene.silent;
import static dev.pgsidecar.writes.Scene.standby;
import static dev.pgsidecar.writes.Scene.standbyWithSlot;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.observe.Peer;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.WalSender;
import dev.pgsidecar.postgres.catalog.WritePause;
import dev.pgsidecar.writes.Scene.Refusing;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The pause of generation 7 is to be handed over to pg-1. */
class CommitChecksTest {

    private static final WalSender CAUGHT_UP = sender("pg-1", FINAL);
    private static final Peer[] PEERS = {standby("pg-1"), standby("pg-2")};

    @Test
    void passForAStandbyThatHasEverything() {
        assertThat(failed(judge(primary(PAUSED, CAUGHT_UP), PEERS))).isEmpty();
        assertThat(failed(judge(primary(PAUSED, sender("pg-1", FINAL + 1)), PEERS)))
                .isEmpty();
        assertThat(failed(judge(primary(PAUSED, CAUGHT_UP), standby("pg-1"), silent("pg-2"))))
                .as("of the others nothing is wanted")
                .isEmpty();
        assertThat(failed(judge(primary(PAUSED, CAUGHT_UP))))
                .as("without peers by its application_name")
                .isEmpty();
        assertThat(names(judge(primary(PAUSED, CAUGHT_UP), PEERS))).isEqualTo(CommitChecks.NAMES);
    }

    @Test
    void knowTheStandbyByItsSlotFirst() {
        Peer target = standbyWithSlot("pg-1", "standby_1");
        Optional<Lsn> all = Optional.of(new Lsn(FINAL));
        Optional<Lsn> less = Optional.of(new Lsn(FINAL - 1));
        WalSender bySlot = sender("walreceiver", Optional.of("standby_1"), all);
        assertThat(failed(judge(primary(PAUSED, bySlot), target))).isEmpty();
        assertThat(failed(judge(primary(PAUSED, sender("pg-1", Optional.of("other"), less), bySlot), target)))
                .isEmpty();
        WalSender behind = sender("walreceiver", Optional.of("standby_1"), less);
        assertThat(failed(judge(primary(PAUSED, sender("pg-1", Optional.of("other"), all), behind), target)))
                .containsExactly("caught-up");
    }

    @Test
    void passAgainWhereItIsDone() {
        assertThat(failed(judge(primary(COMMITTED, CAUGHT_UP), PEERS))).isEmpty();
    }

    @Test
    void wantAPrimary() {
        assertRefused(judge(standby(PAUSED), PEERS), "primary", Refusing.FIRMLY, "a replica", "at the primary's agent");
    }

    @Test
    void wantThePauseThatTheCallerMeans() {
        assertRefused(
                judge(primary(PAUSED, CAUGHT_UP), request(6, "pg-1"), PEERS),
                "generation",
                Refusing.AS_A_CONFLICT,
                "generation 7",
                "GET /v1/writes");
        assertThat(failed(judge(primary(PAUSED, CAUGHT_UP), request(6, "pg-1"), PEERS)))
                .containsExactly("generation");
        assertRefused(
                judge(primary(PAUSED, CAUGHT_UP), request(null, "pg-1"), PEERS),
                "generation",
                Refusing.FIRMLY,
                "none is named",
                "GET /v1/writes");
        assertRefused(
                judge(open(CAUGHT_UP), PEERS),
                "generation",
                Refusing.AS_A_CONFLICT,
                "writes are not paused",
                "GET /v1/writes");
        assertThat(failed(judge(open(CAUGHT_UP), PEERS))).containsExactly("generation", "proved", "caught-up");
    }

    @Test
    void refuseWhereItIsCommittedToAnother() {
        WritePause other = committed("pg-2");
        assertThat(failed(judge(primary(other, CAUGHT_UP), PEERS))).containsExactly("not-committed");
        assertRefused(
                judge(primary(other, CAUGHT_UP), PEERS),
                "not-committed",
                Refusing.AS_A_CONFLICT,
                "committed to pg-2",
                "promote that one, or resume here first");
        assertThat(failed(judge(primary(COMMITTED, CAUGHT_UP), request(7, null), PEERS)))
                .contains("not-committed");
    }

    @Test
    void refuseWhereAnotherPrimaryHasFollowed() {
        List<Check> checks = judge(primary(PAUSED, CAUGHT_UP), standby("pg-1"), onTimeline("pg-2", Role.PRIMARY, 4));
        assertThat(failed(checks)).containsExactly("superseded");
        assertRefused(checks, "superseded", Refusing.FIRMLY, "pg-2 is on 4", "pg_rewind");
    }

    @Test
    void wantTheProof() {
        WritePause unproved = proof(Optional.empty(), Optional.empty());
        List<Check> checks = judge(primary(unproved, CAUGHT_UP), PEERS);
        assertThat(failed(checks)).containsExactly("proved", "caught-up");
        assertRefused(checks, "proved", Refusing.FIRMLY, "no proof", "resume");
        WritePause broken = proof(PAUSED.finalLsn(), Optional.of(WritePause.BROKEN));
        List<Check> afterABreach = judge(primary(broken, CAUGHT_UP), PEERS);
        assertThat(failed(afterABreach)).containsExactly("proved");
        assertRefused(afterABreach, "proved", Refusing.FIRMLY, "broken", "and pause again");
    }

    @Test
    void heedABreachThatTheRecordDoesNotTellYet() {
        Optional<String> breach = Optional.of("2 sessions came in, and 3 rows were written");
        List<Check> checks = judge(primary(PAUSED, CAUGHT_UP), request(7, "pg-1"), breach, PEERS);
        assertThat(failed(checks)).containsExactly("proved");
        assertRefused(
                checks, "proved", Refusing.FIRMLY, "2 sessions came in, and 3 rows were written", "and pause again");
        WritePause broken = proof(PAUSED.finalLsn(), Optional.of(WritePause.BROKEN));
        assertThat(check(judge(primary(broken, CAUGHT_UP), request(7, "pg-1"), breach, PEERS), "proved")
                        .found())
                .as("what it was")
                .isEqualTo(breach.get());
        assertThat(check(judge(primary(PAUSED, CAUGHT_UP), PEERS), "proved").found())
                .isEqualTo("no-ordinary-role-can-write");
    }

    @Test
    void wantAPauseOfThisVeryServer() {
        for (WritePause other : List.of(INHERITED, pause("pg-0", 2, Duration.ZERO, Optional.empty()))) {
            List<Check> checks = judge(primary(other, CAUGHT_UP), PEERS);
            assertThat(failed(checks)).containsExactly("held-here");
            assertRefused(
                    checks,
                    "held-here",
                    Refusing.FIRMLY,
                    "one of %s, on timeline 2".formatted(other.node()),
                    "POST /v1/writes/resume");
        }
        WritePause renamed = pause("old-name", 3, Duration.ZERO, Optional.empty());
        assertThat(failed(judge(primary(renamed, CAUGHT_UP), PEERS)))
                .as("the agent was renamed")
                .isEmpty();
    }

    @Test
    void refuseTheHolderItselfAsTarget() {
        WalSender itself = sender("pg-0", FINAL);
        List<Check> checks = judge(primary(PAUSED, itself), request(7, "pg-0"), standby("pg-0"));
        assertThat(failed(checks)).containsExactly("target");
        assertRefused(
                checks, "target", Refusing.FIRMLY, "pg-0, which is this primary", "POST /v1/writes/resume instead");
        assertRefused(
                judge(primary(PAUSED, itself), request(7, "pg-0")),
                "target",
                Refusing.FIRMLY,
                "pg-0, which is this primary",
                "POST /v1/writes/resume instead");
    }

    @Test
    void wantATargetThatStreamsFromHere() {
        Facts facts = primary(PAUSED, CAUGHT_UP);
        assertRefused(judge(facts, request(7, null), PEERS), "target", Refusing.FIRMLY, "none is named", "\"target\":");
        assertRefused(
                judge(facts, request(7, "pg-9"), PEERS),
                "target",
                Refusing.FIRMLY,
                "no peer is called pg-9",
                "one of pg-1, pg-2");
        List<Check> notStreaming = judge(primary(PAUSED, sender("pg-2", FINAL)), PEERS);
        assertThat(failed(notStreaming)).containsExactly("target", "caught-up");
        assertRefused(
                notStreaming,
                "target",
                Refusing.FIRMLY,
                "no WAL sender for pg-1",
                "SELECT application_name, state FROM pg_stat_replication");
        assertRefused(
                judge(primary(PAUSED)), "target", Refusing.FIRMLY, "no WAL sender for pg-1", "pg_stat_replication");
    }

    @Test
    void wantATargetWhoseAgentSaysThatItIsAReplica() {
        Facts facts = primary(PAUSED, CAUGHT_UP);
        assertThat(failed(judge(facts, silent("pg-1")))).containsExactly("target");
        assertThat(check(judge(facts, silent("pg-1")), "target").found()).isEqualTo("pg-1: its agent does not answer");
        for (Peer wrong : List.of(silent("pg-1"), old("pg-1"), onTimeline("pg-1", Role.PRIMARY, 3))) {
            assertRefused(judge(facts, wrong), "target", Refusing.FIRMLY, "pg-1: ", "GET /v1/instance at its agent");
        }
    }

    @Test
    void wantATargetThatHasReplayedAll() {
        List<Check> behind = judge(primary(PAUSED, sender("pg-1", FINAL - 1)), PEERS);
        assertThat(failed(behind)).containsExactly("caught-up");
        assertRefused(behind, "caught-up", Refusing.FIRMLY, "replayed up to 0/1387", "\"waitForStandbys\"");
        assertThat(check(behind, "caught-up").required()).endsWith("0/1388");
        List<Check> unknown = judge(primary(PAUSED, sender("pg-1", Optional.empty(), Optional.empty())), PEERS);
        assertRefused(unknown, "caught-up", Refusing.FIRMLY, "unknown", "renew the lease");
    }

    private static List<Check> judge(Facts facts, Peer... peers) {
        return judge(facts, request(7, "pg-1"), peers);
    }

    private static List<Check> judge(Facts facts, JsonObject request, Peer... peers) {
        return judge(facts, request, Optional.empty(), peers);
    }

    private static List<Check> judge(Facts facts, JsonObject request, Optional<String> breach, Peer... peers) {
        return new CommitChecks(facts, CommitRequest.of(request), breach, List.of(peers), ASKED, Scene.STALE_AFTER)
                .judge();
    }

    private static JsonObject request(Integer generation, String target) {
        return new JsonObject().put("generation", generation).put("target", target);
    }
}
