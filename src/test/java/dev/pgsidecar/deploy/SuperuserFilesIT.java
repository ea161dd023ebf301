package dev.pgsidecar.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.suite.EachVersion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The SQL files that a superuser runs: they call no function and no operator of an ordinary role, and use no object that an
 * ordinary role created under one of their names. The attacker is the role mallory.
 */
class SuperuserFilesIT {

    private static final Path FOLDER = Path.of("deploy/sql").toAbsolutePath();
    private static final List<String> FILES = List.of(
            "observe.sql", "install.sql", "uninstall.sql", "replication.sql", "caretaker.sql", "uncaretaker.sql");

    private static final Pattern FUNCTION = Pattern.compile("\\b([a-z_][a-z_0-9]*)\\s*\\(");
    private static final Pattern OPERATOR = Pattern.compile("[-+*/<>=~!@#%^&|`?]+");

    /** Makes mallory a superuser where a superuser calls it. */
    private static final String GAIN = """
            CREATE FUNCTION public.gain() RETURNS void LANGUAGE plpgsql AS $gain$
            BEGIN
              IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) THEN
                EXECUTE 'ALTER ROLE mallory SUPERUSER';
              END IF;
            END $gain$""";

    /**
     * Plants functions in two schemas that unqualified names could find: for each signature that pg_catalog has for one of these
     * names, the same, with and without the parameters that have defaults, and with other types that an argument of the call
     * could match better.
     */
    private static final String FUNCTIONS = """
            DO $plant$
            DECLARE
              place text; it record; signature text; first text; second text;
              body text := 'BEGIN PERFORM public.gain(); RETURN NULL; END';
              types text[] := ARRAY['text', 'name', 'oid', 'regclass', 'bigint', 'integer', 'boolean', 'jsonb'];
            BEGIN
              FOREACH place IN ARRAY ARRAY['public', 'postgres'] LOOP
                FOR it IN
                  SELECT proname, prorettype::regtype AS result, pronargs, pronargdefaults,
                         proargtypes::oid[] && ARRAY['"any"'::regtype, 'anyelement'::regtype, 'anyarray'::regtype,
                           'anynonarray'::regtype, 'anycompatible'::regtype]::oid[] AS polymorphic,
                         ARRAY(SELECT t::regtype::text FROM unnest(proargtypes::oid[]) WITH ORDINALITY AS a (t, n) ORDER BY n) AS args
                  FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('f', 'a') AND proname = ANY ('{%s}')
                LOOP
                  IF it.polymorphic THEN
                    FOREACH first IN ARRAY types LOOP
                      FOREACH second IN ARRAY types LOOP
                        EXECUTE format('CREATE OR REPLACE FUNCTION %%I.%%I(%%s, %%s) RETURNS text LANGUAGE plpgsql AS %%L',
                          place, it.proname, first, second, body);
                      END LOOP;
                    END LOOP;
                  ELSE
                    FOR given IN it.pronargs - it.pronargdefaults .. it.pronargs LOOP
                      signature := array_to_string(it.args[1:given], ', ');
                      FOREACH first IN ARRAY ARRAY[signature, regexp_replace(signature, '\\m(name|oid|reg[a-z]+)\\M', 'text', 'g'),
                        regexp_replace(signature, '\\mtext\\M', 'name', 'g'), regexp_replace(signature, '\\mtext\\M', 'name')]
                      LOOP
                        BEGIN
                          EXECUTE format('CREATE FUNCTION %%I.%%I(%%s) RETURNS %%s LANGUAGE plpgsql AS %%L',
                            place, it.proname, first, it.result,
                            CASE it.result WHEN 'void'::regtype THEN 'BEGIN PERFORM public.gain(); END' ELSE body END);
                        EXCEPTION WHEN duplicate_function OR feature_not_supported OR invalid_function_definition OR datatype_mismatch THEN
                          NULL; -- planted already, or of a type that no plpgsql function can have
                        END;
                      END LOOP;
                    END LOOP;
                  END IF;
                END LOOP;
              END LOOP;
            END $plant$""";

    /** The same for operators. */
    private static final String OPERATORS = """
            DO $plant$
            DECLARE
              place text; it record; number int := 0;
              types regtype[] := ARRAY['text', 'name', 'oid', 'bigint', 'integer', 'boolean', 'jsonb', 'text[]', '"char"'];
            BEGIN
              FOREACH place IN ARRAY ARRAY['public', 'postgres'] LOOP
                FOR it IN SELECT o.oprname, l, r, coalesce(
                      (SELECT oprresult::regtype FROM pg_operator AS e
                       WHERE e.oprname = o.oprname AND oprleft = l AND oprright = r AND oprnamespace = 'pg_catalog'::regnamespace),
                      CASE WHEN o.oprname = '||' THEN 'text'::regtype ELSE 'boolean'::regtype END) AS result
                  FROM (SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b'
                          AND oprname = ANY ('{%s}'::text[])) AS o, unnest(types) AS l, unnest(types) AS r
                LOOP
                  number := number + 1;
                  EXECUTE format('CREATE FUNCTION %%I.%%I(%%s, %%s) RETURNS %%s LANGUAGE plpgsql AS %%L',
                    place, 'operator_' || number, it.l, it.r, it.result, 'BEGIN PERFORM public.gain(); RETURN NULL; END');
                  EXECUTE format('CREATE OPERATOR %%I.%%s (LEFTARG = %%s, RIGHTARG = %%s, FUNCTION = %%I.%%I)',
                    place, it.oprname, it.l, it.r, place, 'operator_' || number);
                END LOOP;
              END LOOP;
            END $plant$""";

