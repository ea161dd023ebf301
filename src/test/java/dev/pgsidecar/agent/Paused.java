package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A {@link Trio} with an application's database, and what tests of a write pause ask of it. */
final class Paused implements AutoCloseable {

    static final JsonObject ALL = new JsonObject().put("all", true).put("reason", "a test");

    private final Trio trio;

    Paused(int major, Path folder) {
        this(major, folder, Map.of());
    }

    Paused(int major, Path folder, Map<String, String> settings) {
        trio = new Trio(major, folder, settings, "an application", Paused::furnish);
    }

    private static void furnish(Cluster cluster) {
        Postgres primary = cluster.server("pg-0");
        primary.sql(
                "CREATE ROLE app LOGIN",
                "CREATE DATABASE app OWNER app CONNECTION LIMIT 150",
                "CREATE DATABASE other",
                "ALTER DATABASE other SET default_transaction_read_only = off");
        for (String name : Trio.NAMES) {
            cluster.server(name).hba("host all app 127.0.0.1/32 trust");
        }
        try (Connection app = primary.connect("app", "app", "");
                Statement statement = app.createStatement()) {
            statement.execute("CREATE TABLE t (v bigserial)");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    Paused startAgents() {
        trio.startAgents();
        return this;
    }

    /** The primary's agent is enough where no other is asked. */
    Paused startPrimarysAgent() {
        trio.startPrimarysAgent();
        return this;
    }

    Trio trio() {
        return trio;
    }

    Postgres primary() {
        return trio.server("pg-0");
    }

    AgentProcess agent() {
        return trio.agent("pg-0");
    }

    /** Orders a pause and waits for its end. */
    JsonObject pause(JsonObject order) {
        return done("pg-0", "/v1/writes/pause", order);
    }

    JsonObject pauseAll(String ttl) {
        return pause(ALL.copy().put("ttl", ttl));
    }

    JsonObject resume() {
        return done("pg-0", "/v1/writes/resume", new JsonObject());
    }

    /** Pauses, and hands over to a standby that has everything; {@link #promote} is what follows. */
    JsonObject handOver(String target) {
        long generation = pause(ALL.copy().put("waitForStandbys", new JsonArray().add(target)))
                .getLong("generation");
        return done(
                "pg-0",
                "/v1/writes/commit",
                new JsonObject().put("generation", generation).put("target", target));
    }

    /** Promotes the one that this pause was handed over to. */
    JsonObject promote(String target, long generation) {
        return done(target, "/v1/promote", new JsonObject().put("generation", generation));
    }

    /** The result of an operation that succeeds. */
    private JsonObject done(String name, String path, JsonObject order) {
        JsonObject operation = order(name, path, order);
        assertThat(operation.getString("state"))
                .as("%s%n%s", operation.encodePrettily(), trio.agent(name).log())
                .isEqualTo("succeeded");
        return operation.getJsonObject("result");
    }

    /** Orders at the primary's agent and waits for the operation's end. */
    JsonObject order(String path, JsonObject order) {
        return order("pg-0", path, order);
    }

    private JsonObject order(String name, String path, JsonObject order) {
        var response = trio.agent(name).order(path, order, "Prefer", "wait=60");
        assertThat(response.statusCode())
                .as("%s%n%s", response.body(), trio.agent(name).log())
                .isEqualTo(200);
        return new JsonObject(response.body());
    }

    /** The failed checks of an order that is refused with this status. */
    List<String> refused(String path, JsonObject order, int status) {
        var response = agent().order(path, order);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        return new JsonObject(response.body())
                .getJsonArray("checks", new JsonArray()).stream()
                        .map(JsonObject.class::cast)
                        .filter(check -> check.getString("outcome").equals("failed"))
                        .map(check -> check.getString("name"))
                        .toList();
    }

    String state() {
        return agent().look("/v1/writes").getString("state");
    }

    /** When the lease ends, by the server's clock. */
    String expiry() {
        return primary().queryIn("pgsidecar", "SELECT expires FROM pgsidecar.write_pause WHERE ended IS NULL");
    }

    /** Waits until the agent has taken a whole observation since then, by the server's clock. */
    void awaitObservationAfter(String moment) {
        await("the server's clock is past " + moment)
                .atMost(Duration.ofSeconds(30))
                .until(() -> primary()
                        .queryIn("pgsidecar", "SELECT clock_timestamp() > '%s'".formatted(moment))
                        .equals("t"));
        agent().awaitObservations(2);
    }

    void awaitState(String state) {
        await("writes " + state)
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(state()).as(agent().log()).isEqualTo(state));
    }

    /** Every value that a pause changes, of all databases. */
    static String settings(Postgres server) {
        return server.queryIn(
                "pgsidecar",
                "SELECT string_agg(format('%s %s %s %s', datname, datconnlimit, datallowconn, setconfig), '; ' ORDER BY datname)"
                        + " FROM pg_database LEFT JOIN pg_db_role_setting ON setdatabase = pg_database.oid AND setrole = 0");
    }

    /** Writes as the application's role does, in a session of its own. */
    static void write(Postgres server) throws SQLException {
        try (Connection app = server.connect("app", "app", "");
                Statement statement = app.createStatement()) {
            statement.execute("INSERT INTO t DEFAULT VALUES");
        }
    }

    @Override
    public void close() {
        trio.close();
    }
}
