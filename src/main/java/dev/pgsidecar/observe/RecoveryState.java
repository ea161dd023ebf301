package dev.pgsidecar.observe;

/** Where a replica gets its WAL from, now. */
public enum RecoveryState {
    /** From its upstream, over a connection. */
    STREAMING("streaming"),
    /** From restore_command: nothing streams. */
    ARCHIVE_RECOVERY("archive-recovery"),
    /** From nowhere: nothing streams, and there is no restore_command. */
    WAITING("waiting"),
    /** It may well arrive, but replay was paused. */
    PAUSED("replay-paused"),
    /** The agent's role may not see the WAL receiver. */
    UNKNOWN("unknown");

    private final String id;

    RecoveryState(String id) {
        this.id = id;
    }

    /** The name as users see it. */
    public String id() {
        return id;
    }
}
