package dev.pgsidecar.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.report.Tally.Skipped;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a test run prints. */
class ClassResultTest {

    @Test
    void aLinePerClass() {
        assertThat(result("LagTest", 40, 12, 0).line()).isEqualTo("    0.0 s  LagTest: 12 passed");
        assertThat(new ClassResult("WritesIT", Duration.ofMillis(95_250), 3, 1, List.of(new Skipped("WritesIT.a", "b")))
                        .line())
                .isEqualTo("   95.3 s  WritesIT: 3 passed, 1 failed, 1 skipped");
    }

    @Test
    void theSummaryHasTheTenSlowest() {
        List<ClassResult> results = IntStream.rangeClosed(1, 12)
                .mapToObj(i -> result("C" + i, 1000 * i, i, 0))
                .toList();
        assertThat(ClassResult.summary(results).lines())
                .hasSize(12)
                .startsWith("total: 78 passed", "slowest:", "   12.0 s  C12", "   11.0 s  C11")
                .endsWith("    3.0 s  C3");
    }

    @Test
    void theSummaryHasTheSkippedTestsByReason() {
        ClassResult one = new ClassResult(
                "A",
                Duration.ofSeconds(1),
                0,
                0,
                List.of(new Skipped("A.x", "no kubectl"), new Skipped("A.y", "later")));
        ClassResult other = new ClassResult(
                "B", Duration.ZERO, 0, 1, List.of(new Skipped("B", "no kubectl"), new Skipped("B", "no kubectl")));
        assertThat(ClassResult.summary(List.of(one, other)).lines())
                .containsExactly(
                        "total: 0 passed, 1 failed, 4 skipped",
                        "slowest:",
                        "    1.0 s  A",
                        "    0.0 s  B",
                        "skipped, later: A.y",
                        "skipped, no kubectl: A.x, B");
    }

    private static ClassResult result(String name, int milliseconds, int passed, int failed) {
        return new ClassResult(name, Duration.ofMillis(milliseconds), passed, failed, List.of());
    }
}
