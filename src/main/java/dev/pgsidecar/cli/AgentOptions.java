package dev.pgsidecar.cli;

import dev.pgsidecar.config.Trouble;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.YAMLException;
import picocli.CommandLine.Option;

/** Which agent a command speaks to: by URL, or by its name in a small file. */
final class AgentOptions {

    private static final String DEFAULT_URL = "http://127.0.0.1:8009";
    private static final Path DEFAULT_FILE = Path.of(".config/pgsidecar/agents.yaml");

    @Option(
            names = {"-a", "--agent"},
            paramLabel = "NAME",
            description = {
                "An agent's name in $PGSIDECAR_AGENTS, else ~/.config/pgsidecar/agents.yaml, which holds",
                "  NAME: { url: https://pg-0:8009, token-file: FILE, ca: FILE }"
            })
    private String name;

    @Option(
            names = "--url",
            paramLabel = "URL",
            description = "Its command listener (default: $PGSIDECAR_URL, else " + DEFAULT_URL + ").")
    private String url;

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = "A file whose first line is a token (default: $PGSIDECAR_TOKEN_FILE; or $PGSIDECAR_TOKEN).")
    private Path tokenFile;

    @Option(names = "--ca", paramLabel = "FILE", description = "The authority of its certificate, PEM.")
    private Path authority;

    @Option(names = "--json", description = "Prints what the agent answers, for scripts.")
    private boolean json;

    Optional<String> name() {
        return Optional.ofNullable(name);
    }

    boolean json() {
        return json;
    }

    /** The agent that the flags, else the environment, name. */
    Api agent() throws UsageException {
        if (name != null) {
            if (url != null || tokenFile != null || authority != null) {
                throw new UsageException("either --agent, or --url with --token-file and --ca: which one is meant?");
            }
            Map<?, ?> entry = entries().get(name);
            if (entry == null) {
                throw new UsageException("no agent \"%s\" in %s".formatted(name, file()));
            }
            return agent(name, entry);
        }
        return new Api("", address(), token(Optional.ofNullable(tokenFile)), Optional.ofNullable(authority));
    }

    /** That agent, or all that the file names where nothing names one. */
    List<Api> oneOrAll() throws UsageException {
        boolean named = name != null || url != null || System.getenv("PGSIDECAR_URL") != null;
        if (named || !Files.exists(file())) {
            return List.of(agent());
        }
        List<Api> all = new ArrayList<>();
        for (Map.Entry<String, Map<?, ?>> entry : entries().entrySet()) {
            all.add(agent(entry.getKey(), entry.getValue()));
        }
        return all;
    }

    private String address() {
        return Optional.ofNullable(url)
                .or(() -> Optional.ofNullable(System.getenv("PGSIDECAR_URL")))
                .orElse(DEFAULT_URL);
    }

    private static Optional<String> token(Optional<Path> given) throws UsageException {
        Optional<Path> file = given.or(
                () -> Optional.ofNullable(System.getenv("PGSIDECAR_TOKEN_FILE")).map(Path::of));
        if (file.isEmpty()) {
            return Optional.ofNullable(System.getenv("PGSIDECAR_TOKEN"));
        }
        try {
            return Files.readString(file.get()).lines().findFirst().map(String::strip);
        } catch (IOException e) {
            throw new UsageException("token file %s: %s".formatted(file.get(), Trouble.with(e)));
        }
    }

    private static Path file() {
        return Optional.ofNullable(System.getenv("PGSIDECAR_AGENTS"))
                .map(Path::of)
                .orElse(Path.of(System.getProperty("user.home")).resolve(DEFAULT_FILE));
    }

    private static Map<String, Map<?, ?>> entries() throws UsageException {
        Map<String, Map<?, ?>> entries = new TreeMap<>();
        try {
            Object root = new Yaml(new SafeConstructor(new LoaderOptions())).load(Files.readString(file()));
            ((Map<?, ?>) root).forEach((name, entry) -> entries.put("" + name, (Map<?, ?>) entry));
        } catch (IOException e) {
            throw new UsageException("agents file %s: %s".formatted(file(), Trouble.with(e)));
        } catch (YAMLException | ClassCastException | NullPointerException e) {
            throw new UsageException(unusable());
        }
        return entries;
    }

    private static Api agent(String name, Map<?, ?> entry) throws UsageException {
        if (!(entry.get("url") instanceof String address)) {
            throw new UsageException(unusable());
        }
        Optional<Path> secret = Optional.ofNullable(entry.get("token-file")).map(file -> Path.of("" + file));
        Optional<Path> ca = Optional.ofNullable(entry.get("ca")).map(file -> Path.of("" + file));
        return new Api(name, address, token(secret), ca);
    }

    private static String unusable() {
        return "agents file %s holds no lines such as pg-0: { url: ..., token-file: ... }".formatted(file());
    }
}
