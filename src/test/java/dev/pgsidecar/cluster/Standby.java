package dev.pgsidecar.cluster;

/** Whether the upstream server keeps WAL for a streaming standby. */
public enum Standby {
    /** No replication slot: the upstream keeps what its settings say. */
    WITHOUT_SLOT,
    /** A physical replication slot on the upstream, named as {@link Postgres#slotName()} of the standby. */
    WITH_SLOT
}
