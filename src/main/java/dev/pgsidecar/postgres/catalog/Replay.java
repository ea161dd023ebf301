package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * How a standby replays.
 *
 * @param pauseState {@code not paused}, {@code pause requested} or {@code paused}
 * @param applyDelay {@code recovery_min_apply_delay}
 * @param restoresFromArchive whether {@code restore_command} is set
 * @param slot {@code primary_slot_name}, the slot of the upstream that it streams from
 * @param lastTransaction when the last replayed transaction was committed, by the primary's clock; absent if none was
 *     since the start
 */
public record Replay(
        String pauseState,
        Duration applyDelay,
        boolean restoresFromArchive,
        Optional<String> slot,
        Optional<Instant> lastTransaction) {

    /** Whether replay stands still on request. */
    public boolean paused() {
        return pauseState.equals("paused");
    }

    static String sql() {
        return """
                CASE WHEN here.recovering THEN json_build_object(
                  'pause_state', pg_get_wal_replay_pause_state(),
                  'apply_delay', %s,
                  'restores', current_setting('restore_command') <> '',
                  'slot', nullif(current_setting('primary_slot_name'), ''),
                  'last_transaction', %s)
                END""".formatted(
                        micros("current_setting('recovery_min_apply_delay')::interval"),
                        micros("pg_last_xact_replay_timestamp()"));
    }

    static Replay of(Fields fields) {
        return new Replay(
                fields.text("pause_state").orElseThrow(),
                fields.duration("apply_delay").orElseThrow(),
                fields.flag("restores").orElseThrow(),
                fields.text("slot"),
                fields.instant("last_transaction"));
    }
}
