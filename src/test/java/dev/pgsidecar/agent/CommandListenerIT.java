package dev.pgsidecar.agent;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.Yaml;

/** The command listener beside a primary, where every promote succeeds and changes nothing: who may what, and how it answers. */
@Tag("agent")
class CommandListenerIT {

    private static final JsonObject NOTHING = new JsonObject();

    @TempDir
    static Path folder;

    private static Cluster cluster;
    private static AgentProcess agent;
    private static Path tokens;
    private static Path state;

    @BeforeAll
    static void start() throws Exception {
        cluster = Cluster.on(17);
        Postgres primary = cluster.primary("pg-0");
        tokens = folder.resolve("tokens");
        writeTokens("");
        state = folder.resolve("state");
        agent = AgentProcess.start(
                        cluster,
                        primary.port(),
                        Map.of("PGSIDECAR_COMMAND_TOKENS_FILE", tokens.toString()),
                        "--state-dir",
                        state.toString())
                .awaitAnswer();
        agent.await200("/primary");
    }

    @AfterAll
    static void stop() {
        agent.close();
        cluster.close();
    }

    private static void writeTokens(String more) throws IOException {
        Files.writeString(
                tokens,
                "# who may what\n\n" + AgentProcess.tokenLine("ops", "operate", AgentProcess.OPERATE)
                        + AgentProcess.tokenLine("eyes", "view", AgentProcess.VIEW) + more);
    }

    // --- Who may what ----------------------------------------------------------------------------------------------

