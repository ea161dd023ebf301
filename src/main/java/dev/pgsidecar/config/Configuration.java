package dev.pgsidecar.config;

import io.quarkus.runtime.configuration.DurationConverter;
import io.quarkus.runtime.configuration.PathConverter;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.common.MapBackedConfigSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.spi.ConfigSource;

/**
 * The validated configuration: flag over environment over file over default. Loading needs no Quarkus, so that a
 * mistake is told before anything starts.
 */
public final class Configuration {

    /** Read when no other file is named; it need not exist. */
    public static final Path DEFAULT_FILE = Path.of("/etc/pgsidecar/pgsidecar.yaml");

    /** Names the file where no flag does. */
    public static final String FILE_VARIABLE = "PGSIDECAR_CONFIG";

    private static final int FLAGS_ORDINAL = 500;
    private static final int ENVIRONMENT_ORDINAL = 300;
    private static final int FILE_ORDINAL = 200;
    private static final int DEFAULTS_ORDINAL = 100;

    private final List<ConfigSource> sources;
    private final SmallRyeConfig config;

    private Configuration(List<ConfigSource> sources, SmallRyeConfig config) {
        this.sources = List.copyOf(sources);
        this.config = config;
    }

    /**
     * Loads and validates.
     *
     * @param file the file to read; if absent, the one that {@value #FILE_VARIABLE} names, else {@link #DEFAULT_FILE}
     * @param flags what the command line set, by key
     * @param environment the environment variables
     * @throws InvalidConfiguration if a named file is missing or unreadable, a key unknown, or a value not allowed
     */
    public static Configuration load(Optional<Path> file, Map<String, String> flags, Map<String, String> environment)
            throws InvalidConfiguration {
        Optional<Path> named = file.or(() -> Optional.ofNullable(environment.get(FILE_VARIABLE))
                .filter(text -> !text.isBlank())
                .map(Path::of));
        Optional<ConfigSource> read = named.isPresent() || !Files.notExists(DEFAULT_FILE)
                ? Optional.of(readFile(named.orElse(DEFAULT_FILE)))
                : Optional.empty();
        List<ConfigSource> sources = new ArrayList<>();
        sources.add(source("flag", flags, FLAGS_ORDINAL));
        read.ifPresent(sources::add);
        sources.add(new EnvConfigSource(environment, ENVIRONMENT_ORDINAL));
        sources.add(defaults());
        SmallRyeConfig config = builder(sources).build();
        List<String> problems = new ArrayList<>();
        read.ifPresent(source -> problems.addAll(Unknown.keys(source)));
        problems.addAll(Unknown.variables(environment));
        problems.addAll(Validation.problems(config));
        if (!problems.isEmpty()) {
            throw new InvalidConfiguration(problems);
        }
        return new Configuration(sources, config);
    }

    /** The typed tree. */
    public Settings settings() {
        return builder(sources).withMapping(Settings.class).build().getConfigMapping(Settings.class);
    }

    /** Each key's value and where it came from, a line each; secrets masked. */
    public List<String> effective() {
        return Key.ALL.stream()
                .flatMap(key -> key.among(config.getPropertyNames()).stream())
                .map(this::effective)
                .toList();
    }

    private String effective(Key key) {
        ConfigValue value = config.getConfigValue(key.name());
        if (value.getValue() == null || value.getValue().isEmpty()) {
            return key.name()
                    + (key.name().equals("pgsidecar.name")
                            ? ": " + settings().instanceName() + "  # the host's name"
                            : ": (not set)");
        }
        return "%s: %s  # %s".formatted(key.name(), key.secret() ? "********" : value.getValue(), origin(key, value));
    }

    static String origin(Key key, ConfigValue value) {
        return switch (value.getConfigSourceOrdinal()) {
            case FLAGS_ORDINAL -> "flag";
            case ENVIRONMENT_ORDINAL -> "environment " + key.variable();
            default -> value.getConfigSourceName(); // "file ..." or "default"
        };
    }

    private static SmallRyeConfigBuilder builder(List<ConfigSource> sources) {
        return new SmallRyeConfigBuilder()
                .withSources(sources)
                .withConverter(Duration.class, 100, new DurationConverter())
                .withConverter(Path.class, 100, new PathConverter());
    }

    private static ConfigSource readFile(Path file) throws InvalidConfiguration {
        try {
            return source("file " + file, YamlFile.read(Files.readString(file)), FILE_ORDINAL);
        } catch (IOException e) {
            throw new InvalidConfiguration(
                    List.of("configuration file %s: %s; name another with --config".formatted(file, Trouble.with(e))));
        } catch (IllegalArgumentException e) {
            throw new InvalidConfiguration(List.of("configuration file %s: %s".formatted(file, e.getMessage())));
        }
    }

    private static ConfigSource source(String name, Map<String, String> values, int ordinal) {
        return new MapBackedConfigSource(name, values, ordinal) {
            private static final long serialVersionUID = 1;
        };
    }

    private static ConfigSource defaults() {
        try (InputStream resource = Configuration.class.getClassLoader().getResourceAsStream("application.yaml")) {
            String yaml = new String(resource.readAllBytes(), StandardCharsets.UTF_8);
            return source("default", YamlFile.read(yaml), DEFAULTS_ORDINAL);
        } catch (IOException e) {
            throw new UncheckedIOException("the program's own defaults are unreadable", e);
        }
    }

    static Set<String> names() {
        return Key.ALL.stream().map(Key::name).collect(Collectors.toCollection(TreeSet::new));
    }
}
