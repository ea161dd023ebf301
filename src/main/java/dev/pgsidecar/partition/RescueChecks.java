package dev.pgsidecar.partition;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.Contents.Range;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Whether the rows of a default partition can be moved: a pure function of what is in the set. */
record RescueChecks(PartitionSet set, Contents contents) {

    static final String REFERENCES = "references";
    static final String ROWS = "rows";
    static final String LARGE = "large-partitions";

    static final List<String> NAMES = List.of(REFERENCES, ROWS, LARGE);

    /** A million rows take some ten seconds, during which others wait for the set. */
    private static final long MANY = 1_000_000;

    private static final long MOST_SCANNED = 50 * MANY;

    private static final String WAITS =
            "the rows of one partition move in one transaction, and who reads or writes the set waits"
                    + " for it: choose a quiet hour, and waive large-partitions";

    List<Check> judge() {
        return List.of(references(), rows(), large());
    }

    /** A row that changes its place is deleted for a moment: ON DELETE CASCADE would take what refers to it along. */
    private Check references() {
        String required = "no foreign key of another table that refers to it";
        return set.referenced()
                ? Check.failed(
                        REFERENCES,
                        "there is one",
                        required,
                        "drop it, rescue, and make it again (SELECT conname, conrelid::regclass FROM pg_constraint WHERE"
                                + " confrelid = '%s'::regclass)".formatted(set.name()))
                : Check.passed(REFERENCES, "none", required);
    }

    private Check rows() {
        String required = "rows in the default partition that can have one of their own";
        Optional<Judgement.Refusal> elsewhere = Judgement.elsewhere(set, contents);
        if (elsewhere.isPresent()) {
            return Check.failed(
                    ROWS, elsewhere.get().why(), required, elsewhere.get().hint());
        }
        long movable =
                Judgement.movable(set, contents).stream().mapToLong(Range::rows).sum();
        String left = left().stream().map(LeftRows::text).collect(Collectors.joining("; "));
        String found = "%d rows in %d missing partitions%s"
                .formatted(
                        movable, Judgement.movable(set, contents).size(), left.isEmpty() ? "" : "; they stay: " + left);
        return movable > 0 || contents.defaultRows() == 0
                ? Check.passed(ROWS, found, required)
                : Check.failed(ROWS, found, required, "correct or delete those rows");
    }

    private Check large() {
        String required = "at most %d rows in each of them".formatted(MANY);
        Optional<Range> largest = Judgement.movable(set, contents).stream()
                .filter(range -> range.rows() > MANY)
                .findFirst();
        long scanned = contents.defaultRows() * gap();
        if (scanned > MOST_SCANNED) {
            return Check.doubtful(
                    LARGE,
                    "%d rows are read for each of %d new partitions".formatted(contents.defaultRows(), gap()),
                    required + ", and %d in all".formatted(MOST_SCANNED),
                    WAITS);
        }
        return largest.map(range -> Check.doubtful(
                        LARGE,
                        "%d from %s".formatted(range.rows(), Judgement.shown(set, range.from())),
                        required,
                        WAITS))
                .orElseGet(() -> Check.passed(LARGE, "no more", required));
    }

    /** How many partitions are made, each with a look at all rows that are left in the default one. */
    private long gap() {
        return Judgement.movable(set, contents).stream()
                .mapToLong(range -> Math.max(1, Contents.partitionsUpTo(range.from(), set)))
                .max()
                .orElse(0);
    }

    /** Rows that stay where they are. */
    record LeftRows(long rows, String why) {
        String text() {
            return "%d %s".formatted(rows, why);
        }
    }

    List<LeftRows> left() {
        List<LeftRows> left = new ArrayList<>(contents.ranges().stream()
                .filter(range -> Judgement.unmovable(set, contents, range).isPresent())
                .map(range -> new LeftRows(
                        range.rows(),
                        "from %s, %s"
                                .formatted(
                                        Judgement.shown(set, range.from()),
                                        Judgement.unmovable(set, contents, range)
                                                .orElseThrow())))
                .toList());
        if (contents.strayRows() > 0) {
            left.add(new LeftRows(contents.strayRows(), "infinite, or NULL"));
        }
        return left;
    }
}
