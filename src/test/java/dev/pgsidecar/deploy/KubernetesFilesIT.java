package dev.pgsidecar.deploy;

import static dev.pgsidecar.deploy.Manifests.at;
import static dev.pgsidecar.deploy.Manifests.containers;
import static dev.pgsidecar.deploy.Manifests.list;
import static dev.pgsidecar.deploy.Manifests.named;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgsidecar.cluster.Needs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.DumperOptions.FlowStyle;
import org.yaml.snakeyaml.Yaml;

/** deploy/kubernetes, rendered by kustomize and read back. KubernetesPodIT runs what its pods run. */
@Needs(Manifests.Kubectl.class)
class KubernetesFilesIT {

    private static final String SERVER = "{app.kubernetes.io/component=server, app.kubernetes.io/instance=pg,"
            + " app.kubernetes.io/name=postgresql}";
    private static final String ROUTER = SERVER.replace("server", "router");

    @TempDir
    static Path folder;

    private static Manifests manifests;

    @BeforeAll
    static void render() throws Exception {
        manifests = Manifests.render(folder, UnaryOperator.identity());
    }

    @Test
    void everythingIsAsItsDefinitionSays() {
        assertThat(manifests.all()).hasSizeGreaterThan(20).allSatisfy(KubernetesTypes::check);
    }

    @Test
    void whatIsNotAsItsDefinitionSaysIsFound() {
        Map<String, Object> set = manifests.get("StatefulSet", "pg");
        assertThatThrownBy(() -> KubernetesTypes.check(changed(set, "  podManagementPolicy:", "  podManagmentPolicy:")))
                .hasMessageContaining("podManagmentPolicy");
        assertThatThrownBy(
                        () -> KubernetesTypes.check(changed(set, "readOnlyRootFilesystem:", "readOnlyRootFileSystem:")))
                .hasMessageContaining("readOnlyRootFileSystem");
        assertThatThrownBy(() -> KubernetesTypes.check(changed(set, "containerPort:", "port:")))
                .hasMessageContaining("`port`");
        assertThatThrownBy(() -> KubernetesTypes.check(
                        changed(manifests.get("ServiceMonitor", "pg"), "scrapeTimeout:", "scrapeTimeOut:")))
                .hasMessageContaining("scrapeTimeOut");
        assertThatThrownBy(() ->
                        KubernetesTypes.check(changed(manifests.get("Certificate", "pg-tls"), "dnsNames:", "dnsName:")))
                .hasMessageContaining("dnsName");
    }

    @Test
    void whatTheExampleHasInCommentsWorksToo(@TempDir Path other) throws Exception {
        Manifests without = Manifests.render(other, example -> example.replaceAll("(?m)^#  ", "  ")
                .replaceAll("(?m)^.*/(cert-manager|service-monitor)\\n", ""));
        assertThat(without.all()).allSatisfy(KubernetesTypes::check);
        assertThat(without.names("Certificate")).isEmpty();
        assertThat(Manifests.<Map<String, Object>>at(without.get("Secret", "pg-tls"), "data"))
                .containsOnlyKeys("tls.crt", "tls.key", "ca.crt");
        Map<String, Object> agent = named(list(without.pods().getFirst(), "initContainers"), "pgsidecar");
        assertThat(Manifests.<Map<String, Object>>list(agent, "env"))
                .extracting(each -> each.get("name"))
                .contains("PGSIDECAR_POSTGRES_SYSTEM_IDENTIFIER");
    }

    private static Map<String, Object> changed(Map<String, Object> manifest, String what, String into) {
        String yaml = new Yaml(blockStyle()).dump(manifest);
        assertThat(yaml).contains(what.strip());
        return Manifests.parse(yaml.replace(what.strip(), into.strip())).getFirst();
    }

    private static DumperOptions blockStyle() {
        DumperOptions options = new DumperOptions();
        options.setDefaultFlowStyle(FlowStyle.BLOCK);
        return options;
    }

