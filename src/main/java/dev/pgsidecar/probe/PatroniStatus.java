package dev.pgsidecar.probe;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Role;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Server;
import dev.pgsidecar.postgres.catalog.WalPositions;
import dev.pgsidecar.postgres.catalog.WalSender;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Optional;

/**
 * {@code GET /patroni}: what we know, in the fields of Patroni's status. What only a cluster manager has (the lock, the
 * consensus store, tags) is left out.
 */
final class PatroniStatus {

    private PatroniStatus() {}

    static JsonObject of(History history, Moment now, Limits limits, Settings settings) {
        JsonObject status =
                switch (Sight.of(history, now, limits)) {
                    case Sight.Clear clear ->
                        of(clear.instance(), settings.open().addresses());
                    case Sight.Blocked blocked ->
                        new JsonObject().put("state", blocked.why().reason()).put("role", "unknown");
                };
        return status.put(
                "patroni", new JsonObject().put("name", settings.instanceName()).put("scope", "pgsidecar"));
    }

    private static JsonObject of(Instance instance, boolean addresses) {
        Server server = instance.facts().server();
        JsonObject status = new JsonObject()
                .put("state", "running")
                .put("postmaster_start_time", server.started().toString())
                .put("role", instance.role().id())
                .put("server_version", server.version().number())
                .put("xlog", xlog(instance))
                .put("timeline", instance.timeline())
                .put("database_system_identifier", server.systemIdentifier());
        instance.recoveryState()
                .map(state -> patroniName(instance))
                .ifPresent(state -> status.put("replication_state", state));
        JsonArray replication = new JsonArray();
        instance.facts().senders().forEach(sender -> replication.add(sender(sender, addresses)));
        return replication.isEmpty() ? status : status.put("replication", replication);
    }

    private static String patroniName(Instance instance) {
        if (instance.streaming()) {
            return "streaming";
        }
        return instance.facts()
                        .replay()
                        .filter(replay -> replay.restoresFromArchive())
                        .isPresent()
                ? "in archive recovery"
                : null;
    }

    private static JsonObject xlog(Instance instance) {
        WalPositions wal = instance.facts().wal();
        if (instance.role() == Role.PRIMARY) {
            return new JsonObject().put("location", bytes(wal.write()));
        }
        JsonObject xlog = new JsonObject()
                .put("received_location", bytes(wal.receive()))
                .put("replayed_location", bytes(wal.replay()));
        instance.facts().replay().ifPresent(replay -> xlog.put(
                        "replayed_timestamp",
                        replay.lastTransaction().map(Object::toString).orElse(null))
                .put("paused", replay.paused()));
        return xlog;
    }

    private static JsonObject sender(WalSender sender, boolean addresses) {
        JsonObject json = new JsonObject()
                .put("usename", sender.user())
                .put("application_name", sender.application())
                .put("client_addr", addresses ? sender.clientAddress().orElse(null) : null)
                .put("state", sender.state().orElse(null))
                .put("sync_state", sender.syncState().orElse(null));
        sender.syncPriority().ifPresent(priority -> json.put("sync_priority", priority));
        return json;
    }

    private static Long bytes(Optional<Lsn> position) {
        return position.map(Lsn::bytes).orElse(null);
    }
}
