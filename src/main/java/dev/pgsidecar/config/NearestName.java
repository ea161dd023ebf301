package dev.pgsidecar.config;

import java.util.Collection;
import java.util.Comparator;

/** Finds the name that a mistyped one was probably meant to be. */
final class NearestName {

    private NearestName() {}

    /**
     * The candidate that the name is the end of, as when a parent was forgotten; else the one that the fewest insertions,
     * deletions and replacements turn it into.
     */
    static String to(String name, Collection<String> candidates) {
        return candidates.stream()
                .filter(candidate -> candidate.endsWith("." + name))
                .findFirst()
                .orElseGet(() -> mostSimilar(name, candidates));
    }

    private static String mostSimilar(String name, Collection<String> candidates) {
        return candidates.stream()
                .min(Comparator.comparingInt((String candidate) -> distance(name, candidate))
                        .thenComparing(Comparator.naturalOrder()))
                .orElseThrow();
    }

    private static int distance(String from, String to) {
        int[] row = new int[to.length() + 1];
        for (int column = 0; column <= to.length(); column++) {
            row[column] = column;
        }
        for (int line = 1; line <= from.length(); line++) {
            int diagonal = row[0];
            row[0] = line;
            for (int column = 1; column <= to.length(); column++) {
                int replaced = diagonal + (from.charAt(line - 1) == to.charAt(column - 1) ? 0 : 1);
                diagonal = row[column];
                row[column] = Math.min(replaced, Math.min(row[column], row[column - 1]) + 1);
            }
        }
        return row[to.length()];
    }
}
