package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.micros;

import dev.pgsidecar.postgres.ServerVersion;
import java.time.Instant;

/**
 * What server this is.
 *
 * @param systemIdentifier as initdb made it; all servers of one physical cluster share it
 * @param started when the postmaster started, by the server's clock
 * @param now when this was asked, by the server's clock: ages are measured against it
 * @param inRecovery whether it is a standby (or restoring): it accepts no writes
 * @param timeline the timeline it writes on; on a standby the newest one it has heard of
 * @param synchronousStandbyNames whom its commits wait for
 * @param seesAll whether the agent's role has pg_read_all_stats; without it PostgreSQL hides other sessions' details
 */
public record Server(
        String systemIdentifier,
        ServerVersion version,
        Instant started,
        Instant now,
        boolean inRecovery,
        int timeline,
        String synchronousStandbyNames,
        boolean seesAll) {

    /**
     * pg_control's timeline stays on the old one until the checkpoint after a promote, so a primary's is read off the
     * name of the WAL file that it writes.
     */
    static String sql() {
        return """
                json_build_object(
                  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
                  'version', current_setting('server_version_num')::int,
                  'started', %s,
                  'now', %s,
                  'in_recovery', here.recovering,
                  'timeline', CASE
                    WHEN here.recovering THEN (
                      SELECT greatest(c.timeline_id, r.min_recovery_end_timeline,
                                      (SELECT received_tli FROM pg_stat_wal_receiver))
                      FROM pg_control_checkpoint() AS c, pg_control_recovery() AS r)
                    ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
                  END,
                  'synchronous_standby_names', current_setting('synchronous_standby_names'),
                  'sees_all', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'))""".formatted(micros("pg_postmaster_start_time()"), micros("clock_timestamp()"));
    }

    static Server of(Fields fields) {
        return new Server(
                fields.text("system_identifier").orElseThrow(),
                new ServerVersion((int) fields.number("version").orElseThrow()),
                fields.instant("started").orElseThrow(),
                fields.instant("now").orElseThrow(),
                fields.flag("in_recovery").orElseThrow(),
                (int) fields.number("timeline").orElseThrow(),
                fields.text("synchronous_standby_names").orElse(""),
                fields.flag("sees_all").orElseThrow());
    }
}
