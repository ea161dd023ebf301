package dev.pgsidecar.promotion;

import dev.pgsidecar.postgres.Line;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Facts;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
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
              'replay_ended', EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'startup'
                  AND wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')),
              'max_slots', current_setting('max_replication_slots')::int,
              'max_senders', current_setting('max_wal_senders')::int)""";

    private static final String SIGNAL =
            "SELECT json_build_object('there', (pg_stat_file('recovery.signal', true)).size IS NOT NULL)";

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
                row.getBoolean("replay_ended"),
                row.getInteger("max_slots"),
                row.getInteger("max_senders"));
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
