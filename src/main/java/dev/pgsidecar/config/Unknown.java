package dev.pgsidecar.config;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.spi.ConfigSource;

/** Finds keys and environment variables that nobody reads: a misspelt one must not pass for a default. */
final class Unknown {

    /**
     * What Kubernetes and Docker links put into every container that stands near a service whose name begins with
     * "pgsidecar" is not the user's doing.
     */
    private static final Pattern SERVICE_LINK = Pattern.compile(
            "PGSIDECAR_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)");

    private Unknown() {}

    static List<String> keys(ConfigSource file) {
        Set<String> known = Configuration.names();
        return file.getPropertyNames().stream()
                .filter(name -> !known.contains(Key.general(name)) && !isEmptyGroup(name, file.getValue(name), known))
                .sorted()
                .map(name -> "%s (%s): is no known key; the nearest is %s"
                        .formatted(name, file.getName(), NearestName.to(name, known)))
                .toList();
    }

    static List<String> variables(Map<String, String> environment) {
        Set<String> known = Key.ALL.stream().map(Key::variable).collect(Collectors.toCollection(TreeSet::new));
        known.add(Configuration.FILE_VARIABLE);
        known.addAll(Set.of(
                "PGSIDECAR_AGENTS",
                "PGSIDECAR_URL",
                "PGSIDECAR_TOKEN",
                "PGSIDECAR_TOKEN_FILE", // of its commands
                "PGSIDECAR_TEST_HALT_AT")); // what tests end the agent with
        return environment.keySet().stream()
                .filter(name -> name.startsWith("PGSIDECAR_") && !known.contains(name.replaceAll("_\\d+__", "_0__")))
                .filter(name -> !SERVICE_LINK.matcher(name).matches() && !isLink(name, environment.get(name)))
                .sorted()
                .map(name -> "%s (environment): is no known variable; the nearest is %s"
                        .formatted(name, NearestName.to(name, known)))
                .toList();
    }

    private static boolean isEmptyGroup(String name, String value, Set<String> known) {
        return (value == null || value.isEmpty()) && known.stream().anyMatch(key -> key.startsWith(name + "."));
    }

    private static boolean isLink(String name, String value) {
        return name.endsWith("_PORT") && value.matches("(tcp|udp|sctp)://.*");
    }
}
