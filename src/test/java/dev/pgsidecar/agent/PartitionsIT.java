package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Partitions are made ahead, on every version of pg_partman, with the rights of deploy/sql. */
@Tag("agent")
class PartitionsIT {

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(ints = {15, 17, 18})
    void makesPartitionsAhead(int major) {
        try (Caretaken server = new Caretaken(major, folder)) {
            server.app().byDay("public.orders").byNumber("public.items").grant();
            server.start();
            server.app()
                    .sql(
                            "INSERT INTO orders (id, at) SELECT g, now() + g * interval '1 day' FROM generate_series(0, 4) AS g",
                            "INSERT INTO items SELECT g FROM generate_series(1, 25000) AS g");
            JsonObject operation = server.maintain();
            System.err.println(operation.encodePrettily());
            System.err.println(server.agent().look("/v1/partitions").encodePrettily());
            System.err.println(server.agent().look("/v1/capabilities").encodePrettily());
            System.err.println(server.agent()
                    .getText("/metrics")
                    .lines()
                    .filter(l -> l.contains("partition"))
                    .toList());
            assertThat(operation.getString("state")).isEqualTo("succeeded");
        }
    }
}
