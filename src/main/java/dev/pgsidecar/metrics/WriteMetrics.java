package dev.pgsidecar.metrics;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.util.Optional;

/** The write pause, where the server can have one. On a standby it is the primary's, as it was replicated. */
final class WriteMetrics {

    private WriteMetrics() {}

    static void add(Page page, Instance instance) {
        if (!instance.facts().pausable()) {
            return;
        }
        Optional<WritePause> pause = instance.facts().writePause();
        page.add("pgsidecar_writes_paused", "Whether a write pause is in force", pause.isPresent())
                .add(
                        "pgsidecar_writes_handed_over",
                        "Whether it is committed to another node, so that nothing resumes by itself",
                        pause.filter(WritePause::committed).isPresent())
                .add(
                        "pgsidecar_writes_broken",
                        "Whether somebody may have written in spite of it",
                        pause.flatMap(WritePause::guarantee)
                                .filter(WritePause.BROKEN::equals)
                                .isPresent());
        pause.ifPresent(now -> page.add(
                        "pgsidecar_writes_generation", "The number of the write pause", now.generation())
                .add("pgsidecar_writes_held_seconds", "How long it has been in force", Page.seconds(now.held())));
        pause.filter(now -> !now.committed())
                .ifPresent(now -> page.add(
                        "pgsidecar_writes_lease_seconds",
                        "How long its lease lasts, if nobody renews it",
                        Page.seconds(now.left())));
        pause.flatMap(WritePause::guarantee)
                .ifPresent(guarantee ->
                        page.add("pgsidecar_writes_guarantee", "What was proved of it", 1, "guarantee", guarantee));
    }
}
