package dev.pgsidecar.postgres;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.ContentsSql;
import dev.pgsidecar.postgres.catalog.ContentsSql.Strays;
import dev.pgsidecar.postgres.catalog.ContentsSql.Summary;
import dev.pgsidecar.postgres.catalog.Partition;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.Partman;
import dev.pgsidecar.postgres.catalog.Partman.CronJob;
import dev.pgsidecar.postgres.catalog.Partman.Depth;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * A session in one of the databases whose partitions the agent looks after, of the right server, as {@value Partman#ROLE}
 * where that role is there: what pg_partman has, and what is in its sets.
 */
public final class PartmanSession implements AutoCloseable {

    private static final int MANY_RANGES = 1_000;

    private final Session session;
    private final Partman partman;

    private PartmanSession(Session session, Partman partman) {
        this.session = session;
        this.partman = partman;
    }

    /** Opens one that cannot write. */
    public static PartmanSession toLook(
            Vertx vertx, Settings settings, String database, String purpose, Duration toAnswer)
            throws PostgresException, InterruptedException {
        return open(vertx, settings, database, purpose, false, toAnswer);
    }

    /** Opens one that can. */
    public static PartmanSession toWork(
            Vertx vertx, Settings settings, String database, String purpose, Duration toAnswer)
            throws PostgresException, InterruptedException {
        return open(vertx, settings, database, purpose, true, toAnswer);
    }

    private static PartmanSession open(
            Vertx vertx, Settings settings, String database, String purpose, boolean toWrite, Duration toAnswer)
            throws PostgresException, InterruptedException {
        Session session = new Target(vertx, settings)
                .openIn(
                        database,
                        purpose,
                        toWrite,
                        toAnswer,
                        settings.partition().lockTimeout());
        try {
            JsonObject probe = session.json(Partman.PROBE);
            new Identity(settings).check(probe.getString("system_identifier"));
            Partman partman = Partman.of(probe);
            if (partman.role().isPresent()) {
                session.run("SET ROLE " + Partman.ROLE);
            }
            return new PartmanSession(session, partman);
        } catch (PostgresException | InterruptedException | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    public Partman partman() {
        return partman;
    }

    Session session() {
        return session;
    }

    String schema() {
        return partman.schema().orElseThrow();
    }

    /** What the server has said beside its answers since this was last asked. */
    public List<String> notices() {
        return session.notices();
    }

    /** All sets; none where pg_partman is not installed. */
    public List<PartitionSet> sets(Depth depth) throws PostgresException, InterruptedException {
        return partman.schema().isPresent()
                ? Partman.sets(session.json(Partman.sets(schema(), depth), (Object) null))
                : List.of();
    }

    /** The set of this name, without the sizes of its partitions. */
    public Optional<PartitionSet> set(String name) throws PostgresException, InterruptedException {
        return Partman.sets(session.json(Partman.sets(schema(), Depth.PARTITIONS), name)).stream()
                .findFirst();
    }

    /** The set with the partitions that it has got since. */
    public PartitionSet again(PartitionSet set) throws PostgresException, InterruptedException {
        Long[] known = Stream.concat(set.partitions().stream(), set.defaultPartition().stream())
                .map(Partition::oid)
                .toArray(Long[]::new);
        return set.with(session.json(Partman.newPartitions(set), known, set.control()));
    }

    /** The jobs of pg_cron; none where it is not in this database, absent where this role sees its own only. */
    public Optional<List<CronJob>> cronJobs() throws PostgresException, InterruptedException {
        boolean here = session.json("SELECT json_build_object('here', to_regclass('cron.job') IS NOT NULL)")
                .getBoolean("here");
        if (!here) {
            return Optional.of(List.of());
        }
        session.run("SET row_security = on"); // its policies decide what is seen
        JsonObject row = session.json(Partman.CRON_JOBS);
        session.run("SET row_security = off");
        return CronJob.seesAll(row) ? Optional.of(CronJob.of(row)) : Optional.empty();
    }

    /** What is in a set; of a default partition with very many rows not what they are. */
    public Contents contents(PartitionSet set) throws PostgresException, InterruptedException {
        return contents(set, false);
    }

    /** The same whatever it costs, and with many more ranges. */
    public Contents allContents(PartitionSet set) throws PostgresException, InterruptedException {
        return contents(set, true);
    }

    /**
     * In a transaction that cannot write, whoever asks: an expression of an index is evaluated when a plan is made, and may be
     * a function of the set's owner.
     */
    private Contents contents(PartitionSet set, boolean all) throws PostgresException, InterruptedException {
        session.run("BEGIN READ ONLY");
        try {
            Contents contents = look(set, all);
            session.run("COMMIT");
            return contents;
        } catch (PostgresException e) {
            if (e.sqlState().isPresent()) {
                session.run("ROLLBACK");
            }
            throw e;
        }
    }

    private Contents look(PartitionSet set, boolean all) throws PostgresException, InterruptedException {
        ContentsSql sql = new ContentsSql(set, schema());
        int empty = emptyAtTheEnd(sql, set);
        OptionalLong largest = largest(sql, set, empty);
        String newest = set.newest().map(Partition::name).orElse(null);
        Summary summary = Summary.of(session.json(sql.summary(), set.name(), newest), largest);
        boolean tooMany = !all && summary.rows() >= Contents.MOST_EXPLAINED;
        Strays strays = summary.rows() == 0 || set.unit().isEmpty() || tooMany
                ? Strays.NONE
                : Strays.of(session.json(sql.strays()));
        List<Contents.Range> ranges = new ArrayList<>();
        Optional<String> next = strays.first();
        while (next.isPresent() && ranges.size() < (all ? MANY_RANGES : Contents.MOST_RANGES)) {
            JsonObject range = session.json(sql.range(), set.name(), next.get());
            ranges.add(new Contents.Range(range.getLong("from"), range.getLong("to"), range.getLong("rows")));
            next = Optional.ofNullable(range.getString("next"));
        }
        return new Contents(
                summary.now(),
                empty,
                largest,
                summary.retentionEdge(),
                summary.rows(),
                strays.rows(),
                strays.farthest(),
                List.copyOf(ranges),
                next.isPresent() || tooMany,
                summary.elsewhere());
    }

    private int emptyAtTheEnd(ContentsSql sql, PartitionSet set) throws PostgresException, InterruptedException {
        List<Partition> newestFirst = set.partitions().reversed();
        List<Partition> looked = newestFirst.subList(0, Math.min(newestFirst.size(), set.premake() + 1));
        if (looked.isEmpty()) {
            return 0;
        }
        JsonObject filled = session.json(sql.filled(looked));
        int empty = 0;
        while (empty < looked.size() && !filled.getBoolean("" + empty)) {
            empty++;
        }
        return empty;
    }

    private OptionalLong largest(ContentsSql sql, PartitionSet set, int empty)
            throws PostgresException, InterruptedException {
        if (set.unit().isEmpty() || set.byTime()) {
            return OptionalLong.empty();
        }
        for (Partition partition :
                set.partitions().reversed().subList(empty, set.partitions().size())) {
            Long largest = session.json(sql.largest(partition)).getLong("largest");
            if (largest != null) {
                return OptionalLong.of(largest);
            }
        }
        return OptionalLong.empty();
    }

    @Override
    public void close() {
        session.close();
    }
}