    @ParameterizedTest
    @CsvSource(textBlock = """
            GET,     /v1/instance
            GET,     /v1/operations
            GET,     /v1/capabilities
            GET,     /v1/openapi.yaml
            POST,    /v1/promote
            DELETE,  /v1/operations/x
            GET,     /
            GET,     /nope
            GET,     /metrics
            GET,     /q/health
            OPTIONS, /v1/instance
            PUT,     /v1/instance
            PATCH,   /nope
            """)
    void letsNobodyIn(String method, String path) {
        for (String token : List.of("", "wrong", "pgs_", AgentProcess.VIEW + "x")) {
            HttpResponse<String> answer = agent.command(method, path, token, "");
            assertThat(answer.statusCode()).as(token).isEqualTo(401);
            assertThat(answer.headers().firstValue("WWW-Authenticate")).isPresent();
            assertThat(new JsonObject(answer.body()).getString("type")).isEqualTo("urn:pgsidecar:unauthenticated");
        }
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            POST,    /v1/promote
            POST,    /v1/promote?dryRun=true
            DELETE,  /v1/operations/x
            PUT,     /nope
            """)
    void letsWhoMayLookNotOrder(String method, String path) {
        HttpResponse<String> answer = agent.command(method, path, AgentProcess.VIEW, "");
        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(new JsonObject(answer.body()).getString("detail"))
                .isEqualTo("eyes has the permission view, this needs operate");
    }

    @Test
    void takesANameAndATokenAsBasicToo() {
        assertThat(basic("eyes", AgentProcess.VIEW)).isEqualTo(200);
        assertThat(basic("ops", AgentProcess.OPERATE)).isEqualTo(200);
        assertThat(basic("ops", AgentProcess.VIEW)).isEqualTo(401);
        assertThat(basic("ops", "")).isEqualTo(401);
        assertThat(agent.command("GET", "/v1/instance", "", "", "Authorization", "Basic %%%")
                        .statusCode())
                .isEqualTo(401);
        assertThat(agent.command("GET", "/v1/instance", "", "", "Authorization", "Basic")
                        .statusCode())
                .isEqualTo(401);
        assertThat(agent.command("GET", "/v1/instance", "", "", "Authorization", "Negotiate x")
                        .statusCode())
                .isEqualTo(401);
    }

    private static int basic(String name, String token) {
        String encoded = Base64.getEncoder().encodeToString((name + ":" + token).getBytes(UTF_8));
        return agent.command("GET", "/v1/instance", "", "", "Authorization", "Basic " + encoded)
                .statusCode();
    }

    @Test
    void readsTheTokensFileAgainWhenItChanges() throws Exception {
        String late = AgentProcess.tokenLine("late", "view", "late-secret");
        assertThat(look("late-secret")).isEqualTo(401);
        writeTokens(late);
        awaitLook("late-secret", 200);
        writeTokens(late.replace(" never ", " 2026-01-03T00:00:00Z "));
        awaitLook("late-secret", 401);
        writeTokens("this is no line\n" + late);
        awaitLook("late-secret", 200);
        await().untilAsserted(() -> assertThat(agent.log()).contains("tokens line 5 lets nobody in"));
        assertThat(look(AgentProcess.VIEW)).as("the other lines").isEqualTo(200);

        Files.setPosixFilePermissions(tokens, PosixFilePermissions.fromString("rw-rw-r--"));
        Files.writeString(tokens, "\n", java.nio.file.StandardOpenOption.APPEND);
        awaitLook(AgentProcess.VIEW, 401);
        assertThat(agent.log()).contains("chmod go-w");
        Files.setPosixFilePermissions(tokens, PosixFilePermissions.fromString("rw-r--r--"));
        writeTokens("");
        awaitLook(AgentProcess.VIEW, 200);
        Files.delete(tokens);
        awaitLook(AgentProcess.VIEW, 401);
        writeTokens("");
        awaitLook(AgentProcess.VIEW, 200);
    }

    private static int look(String token) {
        return agent.command("GET", "/v1/operations", token, "").statusCode();
    }

    private static void awaitLook(String token, int status) {
        await().untilAsserted(() -> assertThat(look(token)).isEqualTo(status));
    }

    // --- How it answers --------------------------------------------------------------------------------------------

    @Test
    void tellsTheInstance() {
        JsonObject instance = agent.look("/v1/instance");
        assertThat(instance.getString("role")).isEqualTo("primary");
        assertThat(instance.getInteger("timeline")).isEqualTo(1);
        assertThat(instance.getDouble("ageSeconds")).isLessThan(5);
        assertThat(instance.getJsonObject("wal").getString("flush")).matches("[0-9A-F]+/[0-9A-F]+");
    }

    @Test
    void carriesOutAnOrderOnce() {
        HttpResponse<String> first =
                agent.order("/v1/promote", NOTHING, "Idempotency-Key", "once", "Prefer", "respond-async, wait=20");
        assertThat(first.statusCode()).isEqualTo(200);
        JsonObject operation = new JsonObject(first.body());
        assertThat(operation.getString("state")).isEqualTo("succeeded");
        assertThat(operation.getJsonObject("result").getBoolean("changed")).isFalse();
        assertThat(operation.getString("by")).isEqualTo("ops");
        assertThat(first.headers().firstValue("Location")).hasValue("/v1/operations/" + operation.getString("id"));
        assertThat(agent.look("/v1/operations/" + operation.getString("id"))).isEqualTo(operation);

        JsonObject again = new JsonObject(
                agent.order("/v1/promote", NOTHING, "Idempotency-Key", "once").body());
        assertThat(again).isEqualTo(operation);
        HttpResponse<String> other =
                agent.order("/v1/promote", new JsonObject().put("deadPrimary", "x"), "Idempotency-Key", "once");
        assertThat(other.statusCode()).isEqualTo(409);
        assertThat(new JsonObject(other.body()).getString("type")).isEqualTo("urn:pgsidecar:key-taken");

        HttpResponse<String> tooLate =
                agent.command("DELETE", "/v1/operations/" + operation.getString("id"), AgentProcess.OPERATE, "");
        assertThat(tooLate.statusCode()).isEqualTo(409);
        String events = agent.command(
                        "GET", "/v1/operations/%s/events".formatted(operation.getString("id")), AgentProcess.VIEW, "")
                .body();
        assertThat(events).startsWith("data:").contains("succeeded");
    }

    @Test
    void judgesWithoutActing() {
        int before = agent.look("/v1/operations").getJsonArray("operations").size();
        JsonObject dryRun =
                new JsonObject(agent.order("/v1/promote?dryRun=true", NOTHING).body());
        assertThat(dryRun.getBoolean("wouldRun")).isTrue();
        assertThat(agent.look("/v1/operations").getJsonArray("operations")).hasSize(before);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{",
                "[]",
                "\"x\"",
                "null x",
                "{\"deadPrimary\": 5}",
                "{\"expect\": 5}",
                "{\"expect\": {\"lsn\": \"0/1\"}}",
                "{\"expect\": {\"checkpointLsn\": \"banana\"}}",
                "{\"maxLag\": \"much\"}",
                "{\"waive\": \"identity\"}",
                "{\"waive\": [5]}",
                "{\"waive\": [\"nonsense\"]}",
                "{\"host\": \"10.0.0.1\"}",
                "{\"a\": {\"b\": {\"c\": {\"d\": {}}}}}",
                "{\"deadPrimary\": \"a\", \"deadPrimary\": 5}",
                "{\"deadPrimary\": 5, \"deadPrimary\": \"a\"}",
                "{\"deadPrimary\": \"\"}"
            })
    void refusesWhatMakesNoSense(String body) {
        HttpResponse<String> answer = agent.command("POST", "/v1/promote", AgentProcess.OPERATE, body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        assertThat(new JsonObject(answer.body()).getString("detail")).isNotBlank();
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            POST,   /v1/promote?dryRun=maybe,          400
            POST,   /v1/promote?dryRun=true&dryRun=true, 400
            POST,   /v1/promote?dryrun=true,           400
            POST,   /v1/promote?dry-run,               400
            GET,    /v1/promote,                       405
            PUT,    /v1/promote,                       405
            GET,    /v1/operations/nope,               404
            DELETE, /v1/operations/nope,               404
            GET,    /v1/operations/nope/events,        404
            GET,    /v1/operations/..%2f..%2fetc,      404
            GET,    /v2,                               404
            """)
    void answersErrorsInOneForm(String method, String path, int status) {
        HttpResponse<String> answer =
                agent.command(method, path, AgentProcess.OPERATE, method.equals("POST") ? "{}" : "");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(new JsonObject(answer.body()).getInteger("status")).isEqualTo(status);
    }