    @EachVersion
    void callNothingOfAnOrdinaryRole(int major) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres server = prepared(cluster);
            for (String database : List.of("template1", "postgres", "app")) {
                plant(server, database);
            }

            Psql.run(server, FOLDER.resolve("observe.sql"));
            assertThatThrownBy(() -> server.connect("pgsidecar", "mallory", ""))
                    .hasMessageContaining("permission denied for database");
            // what a database that was there before could have in it
            server.sql("GRANT CONNECT, CREATE ON DATABASE pgsidecar TO mallory");
            plant(server, "pgsidecar");
            for (int run = 0; run < 2; run++) {
                Psql.run(server, FOLDER.resolve("observe.sql"));
                Psql.run(server, FOLDER.resolve("install.sql"), "--dbname=pgsidecar");
                Psql.run(server, FOLDER.resolve("replication.sql"), "--set=slots=pg_1");
                Psql.run(server, FOLDER.resolve("caretaker.sql"), "--dbname=app", "--set=convert=public.plain");
            }
            Psql.run(server, FOLDER.resolve("uncaretaker.sql"), "--dbname=app");
            Psql.run(server, FOLDER.resolve("uninstall.sql"), "--dbname=pgsidecar");

            assertGainedNothing(server);
        }
    }

    /** Whether the attack works at all: a superuser who calls an unqualified name with the default search_path is caught. */
    @EachVersion
    void wouldBeCaughtWithTheDefaultSearchPath(int major) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres server = prepared(cluster);
            plant(server, "postgres");
            server.sql("SELECT format('%I', rolname) FROM pg_roles");
            assertThat(server.query("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"))
                    .isEqualTo("t");
        }
    }

    @EachVersion
    void takeOverNothingOfAnOrdinaryRole(int major) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres server = prepared(cluster);
            plant(server, "postgres");
            server.sql("CREATE DATABASE pgsidecar OWNER mallory");
            assertRefused(server, "observe.sql", "postgres", "database pgsidecar belongs to mallory");
            assertRefused(server, "install.sql", "pgsidecar", "database pgsidecar belongs to mallory");
            server.sql("DROP DATABASE pgsidecar");

            if (major
                    > 15) { // before, CREATEROLE leaves no trace, and may change any role's password: docs/security.md
                server.sql("CREATE ROLE creator CREATEROLE", "SET ROLE creator", "CREATE ROLE pgsidecar LOGIN");
                assertRefused(
                        server, "observe.sql", "postgres", "role pgsidecar can be used or administered by creator");
                server.sql("SET ROLE creator", "DROP ROLE pgsidecar", "CREATE ROLE replicator LOGIN");
                assertRefused(
                        server,
                        "replication.sql",
                        "postgres",
                        "role replicator can be used or administered by creator");
                server.sql("DROP ROLE replicator");
            }

            Psql.run(server, FOLDER.resolve("observe.sql"));
            for (Map.Entry<String, String> squatted : Map.of(
                            "schema pgsidecar belongs to mallory", "CREATE SCHEMA pgsidecar AUTHORIZATION mallory",
                            "relation pgsidecar.write_pause belongs to mallory",
                                    "CREATE SCHEMA pgsidecar; CREATE TABLE pgsidecar.write_pause (); ALTER TABLE pgsidecar.write_pause OWNER TO mallory",
                            "function pgsidecar.pause_sample belongs to mallory",
                                    "CREATE SCHEMA pgsidecar; CREATE FUNCTION pgsidecar.pause_sample(text) RETURNS int LANGUAGE sql AS 'SELECT 1';"
                                            + " ALTER FUNCTION pgsidecar.pause_sample(text) OWNER TO mallory")
                    .entrySet()) {
                server.sqlIn("pgsidecar", squatted.getValue());
                assertRefused(server, "install.sql", "pgsidecar", squatted.getKey());
                assertRefused(server, "uninstall.sql", "pgsidecar", squatted.getKey());
                server.sqlIn("pgsidecar", "DROP SCHEMA pgsidecar CASCADE");
            }

            for (Map.Entry<String, String> squatted : Map.of(
                            "schema pgsidecar_conversion belongs to mallory",
                                    "CREATE SCHEMA pgsidecar_conversion AUTHORIZATION mallory",
                            "schema pgsidecar_converted belongs to mallory",
                                    "CREATE SCHEMA pgsidecar_converted AUTHORIZATION mallory",
                            "function partman.run_maintenance(text,boolean) belongs to mallory",
                                    "CREATE FUNCTION partman.run_maintenance(text, boolean) RETURNS void LANGUAGE sql AS '';"
                                            + " ALTER FUNCTION partman.run_maintenance(text, boolean) OWNER TO mallory",
                            "schema partman belongs to mallory", "ALTER SCHEMA partman OWNER TO mallory")
                    .entrySet()) {
                server.sqlIn("app", squatted.getValue());
                assertRefused(server, "caretaker.sql", "app", squatted.getKey());
                server.sqlIn(
                        "app",
                        "DROP SCHEMA IF EXISTS pgsidecar_conversion, pgsidecar_converted",
                        "DROP FUNCTION IF EXISTS partman.run_maintenance(text, boolean)",
                        "ALTER SCHEMA partman OWNER TO postgres");
            }
            // A pg_partman whose control file says superuser = false can belong to an ordinary role.
            server.sqlIn("app", "UPDATE pg_extension SET extowner = 'mallory'::regrole WHERE extname = 'pg_partman'");
            assertRefused(server, "caretaker.sql", "app", "extension pg_partman belongs to mallory");
            assertGainedNothing(server);
        }
    }

    /** The rights of an owner who is, or can become, as powerful as a superuser are not granted, and are revoked. */
    @EachVersion
    void grantNothingOfASuperuserEquivalentOwner(int major) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres server = prepared(cluster);
            Psql.run(server, FOLDER.resolve("observe.sql"));
            Partitioned app = Partitioned.of(server);
            app.byNumber("public.items");
            app.grant();
            assertThat(granted(server)).contains("app");
            List<String> powers = new java.util.ArrayList<>(List.of(
                    "ALTER ROLE app SUPERUSER",
                    "ALTER ROLE app REPLICATION",
                    "ALTER ROLE app BYPASSRLS",
                    "GRANT pg_read_all_data TO app",
                    "GRANT pg_write_all_data TO app",
                    "GRANT pg_read_server_files TO app",
                    "GRANT pg_write_server_files TO app",
                    "GRANT pg_execute_server_program TO app",
                    "CREATE ROLE between; GRANT pg_execute_server_program TO between; GRANT between TO app"));
            if (major == 15) {
                powers.add("ALTER ROLE app CREATEROLE");
            }
            for (String power : powers) {
                server.sql(power);
                app.grant();
                assertThat(granted(server)).as(power).doesNotContain("app");
                server.sql("ALTER ROLE app NOSUPERUSER NOREPLICATION NOBYPASSRLS NOCREATEROLE");
                server.sql(
                        "REVOKE pg_read_all_data, pg_write_all_data, pg_read_server_files, pg_write_server_files,"
                                + " pg_execute_server_program FROM app",
                        "DROP ROLE IF EXISTS between");
                app.grant();
                assertThat(granted(server)).as("after " + power).contains("app");
            }
        }
    }

    private static List<String> granted(Postgres server) {
        return server.queryColumn(
                "SELECT roleid::regrole::text FROM pg_auth_members" + " WHERE member = 'pgsidecar_caretaker'::regrole");
    }

    private static Postgres prepared(Cluster cluster) {
        Postgres server = cluster.primary("pg-0");
        server.hba("host all mallory 127.0.0.1/32 trust");
        server.sql("CREATE ROLE mallory LOGIN CREATEDB");
        Partitioned.on(server).asApp("CREATE TABLE public.plain (id bigint PRIMARY KEY)");
        return server;
    }

    /** As mallory, who may create in the schema public, and schemas of her own. */
    private static void plant(Postgres server, String database) {
        server.sqlIn(
                database,
                "GRANT ALL ON SCHEMA public TO PUBLIC",
                "GRANT CREATE ON DATABASE %s TO mallory".formatted(database),
                "SET SESSION AUTHORIZATION mallory",
                "SET search_path = pg_catalog", // mallory calls nothing of her own
                "CREATE SCHEMA IF NOT EXISTS postgres", // that of "$user", where postgres runs the files
                "GRANT USAGE ON SCHEMA postgres TO PUBLIC",
                GAIN,
                FUNCTIONS.formatted(String.join(",", named(FUNCTION))),
                OPERATORS.formatted(
                        named(OPERATOR).stream().map(name -> "\"" + name + "\"").collect(Collectors.joining(","))));
    }

    /** The names in the files that could be those of functions, or of operators. */
    private static Set<String> named(Pattern pattern) {
        Set<String> names = new TreeSet<>();
        for (String file : FILES) {
            try {
                Matcher matcher = pattern.matcher(Files.readString(FOLDER.resolve(file)));
                while (matcher.find()) {
                    names.add(matcher.group(matcher.groupCount()));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return names;
    }

    private static void assertRefused(Postgres server, String file, String database, String why) {
        assertThatThrownBy(() -> Psql.run(server, FOLDER.resolve(file), "--dbname=" + database))
                .as(file)
                .hasMessageContaining(why);
    }

    private static void assertGainedNothing(Postgres server) {
        assertThat(server.query("SELECT rolsuper OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid)"
                        + " FROM pg_roles AS r WHERE rolname = 'mallory'"))
                .isEqualTo("f");
    }
}
