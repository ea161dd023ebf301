package dev.pgsidecar.writes;

import static dev.pgsidecar.writes.Scene.COMMITTED;
import static dev.pgsidecar.writes.Scene.PAUSED;
import static dev.pgsidecar.writes.Scene.assertRefused;
import static dev.pgsidecar.writes.Scene.check;
import static dev.pgsidecar.writes.Scene.failed;
import static dev.pgsidecar.writes.Scene.names;
import static dev.pgsidecar.writes.Scene.open;
import static dev.pgsidecar.writes.Scene.primary;
import static dev.pgsidecar.writes.Scene.sender;
import static dev.pgsidecar.writes.Scene.standby;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.writes.PauseFacts.InDatabase;
import dev.pgsidecar.writes.Scene.Refusing;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The server has the databases app and crm, and the agent's own, pgsidecar. */
class PauseChecksTest {

    private static final List<InDatabase> NONE = List.of();

    @Test
    void passWhereNothingStandsInTheWay() {
        assertThat(failed(judge(open()))).isEmpty();
        assertThat(failed(judge(open(), some("app")))).isEmpty();
        assertThat(names(judge(open()))).isEqualTo(PauseChecks.NAMES);
        assertThat(check(judge(open()), "databases").found()).isEqualTo("app, crm");
    }

    @Test
    void wantTheRights() {
        PauseFacts without =
                new PauseFacts(open(), false, "pgsidecar", List.of("app"), NONE, NONE, false, List.of(), List.of());
        List<Check> checks = new PauseChecks(without, PauseRequest.of(all())).judge();
        assertThat(failed(checks)).containsExactly("rights");
        assertRefused(
                checks,
                "rights",
                Refusing.FIRMLY,
                "pgsidecar.pause_writes",
                "psql -X -d pgsidecar -f install.sql; the agent's postgres.database is pgsidecar");
    }

    @Test
    void wantAPrimary() {
        assertRefused(judge(standby(PAUSED)), "primary", Refusing.FIRMLY, "a replica", "at the primary's agent");
    }

    @Test
    void wantNoOtherPause() {
        assertThat(failed(judge(primary(PAUSED)))).containsExactly("not-paused");
        assertRefused(
                judge(primary(PAUSED)),
                "not-paused",
                Refusing.AS_A_CONFLICT,
                "generation 7, ordered by ops: a test",
                "PUT /v1/writes/lease");
        assertRefused(
                judge(primary(COMMITTED)), "not-paused", Refusing.AS_A_CONFLICT, "generation 7", "GET /v1/writes");
        assertThat(check(judge(primary(COMMITTED)), "not-paused").hint())
                .as("a lease that is not there cannot be renewed")
                .doesNotContain("lease");
    }

    @Test
    void wantDatabasesThatExist() {
        List<Check> checks = judge(open(), some("app", "nowhere"));
        assertThat(failed(checks)).containsExactly("databases");
        assertRefused(checks, "databases", Refusing.FIRMLY, "nowhere", "SELECT datname FROM pg_database");
    }

    @Test
    void leaveTheAgentsOwnDatabaseOpen() {
        assertRefused(
                judge(open(), some("app", "pgsidecar")),
                "databases",
                Refusing.FIRMLY,
                "pgsidecar",
                "the record of the pause is kept in pgsidecar");
        PauseFacts empty =
                new PauseFacts(open(), true, "pgsidecar", List.of(), NONE, NONE, false, List.of(), List.of());
        assertRefused(
                new PauseChecks(empty, PauseRequest.of(all())).judge(),
                "databases",
                Refusing.FIRMLY,
                "there is none but the agent's own",
                "SELECT datname FROM pg_database");
    }

    @Test
    void wantNoPreparedTransactionInScope() {
        List<InDatabase> prepared = List.of(new InDatabase("transfer-1", "app"), new InDatabase("transfer-2", "crm"));
        List<Check> checks = judge(facts(prepared, NONE, false), all());
        assertThat(failed(checks)).containsExactly("prepared-transactions");
        assertRefused(
                checks,
                "prepared-transactions",
                Refusing.FIRMLY,
                "transfer-1 in app, transfer-2 in crm",
                "ROLLBACK PREPARED");
        assertThat(check(judge(facts(prepared, NONE, false), some("crm")), "prepared-transactions")
                        .found())
                .isEqualTo("transfer-2 in crm");
        List<InDatabase> elsewhere = List.of(new InDatabase("transfer-1", "app"), new InDatabase("own", "pgsidecar"));
        assertThat(failed(judge(facts(elsewhere, NONE, false), some("crm")))).isEmpty();
    }

    @Test
    void wantNoSubscriptionIntoTheScope() {
        List<InDatabase> subscriptions = List.of(new InDatabase("orders", "app"));
        List<Check> checks = judge(facts(NONE, subscriptions, false), all());
        assertThat(failed(checks)).containsExactly("subscriptions");
        assertRefused(checks, "subscriptions", Refusing.FIRMLY, "orders in app", "ALTER SUBSCRIPTION ... DISABLE");
        assertThat(failed(judge(facts(NONE, subscriptions, false), some("crm"))))
                .isEmpty();
    }

    @Test
    void wantNoJobsThatNoLimitHoldsBack() {
        List<Check> checks = judge(facts(NONE, NONE, true), all());
        assertThat(failed(checks)).containsExactly("background-jobs");
        assertRefused(
                checks,
                "background-jobs",
                Refusing.UNLESS_WAIVED,
                "cron.use_background_workers is on",
                "UPDATE cron.job SET active = false");
    }

    @Test
    void wantTheStandbysThatThePauseWaitsFor() {
        JsonObject request = all().put("waitForStandbys", new JsonArray(List.of("pg-1", "pg-2")));
        assertThat(failed(judge(open(sender("pg-1", 1), sender("pg-2", 1)), request)))
                .isEmpty();
        List<Check> checks = judge(open(sender("pg-1", 1)), request);
        assertThat(failed(checks)).containsExactly("standbys");
        assertRefused(
                checks,
                "standbys",
                Refusing.FIRMLY,
                "no WAL sender for pg-2",
                "SELECT application_name, state FROM pg_stat_replication");
    }

    private static JsonObject all() {
        return new JsonObject().put("all", true);
    }

    private static JsonObject some(String... databases) {
        return new JsonObject().put("databases", new JsonArray(List.of(databases)));
    }

    private static List<Check> judge(Facts facts) {
        return judge(facts, all());
    }

    private static List<Check> judge(Facts facts, JsonObject request) {
        return judge(
                new PauseFacts(
                        facts,
                        true,
                        "pgsidecar",
                        List.of("app", "crm"),
                        NONE,
                        NONE,
                        false,
                        List.of("postgres"),
                        List.of("replication")),
                request);
    }

    private static List<Check> judge(PauseFacts facts, JsonObject request) {
        return new PauseChecks(facts, PauseRequest.of(request)).judge();
    }

    private static PauseFacts facts(List<InDatabase> prepared, List<InDatabase> subscriptions, boolean cron) {
        return new PauseFacts(
                open(),
                true,
                "pgsidecar",
                List.of("app", "crm"),
                prepared,
                subscriptions,
                cron,
                List.of("postgres"),
                List.of("replication"));
    }
}