    @Test
    void takesNoOrderThatAnybodysBrowserCouldSend() {
        assertThat(agent.command("POST", "/v1/promote", AgentProcess.OPERATE, "")
                        .statusCode())
                .isEqualTo(415);
        assertThat(agent.command("POST", "/v1/promote", AgentProcess.OPERATE, "", "Content-Type", "text/plain")
                        .statusCode())
                .isEqualTo(415);
    }

    @Test
    void writesDownWhoCancels() throws Exception {
        JsonObject operation = new JsonObject(
                agent.order("/v1/promote", NOTHING, "Prefer", "wait=20").body());
        agent.command("DELETE", "/v1/operations/" + operation.getString("id"), AgentProcess.OPERATE, "");
        assertThat(audit())
                .anyMatch(entry -> "cancelled".equals(entry.getString("event"))
                        && "ops".equals(entry.getString("by"))
                        && operation.getString("id").equals(entry.getString("operation")));
    }

    @Test
    void bearsWhateverIsSentToIt() throws Exception {
        assertThat(agent.command("POST", "/v1/promote", AgentProcess.OPERATE, "x".repeat(100_000))
                        .statusCode())
                .isEqualTo(413);
        assertThat(agent.command("POST", "/v1/promote", AgentProcess.OPERATE, "[".repeat(60_000))
                        .statusCode())
                .isEqualTo(400);
        assertThat(agent.command("POST", "/v1/promote", AgentProcess.OPERATE, "{}", "Idempotency-Key", "two words")
                        .statusCode())
                .isEqualTo(400);
        Random random = new Random(7);
        for (int attempt = 0; attempt < 300; attempt++) {
            byte[] noise = new byte[random.nextInt(200)];
            random.nextBytes(noise);
            int status = agent.command(
                            List.of("GET", "POST", "PUT", "DELETE", "PATCH").get(random.nextInt(5)),
                            List.of("/v1/promote", "/v1/operations/x", "/v1/instance", "/v1/promote?dryRun=" + attempt)
                                    .get(random.nextInt(4)),
                            AgentProcess.OPERATE,
                            new String(noise, ISO_8859_1))
                    .statusCode();
            assertThat(status).isLessThan(500);
        }
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), agent.commandPort())) {
            byte[] noise = new byte[5000];
            random.nextBytes(noise);
            socket.getOutputStream().write(noise);
        }
        assertThat(look(AgentProcess.VIEW)).isEqualTo(200);
    }

    // --- What is remembered, and what is not -------------------------------------------------------------------------

    @Test
    void writesEveryOrderToTheAuditLog() throws Exception {
        int before = audit().size();
        agent.command("POST", "/v1/promote", AgentProcess.VIEW, "");
        agent.command("POST", "/v1/promote", "", "");
        agent.order("/v1/promote", new JsonObject().put("waive", new JsonArray().add("nonsense")));
        agent.order("/v1/promote", NOTHING, "Prefer", "wait=20");
        await().untilAsserted(() -> assertThat(audit().stream()
                        .skip(before)
                        .map(entry -> entry.getString("by") + " " + entry.getString("event") + " "
                                + entry.getString("outcome", "")))
                .contains(
                        "eyes denied forbidden",
                        "somebody denied unauthenticated",
                        "ops ordered ",
                        "ops refused malformed",
                        "ops accepted ",
                        "ops ended succeeded"));
        assertThat(audit()).allSatisfy(entry -> {
            assertThat(entry.getInstant("at")).isNotNull();
            assertThat(entry.getString("from")).isEqualTo("127.0.0.1");
        });
    }

    private static List<JsonObject> audit() throws IOException {
        return Files.readAllLines(state.resolve("audit.log")).stream()
                .map(JsonObject::new)
                .toList();
    }

    @Test
    void keepsSecretsToItself() throws Exception {
        agent.order("/v1/promote", NOTHING, "Prefer", "wait=20");
        agent.command("POST", "/v1/promote", AgentProcess.OPERATE, "{\"deadPrimary\": 5}");
        agent.command("GET", "/v1/instance", "", "", "Authorization", "Bearer " + AgentProcess.OPERATE + "x");
        List<String> texts = new ArrayList<>(List.of(agent.log(), agent.getText("/metrics")));
        try (var files = Files.walk(state)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                texts.add(Files.readString(file));
            }
        }
        for (String path : List.of("/v1/instance", "/v1/operations", "/v1/capabilities")) {
            texts.add(agent.look(path).encode());
        }
        assertThat(texts).allSatisfy(text -> assertThat(text)
                .doesNotContain(AgentProcess.OPERATE, AgentProcess.VIEW, "sha256:"));
    }

    @Test
    void countsWhomItDenied() {
        agent.command("GET", "/v1/instance", "", "");
        agent.command("POST", "/v1/promote", AgentProcess.VIEW, "");
        await().untilAsserted(() -> {
            assertThat(agent.getText("/metrics"))
                    .containsPattern("pgsidecar_command_denied_total\\{reason=\"unauthenticated\",} [1-9]")
                    .containsPattern("pgsidecar_command_denied_total\\{reason=\"forbidden\",} [1-9]");
        });
    }

    @Test
    void refusesToActWhereNothingCanBeRemembered() throws Exception {
        Postgres primary = cluster.primary("pg-9");
        Path blindState = Files.createDirectory(folder.resolve("blind-state"));
        try (AgentProcess blind = AgentProcess.start(
                        cluster, primary.port(), Map.of(), "--state-dir", blindState.toString())
                .awaitAnswer()) {
            blind.await200("/primary");
            Files.writeString(blindState.resolve("operations"), "in the way of the journal");
            assertProblem(blind.order("/v1/promote", NOTHING), 503, "no-journal");
            Files.delete(blindState.resolve("audit.log"));
            Files.createDirectory(blindState.resolve("audit.log"));
            assertProblem(blind.order("/v1/promote", NOTHING), 503, "no-audit");
            assertThat(blind.command("GET", "/v1/instance", AgentProcess.VIEW, "")
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    private static void assertProblem(HttpResponse<String> answer, int status, String type) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(new JsonObject(answer.body()).getString("type")).isEqualTo("urn:pgsidecar:" + type);
        assertThat(new JsonObject(answer.body()).getString("hint")).contains("state-dir");
    }

    // --- Its document ------------------------------------------------------------------------------------------------

    @Test
    @SuppressWarnings("unchecked")
    void isWhatItsDocumentSays() throws Exception {
        String text =
                agent.command("GET", "/v1/openapi.yaml", AgentProcess.VIEW, "").body();
        assertThat(text).isEqualTo(Files.readString(Path.of("src/main/resources/openapi.yaml")));
        Map<String, Map<String, Object>> paths =
                (Map<String, Map<String, Object>>) ((Map<String, Object>) new Yaml().load(text)).get("paths");
        Set<String> documented = new TreeSet<>();
        paths.forEach((path, methods) -> methods.keySet().stream()
                .filter(method -> !method.equals("parameters"))
                .forEach(method -> documented.add(method.toUpperCase(java.util.Locale.ROOT) + " " + path)));
        for (String method : List.of("GET", "POST", "PUT", "DELETE")) {
            for (String path : paths.keySet()) {
                int status = agent.command(method, path.replace("{id}", "x"), AgentProcess.OPERATE, "")
                        .statusCode();
                assertThat(status != 405)
                        .as("%s %s answers %d", method, path, status)
                        .isEqualTo(documented.contains(method + " " + path));
            }
        }
    }

    @Test
    void saysHowToMakeATokenWhereThereIsNone() {
        Postgres primary = cluster.primary("pg-8");
        try (AgentProcess silent = AgentProcess.start(
                        cluster,
                        primary.port(),
                        Map.of(
                                "PGSIDECAR_COMMAND_TOKENS_FILE",
                                folder.resolve("none").toString()))
                .awaitAnswer()) {
            assertThat(silent.log()).contains("pgsidecar token create --name ops");
            assertThat(silent.command("GET", "/v1/instance", AgentProcess.VIEW, "")
                            .statusCode())
                    .isEqualTo(401);
        }
    }

    @Test
    void isNotThereWhereNobodyWantsIt() {
        Postgres primary = cluster.primary("pg-7");
        try (AgentProcess deaf = AgentProcess.start(
                        cluster, primary.port(), Map.of("PGSIDECAR_COMMAND_ENABLED", "false"))
                .awaitAnswer()) {
            await().atMost(Duration.ofSeconds(10)).until(() -> deaf.status("/primary") == 200);
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), deaf.commandPort())) {
                throw new AssertionError("somebody listens: " + socket);
            } catch (IOException e) {
                assertThat(e).hasMessageContaining("refused");
            }
        }
    }
}
