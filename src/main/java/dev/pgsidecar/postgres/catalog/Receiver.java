package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.Lsn;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A standby's WAL receiver, from pg_stat_wal_receiver. All but its existence is hidden from a role without
 * pg_read_all_stats.
 *
 * @param status {@code streaming}, {@code waiting}, {@code starting}, {@code stopping} ...
 * @param latestEnd the end of the upstream's WAL as the upstream's last message told it
 * @param lastMessage when that message arrived, by this server's clock
 * @param heard whether any message has arrived yet: until then PostgreSQL shows the receiver's own start as the time of
 *     the last one, sent and received at once, and the end that an earlier receiver was told
 * @param upstreamHost the address or name it is connected to
 */
public record Receiver(
        Optional<String> status,
        OptionalLong receivedTimeline,
        Optional<Lsn> latestEnd,
        Optional<Instant> latestEndTime,
        Optional<Instant> lastMessage,
        boolean heard,
        Optional<String> slot,
        Optional<String> upstreamHost,
        OptionalLong upstreamPort) {

    /** Whether WAL flows, as far as PostgreSQL knows. */
    public boolean streaming() {
        return status.filter("streaming"::equals).isPresent();
    }

    static String sql() {
        return """
                (SELECT json_build_object('status', status, 'received_tli', received_tli,
                   'latest_end', latest_end_lsn, 'latest_end_time', %s, 'last_message', %s,
                   'heard', last_msg_send_time <> last_msg_receipt_time,
                   'slot', slot_name, 'host', sender_host, 'port', sender_port)
                 FROM pg_stat_wal_receiver)""".formatted(micros("latest_end_time"), micros("last_msg_receipt_time"));
    }

    static Receiver of(Fields fields) {
        return new Receiver(
                fields.text("status"),
                fields.number("received_tli"),
                fields.lsn("latest_end"),
                fields.instant("latest_end_time"),
                fields.instant("last_message"),
                fields.flag("heard").orElse(false),
                fields.text("slot"),
                fields.text("host"),
                fields.number("port"));
    }
}