    @Test
    void theAgentIsASidecarWhoseProbesNeverRestartTheServer() throws Exception {
        Map<String, Object> pod = manifests.pods().getFirst();
        Map<String, Object> agent = named(list(pod, "initContainers"), "pgsidecar");
        assertThat(list(pod, "initContainers").getFirst())
                .as("begins before all others")
                .isEqualTo(agent);
        assertThat(agent.get("restartPolicy")).isEqualTo("Always");
        Set<String> known = pathsOfTheTable();
        Map<String, String> probes = new TreeMap<>();
        for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
            assertThat(this.<String>probe(agent, probe, "port")).isEqualTo("open");
            probes.put(probe, probe(agent, probe, "path"));
        }
        assertThat(known).containsAll(probes.values());
        assertThat(probes)
                .isEqualTo(Map.of(
                        "startupProbe", "/liveness", "livenessProbe", "/liveness", "readinessProbe", "/readiness"));
        assertThat(named(list(pod, "containers"), "postgresql").keySet()).noneMatch(key -> key.endsWith("Probe"));
        assertThat(ports(agent)).containsEntry("open", 8008).containsEntry("command", 8009);
    }

    private <T> T probe(Map<String, Object> container, String probe, String key) {
        return at(container, probe, "httpGet", key);
    }

    private static Set<String> pathsOfTheTable() throws Exception {
        return Files.readAllLines(Path.of("docs/health-checks.md")).stream()
                .filter(line -> line.startsWith("| `/"))
                .flatMap(line -> Pattern.compile("`(/[^`]*)`")
                        .matcher(line.split("\\|")[1])
                        .results())
                .map(found -> found.group(1))
                .collect(Collectors.toSet());
    }

    @Test
    void nothingRunsWithMoreRightsThanTheStrictestStandardAllows() {
        assertThat(manifests.names("Role")).isEmpty();
        assertThat(manifests.names("ClusterRole")).isEmpty();
        assertThat(manifests.pods()).allSatisfy(pod -> {
            assertThat(pod.get("automountServiceAccountToken")).isEqualTo(false);
            assertThat(this.<Boolean>in(pod, "runAsNonRoot")).isTrue();
            assertThat(Manifests.<String>at(pod, "securityContext", "seccompProfile", "type"))
                    .isEqualTo("RuntimeDefault");
            assertThat(containers(pod)).allSatisfy(container -> {
                assertThat(this.<Boolean>in(container, "allowPrivilegeEscalation"))
                        .isFalse();
                assertThat(this.<Boolean>in(container, "readOnlyRootFilesystem"))
                        .isTrue();
                assertThat(Manifests.<List<String>>at(container, "securityContext", "capabilities", "drop"))
                        .containsExactly("ALL");
                assertThat(Manifests.<Map<String, ?>>at(container, "resources", "requests"))
                        .containsKeys("cpu", "memory");
                assertThat(Manifests.<Map<String, ?>>at(container, "resources", "limits"))
                        .containsOnlyKeys("memory");
            });
        });
    }

    private <T> T in(Map<String, Object> node, String key) {
        return at(node, "securityContext", key);
    }

    @Test
    void portsAreTheOnesThatListen() throws Exception {
        for (String service : List.of("pg", "pg-primary", "pg-replicas")) {
            Map<String, Object> spec = at(manifests.get("Service", service), "spec");
            Map<String, Object> pod = podWith(at(spec, "selector"));
            Set<Object> offered = containers(pod).stream()
                    .flatMap(container -> ports(container).keySet().stream())
                    .collect(Collectors.toSet());
            assertThat(Manifests.<Map<String, Object>>list(spec, "ports"))
                    .extracting(port -> port.get("targetPort"))
                    .isSubsetOf(offered);
        }
        assertThat(Manifests.<Boolean>at(manifests.get("Service", "pg"), "spec", "publishNotReadyAddresses"))
                .isTrue();
        Map<String, Object> router = containers(manifests.pods().getLast()).getFirst();
        assertThat(ports(router).values())
                .containsExactlyInAnyOrderElementsOf(numbers(shipped("haproxy.cfg"), "bind :(\\d+)"));
        assertThat(Manifests.<Map<String, Object>>list(manifests.get("ServiceMonitor", "pg"), "spec", "endpoints"))
                .singleElement()
                .satisfies(endpoint -> assertThat(endpoint.get("port")).isEqualTo("open"));
        assertThat(Manifests.<Object>at(manifests.get("ServiceMonitor", "pg"), "spec", "selector", "matchLabels"))
                .isEqualTo(at(manifests.get("Service", "pg"), "metadata", "labels"));
    }

    private static Map<String, Object> podWith(Map<String, Object> labels) {
        return Stream.of(manifests.get("StatefulSet", "pg"), manifests.get("Deployment", "pg-router"))
                .filter(each -> Manifests.<Map<String, Object>>at(each, "spec", "template", "metadata", "labels")
                        .equals(labels))
                .map(each -> Manifests.<Map<String, Object>>at(each, "spec", "template", "spec"))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no pod with " + labels));
    }

    private static Map<String, Object> ports(Map<String, Object> container) {
        return Manifests.<Map<String, Object>>list(container, "ports").stream()
                .collect(Collectors.toMap(port -> (String) port.get("name"), port -> port.get("containerPort")));
    }

    @Test
    void theTwoPortsAreApartForTheNetwork() {
        assertThat(whoReaches("pg"))
                .isEqualTo(Map.of(
                        5432, Set.of(ROUTER, SERVER),
                        8008, Set.of(ROUTER, "{kubernetes.io/metadata.name=monitoring}"),
                        8009, Set.of(SERVER, "{pgsidecar.dev/operator=true}")));
        assertThat(whoReaches("pg-router"))
                .isEqualTo(Map.of(
                        5000, Set.of("{pgsidecar.dev/client=true}"), 5001, Set.of("{pgsidecar.dev/client=true}")));
        for (String policy : List.of("pg", "pg-router")) {
            assertThat(Manifests.<List<String>>at(manifests.get("NetworkPolicy", policy), "spec", "policyTypes"))
                    .containsExactlyInAnyOrder("Ingress", "Egress");
        }
    }

    /** By port of the pods that a policy is about, whom it lets in. */
    private static Map<Integer, Set<String>> whoReaches(String policy) {
        Map<Integer, Set<String>> reached = new TreeMap<>();
        for (Map<String, Object> rule :
                Manifests.<Map<String, Object>>list(manifests.get("NetworkPolicy", policy), "spec", "ingress")) {
            for (Map<String, Object> port : Manifests.<Map<String, Object>>list(rule, "ports")) {
                for (Map<String, Object> from : Manifests.<Map<String, Object>>list(rule, "from")) {
                    assertThat(from).as("one selector").hasSize(1);
                    Map<String, Object> labels = at(from.values().iterator().next(), "matchLabels");
                    reached.computeIfAbsent((Integer) port.get("port"), _ -> new TreeSet<>())
                            .add(new TreeMap<>(labels).toString());
                }
            }
        }
        return reached;
    }

    @Test
    void noSecretIsShipped() throws Exception {
        for (Path file : Manifests.files()) {
            String text = Files.readString(file);
            assertThat(text)
                    .as(file.toString())
                    .doesNotContain("kind: Secret\n", "stringData", "BEGIN ")
                    .doesNotContainPattern("(?i)password: *[\"'\\w]");
        }
        assertThat(Files.readString(Manifests.SHIPPED.resolve("overlays/example/.gitignore")))
                .contains("secrets/");
        assertThat(manifests.names("Secret")).containsExactlyInAnyOrder("pgsidecar", "postgresql");
        Map<String, Object> agent = named(list(manifests.pods().getFirst(), "initContainers"), "pgsidecar");
        assertThat(Manifests.<Map<String, Object>>list(agent, "env"))
                .extracting(each -> (String) each.get("name"))
                .containsExactlyInAnyOrder("PGSIDECAR_NAME", "PGSIDECAR_CONFIG");
    }

    @Test
    void everyMountHasItsVolumeAndEveryVolumeItsSource() {
        Set<String> there = new HashSet<>(Set.of("pg-tls")); // cert-manager, or the user, makes it
        manifests.names("ConfigMap").forEach(there::add);
        manifests.names("Secret").forEach(there::add);
        assertThat(Manifests.<String>at(manifests.get("Certificate", "pg-tls"), "spec", "secretName"))
                .isEqualTo("pg-tls");
        for (Map<String, Object> pod : manifests.pods()) {
            Set<String> volumes = new HashSet<>();
            for (Map<String, Object> volume : Manifests.<Map<String, Object>>list(pod, "volumes")) {
                volumes.add((String) volume.get("name"));
                Stream.of(
                                Manifests.<String>at(volume, "configMap", "name"),
                                Manifests.<String>at(volume, "secret", "secretName"))
                        .filter(source -> source != null)
                        .forEach(source -> assertThat(there).contains(source));
            }
            Manifests.<Map<String, Object>>list(manifests.get("StatefulSet", "pg"), "spec", "volumeClaimTemplates")
                    .forEach(claim -> volumes.add(at(claim, "metadata", "name")));
            assertThat(containers(pod))
                    .allSatisfy(container -> assertThat(Manifests.<Map<String, Object>>list(container, "volumeMounts"))
                            .extracting(mount -> (String) mount.get("name"))
                            .isSubsetOf(volumes));
        }
    }

    @Test
    void everyPlaceNamesTheSamePods() throws Exception {
        int replicas = at(manifests.get("StatefulSet", "pg"), "spec", "replicas");
        List<String> pods =
                IntStream.range(0, replicas).mapToObj(i -> "pg-" + i).toList();
        Map<String, String> agents = at(manifests.get("ConfigMap", "pgsidecar"), "data");
        assertThat(agents.keySet())
                .containsExactlyInAnyOrderElementsOf(
                        pods.stream().map(pod -> pod + ".yaml").toList());
        for (String pod : pods) {
            List<String> others = new ArrayList<>(pods);
            others.remove(pod);
            assertThat(found(agents.get(pod + ".yaml"), "name: (pg-\\d)")).isEqualTo(others);
            assertThat(found(agents.get(pod + ".yaml"), "https://(pg-\\d)\\.pg:8009"))
                    .isEqualTo(others);
        }
        assertThat(found(shipped("haproxy.cfg"), "server (pg-\\d) \"\\1\\.pg\\."))
                .containsExactlyElementsOf(
                        Stream.of(pods, pods).flatMap(List::stream).toList());
        Map<String, Object> prepare = named(list(manifests.pods().getFirst(), "initContainers"), "prepare");
        assertThat(Manifests.<String>at(named(list(prepare, "env"), "PG_HOSTS"), "value"))
                .isEqualTo(pods.stream().map(pod -> pod + ".pg").collect(Collectors.joining(",")));
        assertThat(Manifests.<List<String>>at(manifests.get("Certificate", "pg-tls"), "spec", "dnsNames"))
                .containsAll(pods.stream().map(pod -> pod + ".pg").toList());
    }

    @Test
    void imagesAreTheOnesOfTheOverlay() throws Exception {
        Set<String> images = manifests.pods().stream()
                .flatMap(pod -> containers(pod).stream())
                .map(container -> (String) container.get("image"))
                .collect(Collectors.toSet());
        String version = found(
                        Files.readString(Path.of("pom.xml")), "<version>(\\d+\\.\\d+\\.\\d+)(?:-SNAPSHOT)?</version>")
                .getFirst();
        assertThat(images)
                .hasSize(3)
                .contains("registry.example.com/pgsidecar:" + version)
                .anyMatch(image -> image.matches("postgres:\\d+-\\w+"))
                .anyMatch(image -> image.matches("haproxy:\\d\\.\\d-\\w+"));
    }

    private static String shipped(String file) throws Exception {
        return Files.readString(Manifests.SHIPPED.resolve("base").resolve(file));
    }

    private static List<String> found(String text, String pattern) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map(result -> result.group(1))
                .toList();
    }

    private static List<Object> numbers(String text, String pattern) {
        return found(text, pattern).stream().<Object>map(Integer::valueOf).toList();
    }
}
