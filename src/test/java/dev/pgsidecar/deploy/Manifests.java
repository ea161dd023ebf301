package dev.pgsidecar.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.TestTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** What kustomize makes of deploy/kubernetes/overlays/example. */
record Manifests(List<Map<String, Object>> all) {

    static final Path SHIPPED = Path.of("deploy/kubernetes");

    /** The program that renders them. */
    static final class Kubectl implements Supplier<Optional<String>> {
        @Override
        public Optional<String> get() {
            return TestTools.installed("kubectl").isPresent()
                    ? Optional.empty()
                    : Optional.of("no kubectl, which has kustomize in it");
        }
    }

    /** Renders the example, its kustomization.yaml changed, with secrets that a test made up. */
    static Manifests render(Path folder, UnaryOperator<String> change) throws Exception {
        Path copy = folder.resolve("deploy");
        assertThat(new ProcessBuilder("cp", "-r", "deploy", copy.toString())
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
        Path overlay = copy.resolve("kubernetes/overlays/example");
        Path secrets = Files.createDirectories(overlay.resolve("secrets"));
        Path kustomization = overlay.resolve("kustomization.yaml");
        Files.writeString(kustomization, change.apply(Files.readString(kustomization)));
        for (String file : List.of("pgsidecar", "replicator", "tokens", "peer-token", "tls.crt", "tls.key", "ca.crt")) {
            Files.writeString(secrets.resolve(file), "secret of the test\n");
        }
        Process kubectl = new ProcessBuilder("kubectl", "kustomize", overlay.toString())
                .redirectError(folder.resolve("kubectl.err").toFile())
                .start();
        String rendered = new String(kubectl.getInputStream().readAllBytes());
        assertThat(kubectl.waitFor())
                .as(Files.readString(folder.resolve("kubectl.err")))
                .isZero();
        return new Manifests(parse(rendered));
    }

    @SuppressWarnings("unchecked")
    static List<Map<String, Object>> parse(String yaml) {
        return StreamSupport.stream(
                        new Yaml(new SafeConstructor(new LoaderOptions()))
                                .loadAll(yaml)
                                .spliterator(),
                        false)
                .map(each -> (Map<String, Object>) each)
                .toList();
    }

    /** The one of that kind and name; kustomize puts a hash of its content behind a ConfigMap's. */
    Map<String, Object> get(String kind, String name) {
        return all.stream()
                .filter(each -> kind.equals(each.get("kind"))
                        && Manifests.<String>at(each, "metadata", "name").matches(name + "(-[a-z0-9]{10})?"))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + kind + " " + name));
    }

    /** The names of that kind. */
    Stream<String> names(String kind) {
        return all.stream().filter(each -> kind.equals(each.get("kind"))).map(each -> at(each, "metadata", "name"));
    }

    /** The pods' specifications, of servers and of the router. */
    List<Map<String, Object>> pods() {
        return List.of(
                at(get("StatefulSet", "pg"), "spec", "template", "spec"),
                at(get("Deployment", "pg-router"), "spec", "template", "spec"));
    }

    /** All containers of a pod, those that run before it too. */
    static List<Map<String, Object>> containers(Map<String, Object> pod) {
        return Stream.of("initContainers", "containers")
                .flatMap(list -> Manifests.<Map<String, Object>>list(pod, list).stream())
                .toList();
    }

    /** What lies at the end of the path, or null. */
    @SuppressWarnings("unchecked")
    static <T> T at(Object node, Object... path) {
        for (Object step : path) {
            node = node == null
                    ? null
                    : step instanceof Integer index ? ((List<?>) node).get(index) : ((Map<?, ?>) node).get(step);
        }
        return (T) node;
    }

    /** The list at the end of the path; empty if there is none. */
    static <T> List<T> list(Object node, Object... path) {
        List<T> list = at(node, path);
        return list == null ? List.of() : list;
    }

    /** The one with that name. */
    static Map<String, Object> named(List<Map<String, Object>> list, String name) {
        return list.stream()
                .filter(each -> name.equals(each.get("name")))
                .findFirst()
                .orElseThrow();
    }

    /** Every file that is shipped. */
    static List<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(SHIPPED)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }
}
