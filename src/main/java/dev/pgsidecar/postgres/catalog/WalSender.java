package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.Lsn;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A WAL sender and the downstream behind it, from pg_stat_replication. Only pid, user and application are visible to a
 * role without pg_read_all_stats.
 *
 * @param state {@code streaming}, {@code catchup}, {@code startup}, {@code backup}, {@code stopping}
 * @param syncState {@code async}, {@code potential}, {@code sync}, {@code quorum}
 * @param slot the slot it streams from, if any
 * @param writeLag how long recent WAL took until written there; absent once the downstream is idle and caught up
 */
public record WalSender(
        long pid,
        String user,
        String application,
        Optional<String> clientAddress,
        Optional<String> state,
        Optional<String> syncState,
        OptionalLong syncPriority,
        Optional<String> slot,
        Optional<Lsn> sent,
        Optional<Lsn> write,
        Optional<Lsn> flush,
        Optional<Lsn> replay,
        Optional<Duration> writeLag,
        Optional<Duration> flushLag,
        Optional<Duration> replayLag,
        Optional<Instant> lastReply) {

    static String sql() {
        return Fields.rows("""
                SELECT r.pid, r.usename, r.application_name, host(r.client_addr) AS client_addr, r.state, r.sync_state,
                       r.sync_priority, s.slot_name, r.sent_lsn, r.write_lsn, r.flush_lsn, r.replay_lsn,
                       %s AS write_lag, %s AS flush_lag, %s AS replay_lag, %s AS reply_time
                FROM pg_stat_replication AS r LEFT JOIN pg_replication_slots AS s ON s.active_pid = r.pid
                ORDER BY r.application_name, r.pid""".formatted(
                        micros("r.write_lag"), micros("r.flush_lag"), micros("r.replay_lag"), micros("r.reply_time")));
    }

    static WalSender of(Fields fields) {
        return new WalSender(
                fields.number("pid").orElseThrow(),
                fields.text("usename").orElse(""),
                fields.text("application_name").orElse(""),
                fields.text("client_addr"),
                fields.text("state"),
                fields.text("sync_state"),
                fields.number("sync_priority"),
                fields.text("slot_name"),
                fields.lsn("sent_lsn"),
                fields.lsn("write_lsn"),
                fields.lsn("flush_lsn"),
                fields.lsn("replay_lsn"),
                fields.duration("write_lag"),
                fields.duration("flush_lag"),
                fields.duration("replay_lag"),
                fields.instant("reply_time"));
    }
}
