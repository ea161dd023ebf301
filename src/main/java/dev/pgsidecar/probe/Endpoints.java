package dev.pgsidecar.probe;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The table of the open listener's paths. What is not in it does not exist. */
final class Endpoints {

    /** Probes by path; Patroni's names, Kubernetes' names. */
    static final Map<String, Probe> PROBES = probes();

    /** Patroni's status, which is always 200. */
    static final String PATRONI = "/patroni";

    /** What Quarkus' extensions answer, and the probes that their status stands for. */
    static final Map<String, List<Probe>> EXTENSIONS = Map.of(
            "/metrics", List.of(),
            "/q/health", List.of(Probe.LIVENESS, Probe.READINESS, Probe.STARTUP),
            "/q/health/live", List.of(Probe.LIVENESS),
            "/q/health/ready", List.of(Probe.READINESS),
            "/q/health/started", List.of(Probe.STARTUP));

    private Endpoints() {}

    private static Map<String, Probe> probes() {
        Map<String, Probe> paths = new TreeMap<>();
        add(paths, Probe.PRIMARY, "/", "/primary", "/read-write", "/leader", "/master");
        add(paths, Probe.REPLICA, "/replica");
        add(paths, Probe.READ_ONLY, "/read-only");
        add(paths, Probe.READ_ONLY_SYNC, "/read-only-sync", "/read-only-synchronous");
        add(paths, Probe.READ_ONLY_QUORUM, "/read-only-quorum");
        add(paths, Probe.SYNC, "/sync", "/synchronous");
        add(paths, Probe.ASYNC, "/async", "/asynchronous");
        add(paths, Probe.QUORUM, "/quorum");
        add(paths, Probe.STANDBY_LEADER, "/standby-leader", "/standby_leader");
        add(paths, Probe.HEALTH, "/health");
        add(paths, Probe.LIVENESS, "/liveness", "/livez");
        add(paths, Probe.READINESS, "/readiness", "/readyz");
        add(paths, Probe.STARTUP, "/startup", "/startupz");
        return Map.copyOf(paths);
    }

    private static void add(Map<String, Probe> paths, Probe probe, String... names) {
        for (String name : names) {
            paths.put(name, probe);
        }
    }
}
