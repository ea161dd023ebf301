package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Standby;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The story of docs/conversion.md: 200,000 orders, a standby, three clients that never stop, and a report with grants. */
@Tag("agent")
class ConversionStoryIT {

    private static final String ALL =
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(o::text, '' ORDER BY id)), '') FROM orders AS o";

    @TempDir
    Path folder;

    @Test
    @Tag("full")
    void partitionsOrdersOnline() throws Exception {
        tell(17);
    }

    @Tag("soak")
    @ParameterizedTest
    @ValueSource(ints = {15, 17, 18})
    void partitionsOrdersOnlineOnEachVersion(int major) throws Exception {
        tell(major);
    }

    private void tell(int major) throws Exception {
        try (Caretaken server = new Caretaken(major, folder)) {
            Partitioned app = server.app();
            app.sql("CREATE ROLE boring_report LOGIN")
                    .asApp(
                            "CREATE TABLE orders (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), amount numeric, note text)",
                            "CREATE INDEX orders_at ON orders (at)",
                            "INSERT INTO orders (at, amount, note) SELECT now() - g % 30 * interval '1 day', g % 1000, 'order ' || g FROM generate_series(1, 200000) AS g",
                            "GRANT SELECT (id, at, amount) ON orders TO boring_report")
                    .asApp(Clients.again("orders"))
                    .grantFor("public.orders");
            Postgres standby = server.cluster().standby("pg-1", server.server(), Standby.WITH_SLOT);
            server.start();
            try (Clients clients = Clients.on(server.server(), "orders")) {
                clients.await(100);
                JsonObject order = ConversionIT.byDay("orders", "unique:orders_pkey");
                JsonObject plan = new JsonObject(server.agent()
                        .order(ConversionIT.PATH + "?dryRun=true", order)
                        .body());
                assertThat(plan.getBoolean("wouldRun"))
                        .as(plan.encodePrettily())
                        .isTrue();
                assertThat(plan.getJsonObject("plan")
                                .getJsonArray("clientErrors")
                                .encode())
                        .contains("42P10")
                        .contains("already moved to another partition");
                String id = new JsonObject(
                                server.agent().order(ConversionIT.PATH, order).body())
                        .getString("id");
                await("the conversion").atMost(Duration.ofMinutes(3)).until(() -> !server.agent()
                        .look("/v1/operations/" + id)
                        .getString("state")
                        .equals("running"));
                JsonObject operation = server.agent().look("/v1/operations/" + id);
                assertThat(operation.getString("state"))
                        .as("%s%n%s", operation.encodePrettily(), server.agent().log())
                        .isEqualTo("succeeded");
                clients.await(100);
                JsonObject finished = Caretaken.order(
                        server.agent(),
                        ConversionIT.PATH + "/" + ConversionIT.name(operation) + "/finish",
                        new JsonObject());
                assertThat(finished.getString("state"))
                        .as(finished.encodePrettily())
                        .isEqualTo("succeeded");
                clients.await(100);
                clients.stop();
                assertThat(clients.failures()).isEmpty();
                assertThat(clients.wrong()).isEmpty();
            }
            server.cluster().awaitReplay(server.server(), standby);
            assertThat(standby.queryIn("app", ALL)).isEqualTo(app.query(ALL));
            assertThat(server.maintain("public.orders").getString("state")).isEqualTo("succeeded");
            assertThat(app.inDefault("public.orders")).isZero();
            assertThat(
                            app.query(
                                    "SELECT string_agg(privilege_type || ' ' || column_name, ', ' ORDER BY column_name)"
                                            + " FROM information_schema.column_privileges WHERE grantee = 'boring_report' AND table_name = 'orders'"))
                    .isEqualTo("SELECT amount, SELECT at, SELECT id");
            app.sql("SET ROLE boring_report", "SELECT id, at, amount FROM orders LIMIT 1");
        }
    }
}
