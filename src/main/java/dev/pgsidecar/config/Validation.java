package dev.pgsidecar.config;

import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.SmallRyeConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** The rules: each value by its key, then those that bind several keys. */
final class Validation {

    private final SmallRyeConfig config;
    private final List<String> problems = new ArrayList<>();

    private Validation(SmallRyeConfig config) {
        this.config = config;
    }

    /** A line for each rule that is broken. */
    static List<String> problems(SmallRyeConfig config) {
        Validation validation = new Validation(config);
        Key.ALL.stream()
                .flatMap(key -> key.among(config.getPropertyNames()).stream())
                .forEach(validation::checkKey);
        if (validation.problems.isEmpty()) {
            validation.checkTogether();
        }
        return validation.problems;
    }

    private void checkKey(Key key) {
        String value = value(key.name());
        if (value.isEmpty() ? !key.optional() : !key.allows(value)) {
            refuse(key, key.allowed());
        }
    }

    private void checkTogether() {
        if (value("pgsidecar.postgres.host").startsWith("/")) {
            refuse(
                    "pgsidecar.postgres.host",
                    "a host name or address; a Unix socket folder is not supported, use 127.0.0.1");
        }
        if (isSet("pgsidecar.postgres.password") && isSet("pgsidecar.postgres.password-file")) {
            refuse("pgsidecar.postgres.password-file", "either password or password-file, not both");
        }
        String identifier = value("pgsidecar.postgres.system-identifier");
        if (!identifier.isEmpty() && !identifier.matches("[1-9]\\d{0,19}")) {
            refuse("pgsidecar.postgres.system-identifier", "a positive whole number of at most 20 digits");
        }
        // An answer is as old as its question: a slow one, and the tick after it, must fit in.
        Duration fresh =
                duration("observe.interval").plus(duration("observe.timeout").multipliedBy(2));
        if (duration("observe.stale-after").compareTo(fresh) < 0) {
            refuse("pgsidecar.observe.stale-after", "at least interval + 2 timeouts, " + fresh.toMillis() + "ms");
        }
        checkRootCertificate();
        checkTls();
        checkPeers();
        checkPartitions();
        checkLog();
    }

    private void checkLog() {
        for (Key key : keys("pgsidecar.log.categories[*].name")) {
            if (!value(key.name()).matches("[\\w$]+(\\.[\\w$]+)*")) {
                refuse(key, key.allowed());
            }
        }
    }

    private void checkPartitions() {
        try {
            Schedule.of(value("pgsidecar.partition.schedule"));
        } catch (IllegalArgumentException e) {
            refuse(
                    "pgsidecar.partition.schedule",
                    "a cron expression as Quartz has it, such as 0 */15 * * * ? (%s)".formatted(e.getMessage()));
        }
        List<String> databases = List.of(value("pgsidecar.partition.databases").split(","));
        if (databases.size() > 1
                && databases.stream()
                                .map(String::strip)
                                .distinct()
                                .filter(name -> !name.isEmpty())
                                .count()
                        < databases.size()) {
            refuse("pgsidecar.partition.databases", "different names");
        }
    }

    private void checkTls() {
        boolean certificate = isSet("pgsidecar.command.tls.certificate");
        if (certificate != isSet("pgsidecar.command.tls.key")) {
            refuse(
                    certificate ? "pgsidecar.command.tls.key" : "pgsidecar.command.tls.certificate",
                    "certificate and key together");
        } else if (!certificate && isSet("pgsidecar.command.tls.client-authority")) {
            refuse("pgsidecar.command.tls.certificate", "a certificate, which client-authority needs");
        }
    }

    private void checkPeers() {
        Set<String> names = new HashSet<>();
        names.add(isSet("pgsidecar.name") ? value("pgsidecar.name") : Settings.hostName());
        for (Key key : keys("pgsidecar.peers[*].name")) {
            if (!names.add(value(key.name()))) {
                refuse(key, "the name of another instance than this one, and that no other peer has");
            }
        }
        for (Key key : keys("pgsidecar.peers[*].url")) {
            if (!value(key.name()).matches("https?://[^/?#]+/?")) {
                refuse(key, key.allowed());
            }
        }
    }

    /** The keys of this name, one for each index in use. */
    private List<Key> keys(String name) {
        return Key.ALL.stream()
                .filter(key -> key.name().equals(name))
                .flatMap(key -> key.among(config.getPropertyNames()).stream())
                .toList();
    }

    private void checkRootCertificate() {
        String certificate = value("pgsidecar.postgres.ssl.root-certificate");
        boolean verifies = value("pgsidecar.postgres.ssl.mode").startsWith("verify");
        if (!certificate.isEmpty() && !verifies) {
            refuse("pgsidecar.postgres.ssl.mode", "verify-ca or verify-full where root-certificate is set");
        }
        if (certificate.isEmpty() && verifies) {
            refuse(
                    "pgsidecar.postgres.ssl.root-certificate",
                    "a PEM file, which ssl.mode verify-ca and verify-full need");
        }
        if (!certificate.isEmpty() && verifies && !Files.isReadable(Path.of(certificate))) {
            refuse("pgsidecar.postgres.ssl.root-certificate", "a PEM file that the agent can read");
        }
    }

    private void refuse(String name, String allowed) {
        Key key = Key.ALL.stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow();
        refuse(key, allowed);
    }

    private void refuse(Key key, String allowed) {
        String name = key.name();
        ConfigValue value = config.getConfigValue(name);
        problems.add(
                value.getValue() == null
                        ? "%s: is not set; allowed: %s".formatted(name, allowed)
                        : "%s (%s): \"%s\" is not allowed; allowed: %s"
                                .formatted(
                                        name,
                                        Configuration.origin(key, value),
                                        key.secret() ? "********" : value.getValue(),
                                        allowed));
    }

    private Duration duration(String name) {
        return new DurationConverter().convert(value("pgsidecar." + name));
    }

    private boolean isSet(String name) {
        return !value(name).isEmpty();
    }

    /** The value, empty if there is none: the two mean the same everywhere, as in compose files. */
    private String value(String name) {
        return Objects.requireNonNullElse(config.getConfigValue(name).getValue(), "");
    }
}
