package dev.pgsidecar.writes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.writes.Sample.Counters;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProofTest {

    private static final Sample BEFORE = sample(0, 0, 0, 0, 100, 40);

    /** The fence itself has taken an id. */
    private static final Sample STILL = sample(0, 0, 0, 0, 101, 40);

    private static final Counters PROVED = new Counters(40, 70, 10, "monday");

    @Test
    void isDoneWhereNothingMoves() {
        assertThat(doubt(true, STILL, STILL, STILL)).isEmpty();
        assertThat(doubt(false, STILL, STILL, STILL)).isEmpty();
        assertThat(doubt(true, STILL)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            # sessions, writers, prepared, outside, next xid, ever connected, doubt
            1,          0,       0,        0,       101,      40,             1 sessions are there again
            0,          1,       0,        0,       101,      40,             1 transactions write
            0,          0,       1,        0,       101,      40,             1 prepared transactions could commit
            0,          0,       0,        2,       101,      40,             '2 databases were made since, and are open'
            0,          0,       0,        0,       101,      41,             'somebody came in after the fence, and is gone again'
            # the statistics were reset: what they counted is not known
            0,          0,       0,        0,       101,      0,              'somebody came in after the fence, and is gone again'
            # the first of several reasons
            1,          1,       1,        1,       101,      41,             1 sessions are there again
            """)
    void isInDoubtByAnySample(
            long sessions, long writers, long prepared, long outside, long nextXid, long connected, String expected) {
        Sample moved = sample(sessions, writers, prepared, outside, nextXid, connected);
        assertThat(doubt(true, moved, STILL, STILL)).contains(expected);
        assertThat(doubt(true, STILL, moved, STILL)).contains(expected);
        assertThat(doubt(true, STILL, STILL, moved)).contains(expected);
        assertThat(doubt(false, STILL, STILL, moved)).contains(expected);
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            # sessions, writers, prepared, outside, doubt
            1,          0,       0,        0,       1 sessions are there again
            0,          1,       0,        0,       1 transactions write
            0,          0,       1,        0,       1 prepared transactions could commit
            0,          0,       0,        1,       '1 databases were made since, and are open'
            """)
    void isInDoubtByWhoWasThereBeforeTheFence(
            long sessions, long writers, long prepared, long outside, String expected) {
        Sample early = sample(sessions, writers, prepared, outside, 100, 40);
        assertThat(new Proof(early, List.of(STILL, STILL), true).doubt()).contains(expected);
        assertThat(new Proof(early, List.of(STILL, STILL), false).doubt()).contains(expected);
    }

    @Test
    void isInDoubtWhileTransactionIdsAreTaken() {
        Sample next = sample(0, 0, 0, 0, 102, 40);
        assertThat(doubt(true, STILL, STILL, next)).contains("1 transaction ids were taken, 0 autovacuum workers run");
        assertThat(doubt(true, STILL, next, next)).isPresent();
    }

    @Test
    void allowsTheFenceItsOwnTransactionId() {
        assertThat(new Proof(sample(0, 0, 0, 0, 100, 40), List.of(STILL, STILL), true).doubt())
                .isEmpty();
        assertThat(new Proof(sample(0, 0, 0, 0, 99, 40), List.of(STILL, STILL), true).doubt())
                .contains("1 transaction ids were taken, 0 autovacuum workers run");
    }

    @Test
    void ignoresTransactionIdsWhereOtherDatabasesAreOpen() {
        assertThat(doubt(false, STILL, sample(0, 0, 0, 0, 900, 40))).isEmpty();
    }

    /** A walsender or a background worker that came and went between two samples: no counter of sessions has it. */
    @Test
    void isInDoubtWhereTransactionsWereCommittedInThePausedDatabases() {
        Sample committed = counted(900, 40, 72, 10, "monday");
        assertThat(doubt(false, STILL, committed)).contains("2 transactions were committed, 0 autovacuum workers run");
        assertThat(doubt(false, STILL, counted(900, 40, 0, 10, "monday")))
                .as("the statistics were reset")
                .isPresent();
    }

    @Test
    void countsTransactionIdsInsteadOfCommitsWhereAllDatabasesArePaused() {
        assertThat(doubt(true, STILL, counted(101, 40, 72, 10, "monday"))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void isInDoubtAfterARestart(boolean everything) {
        assertThat(doubt(everything, STILL, counted(101, 40, 70, 10, "tuesday")))
                .contains("the server was restarted");
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            # next xid, connected, changed, all databases: came, wrote
            102,        41,        10,      true,          true, false
            103,        41,        10,      true,          true, true
            103,        40,        11,      true,          false, true
            # other databases take transaction ids
            900,        41,        10,      false,         true, false
            102,        41,        11,      false,         true, true
            # the statistics were reset
            102,        0,         0,       false,         false, false
            """)
    void knowsWhoCameAndWhetherTheyWrote(
            long nextXid, long connected, long changed, boolean everything, boolean came, boolean wrote) {
        Proof proof = new Proof(BEFORE, List.of(STILL, counted(nextXid, connected, 70, changed, "monday")), everything);
        assertThat(proof.came(BEFORE)).isEqualTo(came);
        assertThat(proof.wrote(BEFORE, 2)).as("two ids are the agent's own").isEqualTo(wrote);
    }

    @Test
    void knowsThatAPreparedTransactionStays() {
        assertThat(new Proof(BEFORE, List.of(STILL), true).prepared()).isFalse();
        assertThat(new Proof(BEFORE, List.of(STILL, sample(0, 0, 1, 0, 101, 40)), true).prepared())
                .isTrue();
        assertThat(new Proof(sample(0, 0, 1, 0, 100, 40), List.of(STILL), true).prepared())
                .isTrue();
    }

    @Test
    void takesOneSampleMore() {
        Sample moved = sample(1, 0, 0, 0, 101, 40);
        Proof proof = new Proof(BEFORE, List.of(STILL), true);
        assertThat(proof.with(moved).last()).isEqualTo(moved);
        assertThat(proof.with(moved).doubt()).isPresent();
        assertThat(proof.last()).isEqualTo(STILL);
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            # ever connected, rows ever, breach
            40,               10,        false
            # a superuser looked around
            41,               10,        false
            # autovacuum's, or what sessions that had ended before had yet to report
            40,               11,        false
            41,               11,        true
            # after a reset of the statistics
            0,                0,         false
            """)
    void isBrokenByASessionAndRows(long connected, long changed, boolean broken) {
        Sample now = now(0, new Counters(connected, 70, changed, "monday"));
        assertThat(Proof.breach(PROVED, now, false, false).isPresent()).isEqualTo(broken);
        assertThat(Proof.breach(PROVED, now, false, true).isPresent()).isEqualTo(broken);
    }

    @Test
    void isBrokenByRowsWhereAWalsenderWasThere() {
        assertThat(Proof.breach(PROVED, now(0, new Counters(40, 71, 11, "monday")), true, false))
                .isPresent();
        assertThat(Proof.breach(PROVED, now(0, new Counters(40, 71, 10, "monday")), true, false))
                .isEmpty();
    }

    @Test
    void tellsWhatBrokeIt() {
        assertThat(Proof.breach(PROVED, now(0, new Counters(42, 70, 13, "monday")), false, false))
                .contains("2 sessions came in, and 3 rows were written");
    }

    @Test
    void isBrokenByARestartUnlessNobodyCouldComeIn() {
        for (Counters after : List.of(
                new Counters(40, 70, 10, "tuesday"),
                new Counters(0, 0, 0, "tuesday"),
                new Counters(42, 70, 13, "tuesday"))) {
            assertThat(Proof.breach(PROVED, now(0, after), false, false))
                    .contains("the server was restarted, and nobody knows who came in before the agent was back");
            assertThat(Proof.breach(PROVED, now(0, after), false, true)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void isBrokenByADatabaseThatWasMadeSince(boolean closed) {
        String expected = "1 databases were made since, and are open";
        assertThat(Proof.breach(PROVED, now(1, PROVED), false, closed)).contains(expected);
        assertThat(Proof.breach(PROVED, now(1, new Counters(0, 0, 0, "tuesday")), false, closed))
                .contains(expected);
    }

    /** The record of a proof is refused where this differs from what the server then sees. */
    @Test
    void givesASampleAsItWasRead() {
        Sample sample = new Sample(1.5, 2, 3, 4, 5, 6, 7, PROVED, Optional.empty());
        assertThat(Sample.of(new JsonObject(sample.row().encode()), Optional.empty()))
                .isEqualTo(sample);
    }

    @Test
    void readsWhatTheRecordKeeps() {
        assertThat(Counters.of(new JsonObject(PROVED.json().encode()))).isEqualTo(PROVED);
    }

    private static Optional<String> doubt(boolean everything, Sample... after) {
        return new Proof(BEFORE, List.of(after), everything).doubt();
    }

    private static Sample sample(
            long sessions, long writers, long prepared, long outside, long nextXid, long connected) {
        return new Sample(
                1,
                sessions,
                writers,
                prepared,
                outside,
                nextXid,
                0,
                new Counters(connected, 70, 10, "monday"),
                Optional.empty());
    }

    private static Sample counted(long nextXid, long connected, long committed, long changed, String started) {
        return new Sample(
                1, 0, 0, 0, 0, nextXid, 0, new Counters(connected, committed, changed, started), Optional.empty());
    }

    private static Sample now(long outside, Counters counters) {
        return new Sample(2, 0, 0, 0, outside, 101, 0, counters, Optional.of(PROVED));
    }
}
