package dev.pgsidecar.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Partitioned;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.suite.EachVersion;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;

/** What pg_partman has, as it is read with the rights of deploy/sql. */
class PartmanSessionIT {

    private static final long DAY = 86_400_000_000L;

    @TempDir
    Path state;

    @EachVersion
    void readsSetsAndWhatIsInThem(int major) throws Exception {
        Vertx vertx = Vertx.vertx();
        try (Cluster cluster = Cluster.on(major)) {
            Postgres primary = cluster.primary("pg-0");
            Psql.run(primary, Path.of("deploy/sql/observe.sql").toAbsolutePath());
            primary.hba("host app pgsidecar 127.0.0.1/32 trust");
            Partitioned app = Partitioned.on(primary, "keeper")
                    .byDay("public.orders", "CURRENT_TIMESTAMP - interval '5 days'")
                    .byNumber("public.items")
                    .grant()
                    .grant();
            app.sql(
                    "INSERT INTO orders (id, at) SELECT g, now() FROM generate_series(1, 10) AS g",
                    "INSERT INTO orders (id, at) VALUES (11, now() + interval '20 days'), (12, 'infinity')",
                    "INSERT INTO items SELECT g FROM generate_series(1, 15000) AS g",
                    "INSERT INTO items VALUES (99000), (99001), (123456)");
            app.config("public.items", "retention = '5000'").config("public.orders", "retention = '2 days'");
            Settings settings = Configuration.load(
                            Optional.of(Path.of("src/test/resources/empty.yaml")),
                            Map.of(
                                    "pgsidecar.state-dir",
                                    state.toString(),
                                    "pgsidecar.postgres.port",
                                    "" + primary.port()),
                            Map.of())
                    .settings();
            try (PartmanSession session =
                    PartmanSession.toLook(vertx, settings, "app", "test", Duration.ofSeconds(10))) {
                assertThat(session.partman().schema()).contains("keeper");
                assertThat(session.partman().role()).contains("pgsidecar_caretaker");
                PartitionSet orders = session.set("public.orders").orElseThrow();
                assertThat(orders.partitions()).hasSize(10);
                assertThat(orders.premake()).isEqualTo(4);
                assertThat(orders.owned()).isTrue();
                assertThat(orders.leftAlone()).isEmpty();
                assertThat(orders.defaultPartition().orElseThrow().name()).isEqualTo("public.orders_default");
                Contents of = session.contents(orders);
                assertThat(of.emptyAtTheEnd()).isEqualTo(4);
                assertThat(of.defaultRows()).isEqualTo(2);
                assertThat(of.strayRows()).isEqualTo(1);
                assertThat(of.ranges()).singleElement().satisfies(range -> {
                    assertThat(range.rows()).isEqualTo(1);
                    assertThat(range.to() - range.from()).isEqualTo(DAY);
                    assertThat(range.from() % DAY).isZero();
                });
                assertThat(of.left(orders).orElseThrow()).isBetween(4 * DAY, 5 * DAY);
                assertThat(of.retentionDue(orders)).hasSize(3);
                assertThat(Contents.partitionsUpTo(of.farthest().orElseThrow(), orders))
                        .isEqualTo(16);

                PartitionSet items = session.set("public.items").orElseThrow();
                Contents numbers = session.contents(items);
                assertThat(numbers.largest()).hasValue(15_000);
                assertThat(numbers.left(items)).hasValue(35_000);
                assertThat(numbers.retentionDue(items)).isEmpty();
                assertThat(numbers.defaultRows()).isEqualTo(3);
                assertThat(numbers.ranges())
                        .containsExactly(
                                new Contents.Range(90_000, 100_000, 2), new Contents.Range(120_000, 130_000, 1));
            }
        } finally {
            vertx.close();
        }
    }
}
