package dev.pgsidecar.writes;

import dev.pgsidecar.postgres.catalog.WritePause;
import java.util.ArrayList;
import java.util.List;

/**
 * What a pause guarantees, and whom it does not hold back.
 *
 * @param whoCould those who could write if they tried, each in a sentence
 */
record Gaps(String guarantee, List<String> whoCould) {

    /** The connection limit keeps ordinary roles out; what a superuser does in a session that comes in is up to it. */
    static final String NO_ORDINARY_ROLE = "no-ordinary-role-can-write";

    /** No session can begin at all. */
    static final String NONE = "none-can-write";

    static Gaps of(WritePause pause, PauseFacts facts) {
        List<String> who = new ArrayList<>();
        if (!pause.method().equals(PauseRequest.CLOSE)) {
            facts.superusers().forEach(role -> who.add("superuser " + role + ", until its session is ended"));
            facts.replicators()
                    .forEach(role -> who.add("role " + role + ", by SQL on a logical replication connection"));
        }
        if (!pause.allDatabases()) {
            who.add("everybody, in databases that are not paused");
        }
        return new Gaps(pause.method().equals(PauseRequest.CLOSE) ? NONE : NO_ORDINARY_ROLE, who);
    }
}
