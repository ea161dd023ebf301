package dev.pgsidecar.agent;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** The table of `make bench`. Each line goes there as it is measured; a machine has its own, so only the ratios travel. */
final class Figures {

    private static final Path REPORT = Path.of("target/benchmarks.md");

    private Figures() {}

    static void reportBound(String what, double figure, double most) throws UncheckedIOException {
        line(what, "%.1f".formatted(figure), "", "", "at most %s".formatted(plain(most)), figure <= most);
    }

    static void reportRatio(String what, double own, String neighbour, double other, double atLeast) {
        line(
                what,
                "%.0f".formatted(own),
                "%s: %.0f".formatted(neighbour, other),
                "%.2f".formatted(own / other),
                "ratio at least " + plain(atLeast),
                own / other >= atLeast);
    }

    static void line(String what, String own, String other, String ratio, String bound, boolean kept) {
        String line = "| %s | %s | %s | %s | %s | %s |%n"
                .formatted(what, own, other, ratio, bound, bound.isEmpty() ? "" : kept ? "kept" : "MISSED");
        try {
            Files.createDirectories(REPORT.getParent());
            if (!Files.exists(REPORT)) { // make bench has removed that of the last run
                Files.writeString(REPORT, """
                        | measured | figure | beside | ratio | bound | |
                        |---|---|---|---|---|---|
                        """);
            }
            Files.writeString(REPORT, line, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String plain(double number) {
        return number == Math.rint(number) ? "%.0f".formatted(number) : "" + number;
    }

    static double median(List<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
