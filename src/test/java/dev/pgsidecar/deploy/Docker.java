package dev.pgsidecar.deploy;

import dev.pgsidecar.cluster.BenchException;
import dev.pgsidecar.cluster.Commands;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.testcontainers.containers.Network;

/** The engine, through its own client, as users have it. */
final class Docker {

    static final String AGENT = "pgsidecar-test/agent";
    static final String AGENT_WITH_CLIENT = "pgsidecar-test/agent-with-client";
    static final String POSTGRES = "pgsidecar-test/postgres";
    static final String OBSERVERS = "pgsidecar-test/observers";

    static final Path ROOT = Path.of("").toAbsolutePath();

    private static final String DEBIAN = "pgsidecar-test/debian";
    private static final String RUNTIME = "pgsidecar-test/runtime";
    private static final Duration TIMEOUT = Duration.ofMinutes(5);

    private Docker() {}

    /** Runs docker and returns what it printed; a failure is a {@link BenchException} with all of it. */
    static String run(String... arguments) {
        return run(Map.of(), arguments);
    }

    static String run(Map<String, String> environment, String... arguments) {
        List<String> command = new ArrayList<>(List.of("env", "DOCKER_BUILDKIT=1"));
        environment.forEach((name, value) -> command.add(name + "=" + value));
        command.add("docker");
        command.addAll(List.of(arguments));
        return Commands.run(ROOT, TIMEOUT, command);
    }

    static boolean hasBases() {
        try {
            run("image", "inspect", DEBIAN, RUNTIME, POSTGRES, OBSERVERS);
            return true;
        } catch (BenchException e) {
            return false;
        }
    }

    /** Builds the image from Dockerfile.native, around the executable that is to be tested. */
    static void buildAgent() {
        build(AGENT, "--target=agent");
    }

    static void buildAgentWithClient() {
        build(AGENT_WITH_CLIENT, "--target=with-postgres-client");
    }

    private static void build(String image, String target) {
        Path executable =
                Path.of(System.getProperty("pgsidecar.test.executable")).toAbsolutePath();
        run(
                "build",
                "--quiet",
                "--network=host", // for Debian's packages
                "--file=Dockerfile.native",
                "--tag=" + image,
                target,
                "--build-arg=EXECUTABLE=prebuilt",
                "--build-arg=PREBUILT=" + ROOT.relativize(executable),
                "--build-arg=RUNTIME=" + RUNTIME,
                "--build-arg=CLIENT_RUNTIME=" + DEBIAN,
                "--build-arg=VERSION=1.2.3",
                ".");
    }

    /** A network whose containers publish on loopback only, whatever the engine's default is. */
    static Network network() {
        return Network.builder()
                .createNetworkCmdModifier(command ->
                        command.withOptions(Map.of("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1")))
                .build();
    }
}
