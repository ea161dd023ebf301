package dev.pgsidecar.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Certificate;
import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command listener with TLS: certificates of both sides, asked by curl, by a peer and by the program itself. */
@Tag("agent")
class CommandTlsIT {

    @TempDir
    Path folder;

    @Test
    void believesTokensAndCertificates() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            write("server", Certificate.make(folder, "localhost"));
            write("client", Certificate.make(folder, "ops.example"));
            write("stranger", Certificate.make(folder, "stranger.example"));
            Path tokens = Files.writeString(
                    folder.resolve("tokens"),
                    AgentProcess.tokenLine("eyes", "view", AgentProcess.VIEW)
                            + "robot operate 2026-01-02T03:04:05Z never subject:CN=ops.example\n");
            Map<String, String> environment = Map.of(
                    "PGSIDECAR_COMMAND_TOKENS_FILE", tokens.toString(),
                    "PGSIDECAR_COMMAND_TLS_CERTIFICATE", pem("server"),
                    "PGSIDECAR_COMMAND_TLS_KEY", key("server"),
                    "PGSIDECAR_COMMAND_TLS_CLIENT_AUTHORITY", pem("client"));
            try (AgentProcess agent =
                    AgentProcess.start(cluster, primary.port(), environment).awaitAnswer()) {
                agent.await200("/primary");
                String url = "https://localhost:" + agent.commandPort();
                String[] bearer = {"-H", "Authorization: Bearer " + AgentProcess.VIEW};

                assertThat(curl(url + "/v1/instance")).isEqualTo("401");
                assertThat(curl(url + "/v1/instance", bearer)).isEqualTo("200");
                assertThat(curl(url + "/v1/promote", "--json", "{}", bearer[0], bearer[1]))
                        .isEqualTo("403");
                assertThat(curl(url + "/v1/promote", "--json", "{}", "--cert", pem("client"), "--key", key("client")))
                        .isIn("200", "202");
                assertThat(curl(url + "/v1/instance", "--cert", pem("stranger"), "--key", key("stranger")))
                        .as("not signed by the authority: TLS ends it")
                        .isEqualTo("000");
                assertThat(curl("http://localhost:%d/v1/instance".formatted(agent.commandPort()), bearer))
                        .as("without TLS")
                        .isEqualTo("000");
                Files.writeString(tokens, AgentProcess.tokenLine("eyes", "view", AgentProcess.VIEW));
                await().untilAsserted(() -> assertThat(
                                curl(url + "/v1/instance", "--cert", pem("client"), "--key", key("client")))
                        .as("signed, and named by no line any more")
                        .isEqualTo("401"));

                AgentProcess.Ended status = AgentProcess.run(
                        folder,
                        Map.of("PGSIDECAR_TOKEN", AgentProcess.VIEW),
                        "status",
                        "--url",
                        url,
                        "--ca",
                        pem("server"));
                assertThat(status.exitCode()).as(status.output()).isZero();
                AgentProcess.Ended distrusted =
                        AgentProcess.run(folder, Map.of("PGSIDECAR_TOKEN", AgentProcess.VIEW), "status", "--url", url);
                assertThat(distrusted.exitCode()).as(distrusted.output()).isEqualTo(3);

                write("server", Certificate.make(Files.createDirectory(folder.resolve("next")), "localhost"));
                await("the next certificate").atMost(Duration.ofSeconds(40)).untilAsserted(() -> assertThat(
                                curl(url + "/v1/instance", bearer))
                        .isEqualTo("200"));
            }
        }
    }

    @Test
    void believesNoCertificateWithoutAnAuthorityOfItsOwn() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            write("server", Certificate.make(folder, "localhost"));
            write("client", Certificate.make(folder, "ops.example"));
            Path tokens = Files.writeString(
                    folder.resolve("tokens"), "robot operate 2026-01-02T03:04:05Z never subject:CN=ops.example\n");
            Map<String, String> environment = Map.of(
                    "PGSIDECAR_COMMAND_TOKENS_FILE", tokens.toString(),
                    "PGSIDECAR_COMMAND_TLS_CERTIFICATE", pem("server"),
                    "PGSIDECAR_COMMAND_TLS_KEY", key("server"));
            try (AgentProcess agent =
                    AgentProcess.start(cluster, primary.port(), environment).awaitAnswer()) {
                String url = "https://localhost:%d/v1/instance".formatted(agent.commandPort());
                assertThat(curl(url)).isEqualTo("401");
                assertThat(curl(url, "--cert", pem("client"), "--key", key("client")))
                        .isIn("401", "000");
            }
        }
    }

    @Test
    void asksPeersOverTls() throws Exception {
        try (Cluster cluster = Cluster.on(17)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary);
            write("server", Certificate.make(folder, "localhost"));
            Path token = Files.writeString(folder.resolve("token"), AgentProcess.VIEW);
            try (AgentProcess upstream = AgentProcess.start(
                            cluster,
                            primary.port(),
                            Map.of(
                                    "PGSIDECAR_NAME", "pg-0",
                                    "PGSIDECAR_COMMAND_TLS_CERTIFICATE", pem("server"),
                                    "PGSIDECAR_COMMAND_TLS_KEY", key("server")))
                    .awaitAnswer()) {
                Map<String, String> peer = Map.of(
                        "PGSIDECAR_NAME",
                        "pg-1",
                        "PGSIDECAR_PEERS_0__NAME",
                        "pg-0",
                        "PGSIDECAR_PEERS_0__URL",
                        "https://localhost:" + upstream.commandPort(),
                        "PGSIDECAR_PEERS_0__TOKEN_FILE",
                        token.toString(),
                        "PGSIDECAR_PEERS_0__CA",
                        pem("server"));
                try (AgentProcess agent =
                        AgentProcess.start(cluster, standby.port(), peer).awaitAnswer()) {
                    primary.sql("CREATE TABLE t ()"); // an idle one says nothing for a while, and lag is unknown then
                    agent.await200("/async");
                    agent.await503("/sync", "not-sync");
                    primary.setting("synchronous_standby_names", "'\"pg-1\"'");
                    agent.await200("/sync");
                    agent.await200("/read-only-sync");
                    agent.await503("/async", "not-async");
                    upstream.process().destroyForcibly();
                    agent.await503("/sync", "unknown");
                }
            }
        }
    }

    private void write(String name, Certificate certificate) throws IOException {
        Files.writeString(folder.resolve(name + ".key"), certificate.key());
        Files.writeString(folder.resolve(name + ".pem"), certificate.pem());
    }

    private String pem(String name) {
        return folder.resolve(name + ".pem").toString();
    }

    private String key(String name) {
        return folder.resolve(name + ".key").toString();
    }

    /** The HTTP status, 000 where there was none. */
    private String curl(String url, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                "curl",
                "-q",
                "-sS",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "--max-time",
                "10",
                "--cacert",
                pem("server")));
        command.addAll(List.of(more));
        command.add(url);
        Process process = new ProcessBuilder(command).start();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
