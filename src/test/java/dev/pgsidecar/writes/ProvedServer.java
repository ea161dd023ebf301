package dev.pgsidecar.writes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.InvalidConfiguration;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.WritePauses;
import dev.pgsidecar.postgres.catalog.WritePause;
import dev.pgsidecar.writes.Prover.Proved;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.postgresql.ds.PGSimpleDataSource;
import org.postgresql.jdbc.PreferQueryMode;

/** A server with a database {@code app} that is paused, and a prover: a test acts between two of its samples. */
final class ProvedServer implements AutoCloseable {

    /** The number of the last sample of {@link #doubtAfter}. */
    static final int LAST = 2;

    private final Vertx vertx = Vertx.vertx();
    private final Cluster cluster;
    private final Postgres primary;
    private final Line line;
    private final WritePauses pauses;
    private final List<Duration> waits = new ArrayList<>();

    /** A session that begins, does something, and ends. */
    interface Visit {
        void to(ProvedServer server) throws Exception;
    }

    /** What a test does while the prover waits. */
    interface Meanwhile {
        void act() throws Exception;
    }

    ProvedServer(int major, Path state) throws SQLException, InvalidConfiguration {
        cluster = Cluster.on(major);
        // Autovacuum takes transaction ids as well.
        primary = cluster.primary("pg-0", Map.of("autovacuum", "off", "max_prepared_transactions", "5"));
        Psql.install(primary);
        primary.sql("CREATE ROLE copier LOGIN REPLICATION", "CREATE DATABASE app");
        primary.sqlIn(
                "app", "CREATE TABLE t (v bigserial)", "CREATE SEQUENCE alone", "GRANT ALL ON t, t_v_seq TO copier");
        primary.hba("host pgsidecar pgsidecar 127.0.0.1/32 trust");
        primary.hba("host all copier 127.0.0.1/32 trust");
        Settings settings = Configuration.load(
                        Optional.of(Path.of("src/test/resources/empty.yaml")),
                        Map.of(
                                "pgsidecar.state-dir",
                                state.toString(),
                                "pgsidecar.postgres.port",
                                "" + primary.port(),
                                "pgsidecar.postgres.user",
                                "pgsidecar",
                                "pgsidecar.postgres.database",
                                "pgsidecar"),
                        Map.of())
                .settings();
        line = new Line(vertx, settings, "test", Duration.ofSeconds(10));
        pauses = new WritePauses(line);
    }

    /** @param databases absent for all */
    void pause(Optional<List<String>> databases) throws PostgresException, InterruptedException {
        waits.clear();
        assertThat(pauses.pause(
                                "pg-0",
                                databases,
                                PauseRequest.LIMIT,
                                Duration.ofMinutes(1),
                                "pause-1",
                                "ops",
                                "a test")
                        .done())
                .isTrue();
    }

    WritePause recorded() throws PostgresException, InterruptedException {
        return pauses.active().orElseThrow();
    }

    void renew() throws PostgresException, InterruptedException {
        pauses.renew(recorded().generation(), Duration.ofMinutes(1));
    }

    /** Ends the pause, if there is one. */
    void resume() throws PostgresException, InterruptedException {
        Optional<WritePause> pause = pauses.active();
        if (pause.isPresent()) {
            pauses.resume(pause.get().generation(), "test");
        }
    }

    /** A superuser's session, which the connection limit does not refuse. */
    void superuser(String... statements) throws SQLException {
        try (Connection session = primary.connect("app", Postgres.SUPERUSER, "")) {
            execute(session, statements);
        }
    }

    /** A session of an ordinary role on a replication connection, which the connection limit does not refuse either. */
    void walsender(String... statements) throws SQLException {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setPortNumbers(new int[] {primary.port()});
        source.setDatabaseName("app");
        source.setUser("copier");
        source.setReplication("database");
        source.setPreferQueryMode(PreferQueryMode.SIMPLE);
        source.setAssumeMinServerVersion("15");
        try (Connection session = source.getConnection()) {
            execute(session, statements);
        }
    }

    private static void execute(Connection session, String... statements) throws SQLException {
        try (Statement statement = session.createStatement()) {
            statement.execute("SET default_transaction_read_only = off");
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    /**
     * Takes the samples of a proof, asserts that they show a visit that ends before the last of them, and records the proof if
     * they show none.
     *
     * @param gap the number of the sample after which the visit comes; after {@link #LAST} it comes before the record
     * @return what speaks against the proof
     */
    Optional<String> doubtAfter(Optional<Visit> visit, int gap) throws Exception {
        WritePause pause = recorded();
        Sample before = Sample.take(line, pause.generation());
        Lsn finalLsn = pauses.fence(pause.generation());
        Proof proof = new Proof(before, List.of(Sample.take(line, pause.generation())), pause.allDatabases());
        for (int number = 0; number <= LAST; number++) {
            if (number > 0) {
                proof = proof.with(Sample.take(line, pause.generation()));
            }
            if (number == gap && visit.isPresent()) {
                visit.get().to(this);
                awaitNoSession();
            }
        }
        assertThat(proof.doubt().isPresent())
                .as("in the samples: %s", proof.doubt())
                .isEqualTo(visit.isPresent() && gap < LAST);
        if (proof.doubt().isPresent()) {
            return proof.doubt();
        }
        Sample last = proof.last();
        Optional<Sample> moved = pauses.recordProof(
                        pause.generation(),
                        finalLsn,
                        Gaps.NO_ORDINARY_ROLE,
                        last.counters().json(),
                        last.row())
                .moved()
                .map(sample -> Sample.of(sample, Optional.empty()));
        return moved.isPresent() ? proof.with(moved.get()).doubt() : Optional.empty();
    }

    /** Returns when the processes of all sessions have ended. */
    private void awaitNoSession() throws PostgresException, InterruptedException {
        long generation = recorded().generation();
        await().pollInterval(Duration.ofMillis(2))
                .until(() -> pauses.terminateSessions(generation).sessions() == 0);
    }

    /** Proves; the clock passes as the prover waits, and nothing waits in fact. */
    Proved prove(Meanwhile meanwhile) throws StepFailed, PostgresException, InterruptedException {
        Prover.Surroundings surroundings = new Prover.Surroundings() {
            private long clock;
            private boolean attempting = true;

            @Override
            public long nanoTime() {
                return clock;
            }

            @Override
            public void rest(Duration howLong) {
                clock += howLong.toNanos();
                if (attempting) {
                    waits.add(howLong);
                }
                attempting = true;
                try {
                    meanwhile.act();
                    awaitNoSession();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            }

            @Override
            public void endSessions() throws PostgresException, InterruptedException {
                awaitNoSession();
                attempting = false;
            }
        };
        return new Prover(line, pauses, recorded(), surroundings)
                .prove(ProofWindow.first(false), Gaps.NO_ORDINARY_ROLE);
    }

    /** How long the prover waited between two samples, in their order. */
    List<Duration> waits() {
        return waits;
    }

    @Override
    public void close() {
        line.close();
        cluster.close();
        vertx.close();
    }
}
