package dev.pgsidecar.report;

import dev.pgsidecar.report.Tally.Skipped;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;

/**
 * How a test class ended.
 *
 * @param name without its package
 * @param time from its first start to its last end
 */
record ClassResult(String name, Duration time, int passed, int failed, List<Skipped> skipped) {

    private static final int SLOWEST = 10;

    /** One line for the console. */
    String line() {
        return "%s  %s: %s".formatted(seconds(time), name, counts(passed, failed, skipped.size()));
    }

    /** What is printed after the last class: counts, the slowest classes, and the skipped tests by reason. */
    static String summary(List<ClassResult> results) {
        StringBuilder text = new StringBuilder("total: %s%n"
                .formatted(counts(
                        sum(results, ClassResult::passed),
                        sum(results, ClassResult::failed),
                        sum(results, each -> each.skipped().size()))));
        text.append("slowest:%n".formatted());
        results.stream()
                .sorted(Comparator.comparing(ClassResult::time).reversed())
                .limit(SLOWEST)
                .forEach(each -> text.append("%s  %s%n".formatted(seconds(each.time()), each.name())));
        Map<String, List<String>> testsByReason = results.stream()
                .flatMap(each -> each.skipped().stream())
                .collect(Collectors.groupingBy(
                        Skipped::reason, TreeMap::new, Collectors.mapping(Skipped::test, Collectors.toList())));
        testsByReason.forEach((reason, tests) -> text.append(
                "skipped, %s: %s%n".formatted(reason, tests.stream().distinct().collect(Collectors.joining(", ")))));
        return text.toString();
    }

    private static int sum(List<ClassResult> results, ToIntFunction<ClassResult> count) {
        return results.stream().mapToInt(count).sum();
    }

    private static String counts(int passed, int failed, int skipped) {
        return passed + " passed"
                + (failed == 0 ? "" : ", " + failed + " failed")
                + (skipped == 0 ? "" : ", " + skipped + " skipped");
    }

    private static String seconds(Duration time) {
        return String.format(Locale.ROOT, "%7.1f s", time.toMillis() / 1000.0);
    }
}
