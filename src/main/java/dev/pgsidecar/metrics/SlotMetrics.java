package dev.pgsidecar.metrics;

import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Slot;
import java.time.Duration;
import java.util.Optional;

/** Replication slots, in postgres_exporter's names (0.20 and later) and a few of our own. */
final class SlotMetrics {

    private SlotMetrics() {}

    static void add(Page page, Instance instance) {
        instance.facts().slots().forEach(slot -> add(page, instance, slot));
    }

    private static void add(Page page, Instance instance, Slot slot) {
        String[] byDatabase = {
            "slot_name", slot.name(), "database", slot.database().orElse("")
        };
        page.add("pg_replication_slots_active", "Whether the slot is in use", slot.active(), byDatabase)
                .add(
                        "pg_replication_slots_pg_wal_lsn_diff",
                        "Replication lag in bytes",
                        slot.retainedBytes(),
                        byDatabase);
        String[] byType = {"slot_name", slot.name(), "slot_type", slot.type()};
        Optional<Lsn> here = instance.facts().wal().here();
        page.add("pg_replication_slots_slot_current_wal_lsn", "The server's WAL position in bytes", here, byType)
                .add(
                        "pg_replication_slots_slot_confirmed_flush_lsn",
                        "What a logical slot's consumer has confirmed, in bytes",
                        slot.confirmedFlush(),
                        byType)
                .add("pg_replication_slots_slot_is_active", "Whether the slot is in use", slot.active(), byType)
                .add(
                        "pg_replication_slots_safe_wal_size_bytes",
                        "WAL that can be written until the slot is in danger of being lost",
                        slot.safeWalSize(),
                        byType);
        slot.walStatus()
                .ifPresent(status -> page.add(
                        "pg_replication_slots_wal_status",
                        "Whether the WAL that the slot needs is there",
                        true,
                        "slot_name",
                        slot.name(),
                        "slot_type",
                        slot.type(),
                        "wal_status",
                        status));
        own(page, instance, slot);
    }

    private static void own(Page page, Instance instance, Slot slot) {
        String[] labels = {"slot", slot.name()};
        page.add("pgsidecar_slot_active", "Whether somebody streams from the slot", slot.active(), labels)
                .add("pgsidecar_slot_retained_bytes", "WAL that the slot keeps", slot.retainedBytes(), labels)
                .add(
                        "pgsidecar_slot_inactive_seconds",
                        "For how long nobody has used the slot (PostgreSQL 17 and later)",
                        slot.inactiveSince()
                                .map(since -> Duration.between(
                                        since, instance.facts().server().now())),
                        labels)
                .add("pgsidecar_slot_temporary", "Whether the slot ends with its session", slot.temporary(), labels);
        slot.synced()
                .ifPresent(synced -> page.add(
                        "pgsidecar_slot_synced",
                        "Whether it is a copy of the primary's, which nobody uses",
                        synced,
                        labels));
        slot.lostTo()
                .ifPresent(reason -> page.add(
                        "pgsidecar_slot_invalidated",
                        "The slot is of no use any more",
                        true,
                        "slot",
                        slot.name(),
                        "reason",
                        reason));
    }
}
