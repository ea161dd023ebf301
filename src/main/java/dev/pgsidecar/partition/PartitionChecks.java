package dev.pgsidecar.partition;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.ServerChecks;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.Partman;
import dev.pgsidecar.postgres.catalog.Partman.Depth;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** The checks that maintenance and rescue have in common, and the sets that they are about. */
final class PartitionChecks {

    static final String DATABASES = "databases";
    static final String SETS = "sets";
    static final String RIGHTS = "rights";

    static final List<String> NAMES = Stream.concat(ServerChecks.NAMES.stream(), Stream.of(DATABASES, SETS, RIGHTS))
            .toList();

    private final DatabaseTools tools;
    private final List<Check> checks = new ArrayList<>();
    private final Map<String, List<PartitionSet>> sets = new LinkedHashMap<>();

    PartitionChecks(DatabaseTools tools) {
        this.tools = tools;
    }

    /**
     * Judges; {@link #sets} knows after it what it is about.
     *
     * @param asked the databases; absent for all that are configured
     * @param names the sets; absent for all
     * @throws PostgresException if the server cannot be asked
     */
    List<Check> judge(Optional<List<String>> asked, Optional<List<String>> names)
            throws PostgresException, InterruptedException {
        checks.addAll(ServerChecks.judge(tools));
        if (checks.size() < ServerChecks.NAMES.size()) {
            return checks;
        }
        List<String> unreachable = look(asked.orElse(tools.databases()));
        checks.add(databases(asked.orElse(tools.databases()), unreachable));
        checks.add(sets(names));
        checks.add(rights());
        return checks;
    }

    /** By database. */
    Map<String, List<PartitionSet>> sets() {
        return sets;
    }

    /** Fills the sets; returns what could not be asked. */
    private List<String> look(List<String> databases) throws InterruptedException {
        List<String> unreachable = new ArrayList<>();
        for (String database : databases) {
            if (!tools.databases().contains(database)) {
                continue;
            }
            try (PartmanSession session = PartmanSession.toLook(
                    tools.vertx(), tools.settings(), database, "check-partitions", DatabaseTools.TO_LOOK)) {
                sets.put(database, session.sets(Depth.SETTINGS));
            } catch (PostgresException e) {
                unreachable.add("%s: %s".formatted(database, e.failure()));
            }
        }
        return unreachable;
    }

    private Check databases(List<String> asked, List<String> unreachable) {
        String required = "databases of partition.databases that can be asked";
        List<String> unknown =
                asked.stream().filter(name -> !tools.databases().contains(name)).toList();
        if (!unknown.isEmpty() || asked.isEmpty()) {
            return Check.failed(
                    DATABASES,
                    asked.isEmpty() ? "none is configured" : "not configured: " + String.join(", ", unknown),
                    required,
                    "partition.databases in the agent's configuration");
        }
        if (sets.isEmpty()) {
            return Check.failed(
                    DATABASES,
                    String.join("; ", unreachable),
                    required,
                    "GRANT CONNECT, a line in pg_hba.conf; then psql -X -d ... -f caretaker.sql");
        }
        return Check.passed(
                DATABASES,
                String.join(", ", sets.keySet())
                        + (unreachable.isEmpty() ? "" : "; cannot be asked: " + String.join("; ", unreachable)),
                required);
    }

    private Check sets(Optional<List<String>> names) {
        String required = names.map(List::toString).orElse("sets of pg_partman");
        List<String> all = sets.values().stream()
                .flatMap(List::stream)
                .map(PartitionSet::name)
                .toList();
        List<String> missing = names.orElse(List.of()).stream()
                .filter(name -> !all.contains(name))
                .toList();
        names.ifPresent(only -> sets.replaceAll((database, each) ->
                each.stream().filter(set -> only.contains(set.name())).toList()));
        if (missing.isEmpty() && !all.isEmpty()) {
            return Check.passed(SETS, "%d".formatted(all.size()), required);
        }
        return Check.failed(
                SETS,
                all.isEmpty() ? "none" : "there is no " + String.join(", ", missing),
                required,
                "GET /v1/partitions tells which there are; create_parent makes one");
    }

    private static String missing(PartitionSet set) {
        if (set.owned()) {
            return "%d partitions of %s do not belong to its owner".formatted(set.strangers(), set.name());
        }
        return set.ownerIsSuperuser()
                ? "%s belongs to the superuser %s"
                        .formatted(set.name(), set.owner().orElseThrow())
                : "%s: GRANT %s TO %s".formatted(set.name(), set.owner().orElseThrow(), Partman.ROLE);
    }

    /** One set that cannot be maintained is no reason to leave the others. */
    private Check rights() {
        List<PartitionSet> all = sets.values().stream().flatMap(List::stream).toList();
        List<String> missing = all.stream()
                .filter(set -> set.owner().isPresent())
                .filter(set -> !set.owned() || set.strangers() > 0)
                .map(PartitionChecks::missing)
                .toList();
        String required = "the rights of the sets' owners (deploy/sql/caretaker.sql)";
        String found = missing.isEmpty() ? "all" : String.join("; ", missing);
        return missing.size() < all.size() || missing.isEmpty()
                ? Check.passed(RIGHTS, found, required)
                : Check.failed(
                        RIGHTS, found, required, "psql -X -d ... -f caretaker.sql as a superuser, in that database");
    }
}
