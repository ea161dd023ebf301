package dev.pgsidecar.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.tuple;

import io.smallrye.config.ConfigMappings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigurationTest {

    @TempDir
    Path folder;

    @Test
    void knowsEveryKeyOfTheTree() {
        assertThat(Key.ALL.stream().map(Key::name))
                .containsExactlyInAnyOrderElementsOf(
                        ConfigMappings.getProperties(ConfigMappings.ConfigClass.configClass(Settings.class))
                                .keySet()
                                .stream()
                                .filter(name -> !name.endsWith("[*]")) // a list of names is one value
                                .toList());
    }

    @Test
    void hasDefaultsThatAreAllowed() throws Exception {
        Settings settings = load("", Map.of(), Map.of()).settings();
        assertThat(settings.postgres().host()).isEqualTo("127.0.0.1");
        assertThat(settings.postgres().ssl().mode()).isEqualTo(Settings.SslMode.PREFER);
        assertThat(settings.observe().interval()).isEqualTo(Duration.ofSeconds(1));
        assertThat(settings.probe().replica().maxLag()).isEqualTo(ByteSize.parse("64MB"));
        assertThat(settings.open().port()).isEqualTo(8008);
        assertThat(settings.instanceName()).isNotBlank();
    }

    @Test
    void letsFlagBeatEnvironmentBeatFileBeatDefault() throws Exception {
        String file = """
                pgsidecar:
                  name: from-file
                  postgres: { host: file.example, port: 1111, user: file }
                  state-dir: /file
                """;
        Map<String, String> environment =
                Map.of("PGSIDECAR_POSTGRES_HOST", "environment.example", "PGSIDECAR_POSTGRES_PORT", "2222");
        Configuration configuration = load(file, Map.of("pgsidecar.postgres.port", "3333"), environment);
        Settings settings = configuration.settings();
        assertThat(settings.name()).contains("from-file");
        assertThat(settings.stateDir()).isEqualTo(Path.of("/file"));
        assertThat(settings.postgres().host()).isEqualTo("environment.example");
        assertThat(settings.postgres().port()).isEqualTo(3333);
        assertThat(configuration.effective())
                .contains(
                        "pgsidecar.postgres.port: 3333  # flag",
                        "pgsidecar.postgres.host: environment.example  # environment PGSIDECAR_POSTGRES_HOST",
                        "pgsidecar.postgres.user: file  # file " + file(),
                        "pgsidecar.postgres.database: pgsidecar  # default",
                        "pgsidecar.postgres.password: (not set)");
    }

    @Test
    void masksSecrets() throws Exception {
        Configuration configuration = load("", Map.of(), Map.of("PGSIDECAR_POSTGRES_PASSWORD", "hunter2"));
        assertThat(configuration.settings().postgres().password()).contains("hunter2");
        assertThat(configuration.effective())
                .contains("pgsidecar.postgres.password: ********  # environment PGSIDECAR_POSTGRES_PASSWORD")
                .noneMatch(line -> line.contains("hunter2"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            postgres.port            | banana   | 1 to 65535
            postgres.port            | 0        | 1 to 65535
            postgres.port            | 65536    | 1 to 65535
            postgres.host            | /run     | a Unix socket folder is not supported
            postgres.ssl.mode        | allow    | disable, prefer, require, verify-ca or verify-full
            postgres.ssl.mode        | verify-ca | which ssl.mode verify-ca and verify-full need
            postgres.system-identifier | abc    | a positive whole number
            observe.interval         | 10ms     | 100ms to 1m
            observe.interval         | -1s      | 100ms to 1m
            observe.interval         | soon     | 100ms to 1m
            observe.interval         | 1        | 100ms to 1m
            observe.timeout          | 2h       | 100ms to 1m
            observe.stale-after      | 4900ms   | at least interval + 2 timeouts, 5000ms
            probe.replica.max-lag    | many     | a size such as 16MB
            probe.replica.rise       | 0        | 1 to 30
            probe.replica.fall       | 31       | 1 to 30
            open.addresses           | yes      | true or false
            open.max-connections     | 7        | 8 to 65536
            """)
    void refusesAValueInOneLine(String key, String value, String allowed) throws Exception {
        List<String> problems = problems("", Map.of("pgsidecar." + key, value), Map.of());
        assertThat(problems)
                .singleElement()
                .asString()
                .contains("pgsidecar.", allowed)
                .doesNotContain("\n");
        if (!allowed.startsWith("which")) { // that one is about the key which is not set
            assertThat(problems.getFirst()).startsWith("pgsidecar." + key + " (flag): \"" + value + "\"");
        }
    }

    @Test
    void refusesTwoPasswords() throws Exception {
        assertThat(problems(
                        "pgsidecar: { postgres: { password: hunter2, password-file: /run/secret } }",
                        Map.of(),
                        Map.of()))
                .singleElement()
                .asString()
                .contains("pgsidecar.postgres.password-file", "not both")
                .doesNotContain("hunter2");
    }

    @Test
    void wantsARootCertificateOnlyWhereItIsUsed() {
        Map<String, String> certificate = Map.of("pgsidecar.postgres.ssl.root-certificate", "/no/such/file");
        assertThat(problems("", certificate, Map.of()))
                .singleElement()
                .asString()
                .contains("verify-ca or verify-full");
        assertThat(problems("pgsidecar: { postgres: { ssl: { mode: verify-ca } } }", certificate, Map.of()))
                .singleElement()
                .asString()
                .contains("\"/no/such/file\"", "a PEM file that the agent can read");
    }

    @Test
    void takesValuesAsTheyAre() throws Exception {
        String password = "a$$b${c}d\\e";
        assertThat(load("", Map.of(), Map.of("PGSIDECAR_POSTGRES_PASSWORD", password))
                        .settings()
                        .postgres()
                        .password())
                .contains(password);
        assertThat(load("pgsidecar: { postgres: { password: 'a$$b${c}d\\e' } }", Map.of(), Map.of())
                        .settings()
                        .postgres()
                        .password())
                .contains(password);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            pgsidecar: { postgres: { password: 0123 } }             | pgsidecar.postgres.password is no text for YAML
            pgsidecar: { postgres: { host: yes } }                  | pgsidecar.postgres.host is no text for YAML
            pgsidecar: { name: a, name: b }                         | found duplicate key name, line 1
            pgsidecar: { postgres: { host: } }                      | pgsidecar.postgres.host (file
            just words                                              | it holds no mapping
            pgsidecar: { postgres: { password: "secretsauce } }     | line 1
            """)
    void refusesYamlThatMeansSomethingElse(String yaml, String why) {
        List<String> problems = problems(yaml, Map.of(), Map.of());
        assertThat(problems).hasSize(1);
        assertThat(problems.getFirst().replace(file().toString(), "...")) // whose name holds any digits
                .contains(why)
                .doesNotContain("\n", "secretsauce", "0123", "83");
    }

    @Test
    void namesTheNearestKey() throws Exception {
        assertThat(problems("pgsidecar: { postgres: { prot: 5432 } }", Map.of(), Map.of()))
                .containsExactly(
                        "pgsidecar.postgres.prot (file %s): is no known key; the nearest is pgsidecar.postgres.port"
                                .formatted(file()));
        assertThat(problems("postgres: { host: x }", Map.of(), Map.of()))
                .singleElement()
                .asString()
                .contains("the nearest is pgsidecar.postgres.host");
        assertThat(problems("pgsidecar: { peers: [ { nam: pg-1 } ] }", Map.of(), Map.of()))
                .anyMatch(problem -> problem.startsWith("pgsidecar.peers[0].nam (file")
                        && problem.endsWith("the nearest is pgsidecar.peers[*].name"));
    }

    @Test
    void readsPeers() throws Exception {
        String peers = """
                pgsidecar:
                  peers:
                    - { name: pg-1, url: "https://pg-1:8009", token-file: /run/token, ca: /etc/ca.pem }
                    - { name: pg-2, url: "http://pg-2:8009", token-file: /run/token }
                """;
        Files.writeString(file(), peers);
        Configuration configuration = Configuration.load(
                Optional.of(file()), Map.of(), Map.of("PGSIDECAR_PEERS_1__TOKEN_FILE", "/run/other"));
        assertThat(configuration.settings().peers())
                .extracting(Settings.Peer::name, Settings.Peer::url, Settings.Peer::tokenFile, Settings.Peer::ca)
                .containsExactly(
                        tuple("pg-1", "https://pg-1:8009", Path.of("/run/token"), Optional.of(Path.of("/etc/ca.pem"))),
                        tuple("pg-2", "http://pg-2:8009", Path.of("/run/other"), Optional.empty()));
        assertThat(configuration.effective())
                .contains("pgsidecar.peers[1].token-file: /run/other  # environment PGSIDECAR_PEERS_1__TOKEN_FILE");
    }

    @Test
    void refusesPeersThatMakeNoSense() throws Exception {
        assertThat(problems("pgsidecar: { peers: [ { name: pg-1 } ] }", Map.of(), Map.of()))
                .hasSize(2)
                .anyMatch(problem -> problem.startsWith("pgsidecar.peers[0].url: is not set"))
                .anyMatch(problem -> problem.startsWith("pgsidecar.peers[0].token-file: is not set"));
        assertThat(problems(
                        "pgsidecar: { peers: [ { name: a, url: 'ftp://x', token-file: /t },"
                                + " { name: a, url: 'http://x:1', token-file: /t } ] }",
                        Map.of(),
                        Map.of()))
                .hasSize(2)
                .anyMatch(problem -> problem.startsWith("pgsidecar.peers[0].url"))
                .anyMatch(problem -> problem.startsWith("pgsidecar.peers[1].name"));
        assertThat(problems(
                        "pgsidecar: { name: a, peers: [ { name: a, url: 'http://x:1', token-file: /t } ] }",
                        Map.of(),
                        Map.of()))
                .singleElement()
                .asString()
                .contains("another instance than this one");
    }

    @Test
    void tellsTheLogWhatToWrite() throws Exception {
        assertThat(Logging.properties(
                        load("pgsidecar: { name: pg-0 }", Map.of(), Map.of()).settings()))
                .containsEntry("quarkus.log.console.json.enabled", "false")
                .containsEntry("quarkus.log.level", "INFO")
                .containsEntry("quarkus.log.category.\"io.quarkus\".level", "WARN")
                .containsEntry("quarkus.log.category.\"dev.pgsidecar\".level", "INFO");
        String told =
                "pgsidecar: { log: { format: json, level: error, categories: [ { name: io.vertx, level: debug } ] } }";
        assertThat(Logging.properties(load(told, Map.of(), Map.of()).settings()))
                .containsEntry("quarkus.log.console.json.enabled", "true")
                .containsEntry("quarkus.log.level", "ERROR")
                .containsEntry("quarkus.log.category.\"io.quarkus\".level", "ERROR")
                .containsEntry("quarkus.log.category.\"dev.pgsidecar\".level", "ERROR")
                .containsEntry("quarkus.log.category.\"io.vertx\".level", "DEBUG");
        assertThat(Logging.properties(load("pgsidecar: { log: { level: debug } }", Map.of(), Map.of())
                        .settings()))
                .containsEntry("quarkus.log.level", "INFO")
                .containsEntry("quarkus.log.category.\"dev.pgsidecar\".level", "DEBUG");
        assertThat(problems(
                        "pgsidecar: { log: { level: loud, categories: [ { name: 'a\"b', level: info } ] } }",
                        Map.of(),
                        Map.of()))
                .singleElement()
                .asString()
                .contains("pgsidecar.log.level", "\"loud\" is not allowed; allowed: error, warn, info or debug");
        assertThat(problems(
                        "pgsidecar: { log: { categories: [ { name: 'a\"b', level: info } ] } }", Map.of(), Map.of()))
                .singleElement()
                .asString()
                .contains("pgsidecar.log.categories[0].name");
    }

    @Test
    void readsDatabasesAndTheirSchedule() throws Exception {
        Settings.Partition partition = load(
                        "pgsidecar: { partition: { databases: [app, \"a,b\"], schedule: \"0 0 3 * * ?\", mode: report } }",
                        Map.of(),
                        Map.of())
                .settings()
                .partition();
        assertThat(partition.databases()).contains(List.of("app", "a,b"));
        assertThat(partition.mode()).isEqualTo(Settings.PartitionMode.REPORT);
        Schedule schedule = Schedule.of(partition.schedule());
        Instant noon = Instant.parse("2026-11-20T12:00:00Z");
        assertThat(schedule.after(noon)).contains(Instant.parse("2026-11-21T03:00:00Z"));
        assertThat(schedule.before(noon)).contains(Instant.parse("2026-11-20T03:00:00Z"));
        assertThat(load("", Map.of(), Map.of("PGSIDECAR_PARTITION_DATABASES", "app,shop"))
                        .settings()
                        .partition()
                        .databases())
                .contains(List.of("app", "shop"));
        assertThat(refusal("", Map.of("PGSIDECAR_PARTITION_SCHEDULE", "@daily")))
                .contains("pgsidecar.partition.schedule", "PGSIDECAR_PARTITION_SCHEDULE", "0 */15 * * * ?");
        assertThat(refusal("", Map.of("PGSIDECAR_PARTITION_SCHEDULE", "0 0 0 1 1 ? 1999")))
                .contains("never due");
        assertThat(refusal("", Map.of("PGSIDECAR_PARTITION_DATABASES", "app,app")))
                .contains("different names");
        assertThat(refusal("pgsidecar: { partition: { databases: [1] } }", Map.of()))
                .contains("put it in quotes");
    }

    private String refusal(String file, Map<String, String> environment) {
        return catchThrowableOfType(InvalidConfiguration.class, () -> load(file, Map.of(), environment))
                .getMessage();
    }

    @Test
    void wantsCertificateAndKeyTogether() throws Exception {
        assertThat(problems("pgsidecar: { command: { tls: { certificate: /c.pem } } }", Map.of(), Map.of()))
                .singleElement()
                .asString()
                .startsWith("pgsidecar.command.tls.key");
        assertThat(problems("pgsidecar: { command: { tls: { client-authority: /c.pem } } }", Map.of(), Map.of()))
                .singleElement()
                .asString()
                .startsWith("pgsidecar.command.tls.certificate");
    }

    @Test
    void namesTheNearestVariable() throws Exception {
        assertThat(problems("", Map.of(), Map.of("PGSIDECAR_OBSERVE_INTERVALL", "1s")))
                .containsExactly("PGSIDECAR_OBSERVE_INTERVALL (environment): is no known variable; the nearest is"
                        + " PGSIDECAR_OBSERVE_INTERVAL");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "PGSIDECAR_SERVICE_HOST",
                "PGSIDECAR_SERVICE_PORT",
                "PGSIDECAR_SERVICE_PORT_OPEN",
                "PGSIDECAR_PORT",
                "PGSIDECAR_PORT_8008_TCP",
                "PGSIDECAR_PORT_8008_TCP_ADDR",
                "PGSIDECAR_REPLICAS_SERVICE_HOST",
                "PGSIDECAR_REPLICAS_PORT"
            })
    void bearsWhatKubernetesPutsIntoContainers(String variable) throws Exception {
        assertThat(load("", Map.of(), Map.of(variable, "tcp://10.0.0.1:8008"))).isNotNull();
    }

    @Test
    void treatsAnEmptyValueAsAbsent() throws Exception {
        Settings settings = load("pgsidecar: { postgres: { password: , password-file: '' } }", Map.of(), Map.of())
                .settings();
        assertThat(settings.postgres().password()).isEmpty();
        assertThat(settings.postgres().passwordFile()).isEmpty();
        assertThat(load("pgsidecar:\n  observe:\n", Map.of(), Map.of())).isNotNull();
    }

    @Test
    void refusesAFileThatIsMissingOrNoYaml() throws Exception {
        Optional<Path> missing = Optional.of(folder.resolve("missing.yaml"));
        InvalidConfiguration refused =
                catchThrowableOfType(InvalidConfiguration.class, () -> Configuration.load(missing, Map.of(), Map.of()));
        assertThat(refused.problems())
                .singleElement()
                .asString()
                .contains("missing.yaml", "does not exist", "--config");
        assertThat(problems("pgsidecar: [", Map.of(), Map.of()))
                .singleElement()
                .asString()
                .contains("line 1, column 13")
                .doesNotContain("\n");
    }

    @Test
    void readsTheFileThatTheEnvironmentNames() throws Exception {
        Files.writeString(file(), "pgsidecar: { name: named }");
        Configuration configuration =
                Configuration.load(Optional.empty(), Map.of(), Map.of(Configuration.FILE_VARIABLE, file().toString()));
        assertThat(configuration.settings().name()).contains("named");
    }

    private List<String> problems(String yaml, Map<String, String> flags, Map<String, String> environment) {
        InvalidConfiguration refused =
                catchThrowableOfType(InvalidConfiguration.class, () -> load(yaml, flags, environment));
        assertThat(refused).as("refused").isNotNull();
        return refused.problems();
    }

    private Configuration load(String yaml, Map<String, String> flags, Map<String, String> environment)
            throws IOException, InvalidConfiguration {
        Files.writeString(file(), yaml);
        return Configuration.load(Optional.of(file()), flags, environment);
    }

    private Path file() {
        return folder.resolve("pgsidecar.yaml");
    }
}
