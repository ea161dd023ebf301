package dev.pgsidecar.probe;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.util.Optional;

/** What a write pause means for those who ask: its record is in the database, and so in every observation. */
final class Paused {

    static final String REASON = "writes-paused";

    private Paused() {}

    /** The verdict against a primary that does not accept writes, nor new readers: the limit refuses both. */
    static Optional<Verdict> judge(Instance primary) {
        return primary.facts()
                .writePause()
                .map(pause -> Verdict.fail(REASON, "generation %d, %s".formatted(pause.generation(), until(pause))));
    }

    /** A replica's sessions go on; new ones are refused there too, as the limit is replicated. */
    static Verdict ofTheUpstream() {
        return Verdict.pass(
                "connections-limited", "the primary's writes are paused, and new sessions refused here too");
    }

    private static String until(WritePause pause) {
        return pause.committedTo()
                .map(to -> "handed over to %s: it resumes here only when ordered to".formatted(to))
                .orElseGet(() -> "%ds of its lease are left"
                        .formatted(Math.max(0, pause.left().toSeconds())));
    }
}
