package dev.pgsidecar.writes;

import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.function.Function;

/**
 * What a pause is judged by, asked when it is ordered.
 *
 * @param mayPause whether the agent's role may call the functions of install.sql
 * @param ownDatabase where the agent is connected
 * @param databases all that can be paused
 * @param prepared prepared transactions, of any database
 * @param subscriptions those that are enabled
 * @param cronInBackground whether pg_cron runs its jobs in background workers, which no connection limit holds back
 * @param superusers the roles that a connection limit does not hold back
 * @param replicators ordinary roles that may use the replication protocol, and SQL on it
 */
record PauseFacts(
        Facts facts,
        boolean mayPause,
        String ownDatabase,
        List<String> databases,
        List<InDatabase> prepared,
        List<InDatabase> subscriptions,
        boolean cronInBackground,
        List<String> superusers,
        List<String> replicators) {

    /** Something with a name, in a database. */
    record InDatabase(String name, String database) {}

    private static final String MORE = """
            SELECT json_build_object(
              'may', coalesce(has_function_privilege(
                  to_regprocedure('pgsidecar.pause_writes(text, name[], text, interval, text, text, text)'), 'EXECUTE'), false),
              'here', current_database(),
              'databases', (SELECT json_agg(datname ORDER BY datname) FROM pg_database
                            WHERE datname NOT IN ('template0', current_database()) AND datconnlimit <> -2),
              'prepared', (SELECT json_agg(json_build_object('name', gid, 'database', database)) FROM pg_prepared_xacts),
              'subscriptions', (SELECT json_agg(json_build_object('name', subname, 'database', datname))
                                FROM pg_subscription JOIN pg_database ON pg_database.oid = subdbid WHERE subenabled),
              'cron', coalesce(current_setting('cron.use_background_workers', true) = 'on', false),
              'superusers', (SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolsuper AND rolcanlogin),
              'replicators', (SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles
                              WHERE rolreplication AND rolcanlogin AND NOT rolsuper))""";

    /** Asks. */
    static PauseFacts of(Line line) throws PostgresException, InterruptedException {
        Facts facts = line.facts();
        JsonObject row = line.json(MORE);
        return new PauseFacts(
                facts,
                row.getBoolean("may"),
                row.getString("here"),
                list(row, "databases", Object::toString),
                list(row, "prepared", PauseFacts::inDatabase),
                list(row, "subscriptions", PauseFacts::inDatabase),
                row.getBoolean("cron"),
                list(row, "superusers", Object::toString),
                list(row, "replicators", Object::toString));
    }

    private static InDatabase inDatabase(Object entry) {
        JsonObject json = (JsonObject) entry;
        return new InDatabase(json.getString("name"), json.getString("database"));
    }

    private static <T> List<T> list(JsonObject row, String name, Function<Object, T> map) {
        JsonArray array = row.getJsonArray(name);
        return array == null ? List.of() : array.stream().map(map).toList();
    }
}
