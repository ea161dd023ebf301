package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.Yaml;

/**
 * Requests made from the OpenAPI document: every path and method, parameters and bodies with fields of the schema that hold
 * anything at all. Whatever comes, the answer is one that the document knows, and nothing is left behind.
 */
@Tag("agent")
class FuzzIT {

    private static final List<Object> ANYTHING = List.of(
            "",
            "pg-0",
            "0/3000028",
            "FFFFFFFF/FFFFFFFF",
            "16MB",
            "-1",
            "banana",
            "'; DROP TABLE t; --",
            "\u0000\u0001\uD83D\uDE00",
            "x".repeat(5000),
            0,
            -1,
            Long.MAX_VALUE,
            1e300,
            true,
            false,
            new JsonArray(),
            new JsonArray().add("identity").add("most-advanced"),
            new JsonArray().add(1).addNull(),
            new JsonObject(),
            new JsonObject().put("checkpointLsn", "0/1"),
            new JsonObject().put("checkpointLsn", 5),
            new JsonObject().put("x", new JsonObject().put("y", new JsonArray())));

    private final Map<String, Object> document = load();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void answersAsItsDocumentSays(long seed) throws Exception {
        fuzz(new Random(seed), 400);
    }

    @Test
    @Tag("soak")
    void answersAsItsDocumentSaysForLong() throws Exception {
        fuzz(new Random(), 20_000);
    }

    private void fuzz(Random random, int requests) throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            try (AgentProcess agent = AgentProcess.beside(cluster, primary)) {
                agent.await200("/primary");
                request(agent, random); // what is loaded with the first one is no leak
                long before = descriptors(agent);
                for (int count = 0; count < requests; count++) {
                    request(agent, random);
                }
                assertThat(agent.status("/primary")).isEqualTo(200);
                assertThat(descriptors(agent)).as("open files").isLessThan(before + 20);
                assertThat(primary.query("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ 'pgsidecar/'"))
                        .as("sessions")
                        .isIn("1", "2");
                assertThat(agent.log()).doesNotContain("a request failed", "Exception");
            }
        }
    }

    private void request(AgentProcess agent, Random random) {
        Map<String, Object> paths = map(document, "paths");
        String path = pick(random, new ArrayList<>(paths.keySet()));
        String method = pick(random, List.of("GET", "POST", "DELETE", "PUT"));
        String body = method.equals("GET") || random.nextInt(4) == 0
                ? ""
                : body(random).encode();
        String query =
                random.nextInt(3) == 0 ? "?dryRun=" + pick(random, List.of("true", "false", "", "x", "%00")) : "";
        List<String> headers = new ArrayList<>(List.of("X-Fuzz", "1"));
        if (random.nextInt(3) == 0) {
            headers.addAll(
                    List.of("Prefer", pick(random, List.of("wait=0", "wait=1", "wait=banana", "wait=99999", ";;,"))));
        }
        if (random.nextInt(3) == 0) {
            headers.addAll(List.of("Idempotency-Key", pick(random, List.of("k", "k2", "a b", "x".repeat(300)))));
        }
        String id = pick(random, List.of("x", "..%2f", "promote-1", "%00", "x".repeat(500)));
        HttpResponse<String> answer = agent.command(
                method, path.replace("{id}", id) + query, AgentProcess.OPERATE, body, headers.toArray(String[]::new));
        assertThat(answer.statusCode())
                .as("%s %s %s %s: %s", method, path, query, body, answer.body())
                .isIn(known(paths, path, method));
    }

    /** The statuses that the document has for a method of a path; 405 for one that it has not. */
    private List<Object> known(Map<String, Object> paths, String path, String method) {
        Object operation = map(paths, path).get(method.toLowerCase(Locale.ROOT));
        if (operation == null) {
            return List.of(405, 404, 400, 415);
        }
        // A path with a zero byte or a slash in it is another path.
        return Stream.concat(
                        map(cast(operation), "responses").keySet().stream().map(Integer::valueOf), Stream.of(404, 400))
                .map(Object.class::cast)
                .toList();
    }

    private JsonObject body(Random random) {
        Map<String, Object> fields = map(map(map(map(document, "components"), "schemas"), "Promote"), "properties");
        JsonObject body = new JsonObject();
        for (String field : fields.keySet()) {
            if (random.nextBoolean()) {
                body.put(field, pick(random, ANYTHING));
            }
        }
        if (random.nextInt(5) == 0) {
            body.put("unknown" + random.nextInt(3), pick(random, ANYTHING));
        }
        return body;
    }

    private static long descriptors(AgentProcess agent) throws Exception {
        try (Stream<Path> open =
                Files.list(Path.of("/proc/%d/fd".formatted(agent.process().pid())))) {
            return open.count();
        }
    }

    private static <T> T pick(Random random, List<T> from) {
        return from.get(random.nextInt(from.size()));
    }

    private static Map<String, Object> load() {
        try {
            return cast(new Yaml().load(Files.readString(Path.of("src/main/resources/openapi.yaml"))));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static Map<String, Object> map(Map<String, Object> parent, String name) {
        return cast(parent.get(name));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> cast(Object value) {
        return (Map<String, Object>) value;
    }
}
