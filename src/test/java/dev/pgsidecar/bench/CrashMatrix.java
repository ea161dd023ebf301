package dev.pgsidecar.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.pgsidecar.operation.Operation;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/** One case for each point of an operation. The points come from a run that records them, so no list falls behind. */
public final class CrashMatrix {

    private final List<String> points;
    private final Set<String> done = new TreeSet<>();

    private CrashMatrix(List<String> points) {
        this.points = points;
    }

    /**
     * The points of an operation that an agent has carried out. Each step that the journal has, and only such a step, has a
     * point before and after it.
     */
    public static CrashMatrix of(LocalAgent agent, Operation operation) {
        String kind = operation.kind();
        List<String> points = agent.points().reached().stream()
                .filter(point -> point.startsWith(kind + ":") || point.startsWith(kind + "/"))
                .toList();
        List<String> expected = new ArrayList<>(List.of(kind + ":ordered"));
        operation.steps().forEach(step -> {
            expected.add("%s/%s:before".formatted(kind, step.name()));
            expected.add("%s/%s:after".formatted(kind, step.name()));
        });
        if (operation.irrevocable()) {
            expected.add(kind + ":irrevocable");
        }
        assertThat(points).containsExactlyInAnyOrderElementsOf(expected);
        return new CrashMatrix(points);
    }

    /** The points of a background loop that an agent has reached. */
    public static CrashMatrix ofLoop(String name, LocalAgent agent) {
        List<String> points = agent.points().reached().stream()
                .filter(point -> point.startsWith(name + ":"))
                .distinct()
                .toList();
        assertThat(points).containsExactly(name + ":before", name + ":after");
        return new CrashMatrix(points);
    }

    /**
     * Those before each step, and the first one: for a server that ends, where the point after a step and the one before the
     * next are the same.
     */
    public CrashMatrix before() {
        return new CrashMatrix(
                points.stream().filter(point -> !point.endsWith(":after")).toList());
    }

    /** What a test does at one point. It says so when the point was reached. */
    public interface Case {
        void at(String point) throws Exception;
    }

    /** The points, in the order in which they are reached. */
    public List<String> points() {
        return points;
    }

    /** A case per point, and one that fails unless each point had its case. */
    public Stream<DynamicTest> cases(Case each) {
        return Stream.concat(
                points.stream()
                        .map(point -> dynamicTest(point, () -> {
                            each.at(point);
                            done.add(point);
                        })),
                Stream.of(dynamicTest("each of the " + points.size() + " points", () -> assertThat(done)
                        .containsExactlyInAnyOrderElementsOf(points))));
    }
}
