package dev.pgsidecar.promotion;

import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a promote is judged by, asked when it is ordered.
 *
 * @param recoveryTargets the {@code recovery_target*} settings that are set
 * @param recoverySignal whether there is a recovery.signal; absent where the role may not look
 * @param missingRights what the role lacks, each as the command that gives it
 * @param slotOfUpstream {@code primary_slot_name}
 * @param replayEnded whether replay has come to the end of what is whole of the WAL that is here, and waits for more
 */
record PromoteFacts(
        Facts facts,
        List<String> recoveryTargets,
        Optional<Boolean> recoverySignal,
        List<String> missingRights,
        Optional<String> slotOfUpstream,
        boolean replayEnded,
        int maxSlots,
        int maxSenders) {

    private static final String RIGHTS_AND_SETTINGS = """
            SELECT json_build_object(
              'targets', (SELECT coalesce(json_agg(name), '[]'::json) FROM pg_settings
                          WHERE name IN ('recovery_target', 'recovery_target_lsn', 'recovery_target_name',
                                         'recovery_target_time', 'recovery_target_xid') AND setting <> ''),
              'may_stat', has_function_privilege('pg_stat_file(text, boolean)', 'EXECUTE'),
              'missing', (SELECT coalesce(json_agg(command), '[]'::json) FROM (VALUES
                  (pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
                   format('GRANT pg_monitor TO %I', current_user)),
                  (has_function_privilege('pg_promote(boolean, integer)', 'EXECUTE'),
                   format('GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO %I', current_user)),
                  (has_function_privilege('pg_stat_file(text, boolean)', 'EXECUTE'),
                   format('GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) TO %I', current_user)),
                  (pg_has_role(current_user, 'pg_checkpoint', 'USAGE'),
                   format('GRANT pg_checkpoint TO %I', current_user)),
                  (coalesce(has_function_privilege(to_regprocedure('pgsidecar.create_physical_slot(name)'), 'EXECUTE'),
                            false),
                   'psql -X -d pgsidecar -f install.sql')
                ) AS rights(given, command) WHERE NOT given),
              'slot', nullif(current_setting('primary_slot_name'), ''),
              'asked_at', clock_timestamp()::text,
              'max_slots', current_setting('max_replication_slots')::int,
              'max_senders', current_setting('max_wal_senders')::int)""";

    private static final String SIGNAL =
            "SELECT json_build_object('there', (pg_stat_file('recovery.signal', true)).size IS NOT NULL)";

    /**
     * Replay asks for more WAL only when it has read all that is whole. It waits for it then, or starts a WAL receiver, which a
     * dead primary's host refuses at once: with a torn record of tens of megabytes it does so a hundred times a second, never
     * waits, and spends the rest of its time reading that record again.
     */
    private static final String REPLAY = """
            SELECT json_build_object(
              'position', pg_last_wal_replay_lsn()::text,
              'ended', coalesce(wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval'), false)
                  OR EXISTS (SELECT FROM pg_stat_activity
                             WHERE backend_type = 'walreceiver' AND backend_start > $1::text::timestamptz),
              'reads', backend_type IS NOT NULL AND coalesce(wait_event, 'WalRead') IN ('WalRead', 'WALRead'))
            FROM (VALUES (1)) AS one LEFT JOIN pg_stat_activity ON backend_type = 'startup'""";

    /** How long a replay is watched that stands although WAL is there: its end shows within a few rounds of reading. */
    private static final Duration WATCH = Duration.ofSeconds(3);

    /** Asks. */
    static PromoteFacts of(Line line) throws PostgresException, InterruptedException {
        Facts facts = line.facts();
        JsonObject row = line.json(RIGHTS_AND_SETTINGS);
        Optional<Boolean> signal =
                row.getBoolean("may_stat") ? Optional.of(line.json(SIGNAL).getBoolean("there")) : Optional.empty();
        return new PromoteFacts(
                facts,
                texts(row.getJsonArray("targets")),
                signal,
                texts(row.getJsonArray("missing")),
                Optional.ofNullable(row.getString("slot")),
                replayEnded(line, facts, row.getString("asked_at")),
                row.getInteger("max_slots"),
                row.getInteger("max_senders"));
    }

    /** Watches a replay that has something before it, until it moves, or shows that it can not. */
    private static boolean replayEnded(Line line, Facts facts, String askedAt)
            throws PostgresException, InterruptedException {
        Optional<Lsn> position = facts.wal().replay();
        if (!facts.server().inRecovery() || position.equals(facts.wal().receive())) {
            return true;
        }
        long end = System.nanoTime() + WATCH.toNanos();
        while (true) {
            JsonObject replay = line.json(REPLAY, askedAt);
            boolean ended = replay.getBoolean("ended");
            boolean stands = position.equals(
                    Optional.ofNullable(replay.getString("position")).map(Lsn::parse));
            if (ended || !stands || !replay.getBoolean("reads") || System.nanoTime() > end) {
                return ended;
            }
            Thread.sleep(1);
        }
    }

    boolean isPrimary() {
        return !facts.server().inRecovery();
    }

    /** The end of all the WAL that is here. */
    Optional<Lsn> received() {
        return facts.wal()
                .receive()
                .map(received -> facts.wal().replay().map(received::max).orElse(received))
                .or(() -> facts.wal().replay());
    }

    private static List<String> texts(JsonArray array) {
        return array.stream().map(Object::toString).toList();
    }
}
