package dev.pgsidecar.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** What every order can have. */
final class OrderOptions {

    @Option(
            names = "--waive",
            paramLabel = "CHECK",
            description = "A failed check that you override at your own risk; may be repeated.")
    private List<String> waive = new ArrayList<>();

    @Option(names = "--dry-run", description = "Only checks.")
    private boolean dryRun;

    List<String> waive() {
        return waive;
    }

    boolean dryRun() {
        return dryRun;
    }
}
