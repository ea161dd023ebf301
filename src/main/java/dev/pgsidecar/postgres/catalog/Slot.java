package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.ServerVersion;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A replication slot, from pg_replication_slots.
 *
 * @param type {@code physical} or {@code logical}
 * @param retainedBytes how much WAL lies between its restart_lsn and the server's position
 * @param walStatus {@code reserved}, {@code extended}, {@code unreserved} or {@code lost}
 * @param safeWalSize bytes of WAL until the slot is in danger; absent without max_slot_wal_keep_size
 * @param inactiveSince since when nobody uses it (17 and later)
 * @param conflicting whether a logical slot was invalidated by recovery (16 and later)
 * @param invalidationReason why it was invalidated (17 and later)
 * @param failover whether it is synchronized to standbys (17 and later)
 * @param synced whether it was synchronized from the primary (17 and later)
 */
public record Slot(
        String name,
        String type,
        Optional<String> plugin,
        Optional<String> database,
        boolean temporary,
        boolean active,
        OptionalLong activePid,
        Optional<Lsn> restart,
        Optional<Lsn> confirmedFlush,
        OptionalLong retainedBytes,
        Optional<String> walStatus,
        OptionalLong safeWalSize,
        Optional<Instant> inactiveSince,
        Optional<Boolean> conflicting,
        Optional<String> invalidationReason,
        Optional<Boolean> failover,
        Optional<Boolean> synced) {

    /** Why it is of no use any more: the server's own word, or before 17 what else tells it. */
    public Optional<String> lostTo() {
        return invalidationReason
                .or(() -> walStatus.filter("lost"::equals).map(_ -> "wal_removed"))
                .or(() -> conflicting.filter(Boolean::booleanValue).map(_ -> "conflict"));
    }

    static String sql(ServerVersion version) {
        String since16 = version.atLeast(16) ? ", conflicting" : "";
        String since17 = version.atLeast(17)
                ? ", invalidation_reason, failover, synced, %s AS inactive_since".formatted(micros("inactive_since"))
                : "";
        return Fields.rows("""
                SELECT slot_name, slot_type, plugin, database, temporary, active, active_pid, restart_lsn,
                       confirmed_flush_lsn, pg_wal_lsn_diff(here.position, restart_lsn)::bigint AS retained,
                       wal_status, safe_wal_size%s%s
                FROM pg_replication_slots ORDER BY slot_name""".formatted(since16, since17));
    }

    static Slot of(Fields fields) {
        return new Slot(
                fields.text("slot_name").orElseThrow(),
                fields.text("slot_type").orElseThrow(),
                fields.text("plugin"),
                fields.text("database"),
                fields.flag("temporary").orElseThrow(),
                fields.flag("active").orElseThrow(),
                fields.number("active_pid"),
                fields.lsn("restart_lsn"),
                fields.lsn("confirmed_flush_lsn"),
                fields.number("retained"),
                fields.text("wal_status"),
                fields.number("safe_wal_size"),
                fields.instant("inactive_since"),
                fields.flag("conflicting"),
                fields.text("invalidation_reason"),
                fields.flag("failover"),
                fields.flag("synced"));
    }
}
