package dev.pgsidecar.report;

import dev.pgsidecar.cluster.Needs;
import dev.pgsidecar.report.Tally.Skipped;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.AnnotatedElement;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Prints a line per test class when it has ended, failures at once, and a summary; before the first test, what is missing on
 * this machine and which tests are skipped for it. The launcher finds it through META-INF/services.
 */
public final class ConsoleListener implements TestExecutionListener {

    private final Map<String, Tally> tallies = new ConcurrentHashMap<>();
    private TestPlan plan;

    @Override
    public void testPlanExecutionStarted(TestPlan started) {
        plan = started;
        tallies.clear();
        Map<String, TreeSet<String>> testsByMissing = new TreeMap<>();
        for (TestIdentifier root : plan.getRoots()) {
            plan.getDescendants(root).forEach(test -> missing(test).ifPresent(what -> testsByMissing
                    .computeIfAbsent(what, _ -> new TreeSet<>())
                    .add(name(test))));
        }
        testsByMissing.forEach((what, tests) ->
                System.out.printf("missing here: %s; skipped for it: %s%n", what, String.join(", ", tests)));
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        if (isClass(test)) {
            tally(test).begin();
        }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        testClass(test).ifPresent(in -> {
            // The XML reports count the tests of a skipped class too.
            long tests = Stream.concat(Stream.of(test), plan.getDescendants(test).stream())
                    .filter(TestIdentifier::isTest)
                    .count();
            for (long i = 0; i < Math.max(1, tests); i++) {
                tally(in).skip(new Skipped(name(test), reason));
            }
            if (isClass(test)) {
                System.out.println(tally(test).result().line());
            }
        });
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        testClass(test).ifPresent(in -> {
            switch (result.getStatus()) {
                case SUCCESSFUL -> {
                    if (test.isTest()) {
                        tally(in).pass();
                    }
                }
                case ABORTED ->
                    tally(in)
                            .skip(new Skipped(
                                    name(test),
                                    result.getThrowable()
                                            .map(Throwable::getMessage)
                                            .orElse("")));
                case FAILED -> {
                    tally(in).fail();
                    System.out.printf(
                            "FAILED %s: %s%n",
                            name(test),
                            result.getThrowable()
                                    .map(ConsoleListener::described)
                                    .orElse(""));
                }
            }
            if (isClass(test)) {
                tally(test).end();
                System.out.println(tally(test).result().line());
            }
        });
    }

    @Override
    public void testPlanExecutionFinished(TestPlan finished) {
        if (!tallies.isEmpty()) {
            System.out.print(ClassResult.summary(
                    tallies.values().stream().map(Tally::result).toList()));
        }
    }

    private Tally tally(TestIdentifier testClass) {
        return tallies.computeIfAbsent(testClass.getUniqueId(), _ -> new Tally(name(testClass)));
    }

    private boolean isClass(TestIdentifier test) {
        return testClass(test).filter(test::equals).isPresent();
    }

    /** The outermost class that it is in, or is; none for an engine. */
    private Optional<TestIdentifier> testClass(TestIdentifier test) {
        return Stream.iterate(Optional.of(test), Optional::isPresent, each -> each.flatMap(plan::getParent))
                .flatMap(Optional::stream)
                .filter(each -> each.getSource().orElse(null) instanceof ClassSource)
                .reduce((_, outer) -> outer);
    }

    private String name(TestIdentifier test) {
        String in = testClass(test)
                .flatMap(TestIdentifier::getSource)
                .map(source -> ((ClassSource) source).getClassName().replaceAll(".*\\.", ""))
                .orElse("");
        if (isClass(test)) {
            return in;
        }
        String shown = test.getDisplayName().replaceAll("\\(.*\\)$", "");
        return test.getSource().orElse(null) instanceof MethodSource method
                        && !method.getMethodName().equals(shown)
                ? "%s.%s %s".formatted(in, method.getMethodName(), shown)
                : in + "." + shown;
    }

    private static Optional<String> missing(TestIdentifier test) {
        AnnotatedElement element =
                switch (test.getSource().orElse(null)) {
                    case ClassSource source -> source.getJavaClass();
                    case MethodSource source -> source.getJavaMethod();
                    case null, default -> null;
                };
        try {
            return Optional.ofNullable(element).flatMap(Needs.Condition::missing);
        } catch (IllegalStateException e) {
            return Optional.empty(); // required: the test itself fails
        }
    }

    /** The exception with its lines of this project. */
    private static String described(Throwable failure) {
        StringWriter trace = new StringWriter();
        failure.printStackTrace(new PrintWriter(trace));
        return trace.toString()
                .lines()
                .filter(line -> !line.startsWith("\tat ") || line.contains("dev.pgsidecar"))
                .collect(Collectors.joining(System.lineSeparator()));
    }
}
