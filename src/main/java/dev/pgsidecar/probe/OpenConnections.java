package dev.pgsidecar.probe;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Who is connected to the open listener, and until when each may take for its next whole request. When one more comes
 * than there is room for, the one that has waited longest goes: connections that say nothing never keep a balancer out.
 * Confined to the listener's event loop.
 */
final class OpenConnections<C> {

    private final int most;
    private final Map<C, Long> deadlines = new LinkedHashMap<>();

    OpenConnections(int most) {
        this.most = most;
    }

    /** Adds a connection; returns those that have to go for it, at most one. */
    List<C> add(C connection, long deadlineNanos) {
        List<C> evicted = new ArrayList<>();
        if (deadlines.size() >= most) {
            Iterator<C> longestWaiting = deadlines.keySet().iterator();
            evicted.add(longestWaiting.next());
            longestWaiting.remove();
        }
        deadlines.put(connection, deadlineNanos);
        return evicted;
    }

    /** Notes a whole request: the connection has until the new deadline for its next. */
    void touch(C connection, long deadlineNanos) {
        if (deadlines.remove(connection) != null) {
            deadlines.put(connection, deadlineNanos);
        }
    }

    void remove(C connection) {
        deadlines.remove(connection);
    }

    /** Those whose time is up. They stay until {@link #remove} is called for them. */
    List<C> overdue(long nowNanos) {
        return deadlines.entrySet().stream()
                .filter(entry -> nowNanos - entry.getValue() > 0)
                .map(Map.Entry::getKey)
                .toList();
    }

    int size() {
        return deadlines.size();
    }
}
