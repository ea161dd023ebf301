package dev.pgsidecar.observe;

import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.Receiver;
import dev.pgsidecar.postgres.catalog.Replay;
import dev.pgsidecar.postgres.catalog.Server;
import dev.pgsidecar.postgres.catalog.Setting;
import dev.pgsidecar.postgres.catalog.Slot;
import dev.pgsidecar.postgres.catalog.WalSender;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/** The whole observation as JSON: what {@code GET /v1/instance} answers, and what peers read of each other. */
public final class InstanceDocument {

    private InstanceDocument() {}

    /**
     * Renders the newest observation.
     *
     * @param maxSilence how long the upstream's last word counts
     */
    public static JsonObject of(String name, History history, Moment now, Duration maxSilence) {
        JsonObject document = new JsonObject().put("name", name);
        if (history.latest().isEmpty()) {
            return document.putNull("role")
                    .put("failure", failure("no-observation", "the first one has not ended yet"));
        }
        Observation latest = history.latest().get();
        document.put("observedAt", latest.at().wall().toString())
                .put("ageSeconds", seconds(latest.at().ageAt(now)));
        switch (latest) {
            case Unanswered unanswered ->
                document.putNull("role")
                        .put(
                                "failure",
                                failure(
                                        unanswered.failure().kind().id(),
                                        unanswered.failure().cause()));
            case Answered answered -> describe(document, answered.instance(), maxSilence);
        }
        history.slow().flatMap(SlowObservation::facts).ifPresent(slow -> {
            JsonObject settings = new JsonObject();
            slow.settings().values().forEach((Setting setting) -> settings.put(setting.name(), setting.shown()));
            document.put("settings", settings);
        });
        return document;
    }

    private static void describe(JsonObject document, Instance instance, Duration maxSilence) {
        Facts facts = instance.facts();
        Server server = facts.server();
        document.put("role", instance.role().id())
                .put("state", instance.recoveryState().map(RecoveryState::id).orElse("running"))
                .put("timeline", instance.timeline())
                .put("systemIdentifier", server.systemIdentifier())
                .put("serverVersion", server.version().toString())
                .put("startedAt", server.started().toString())
                .put("synchronousStandbyNames", server.synchronousStandbyNames())
                .put("wal", new JsonObject());
        JsonObject wal = document.getJsonObject("wal");
        lsn(wal, "insert", facts.wal().insert());
        lsn(wal, "write", facts.wal().write());
        lsn(wal, "flush", facts.wal().flush());
        lsn(wal, "receive", facts.wal().receive());
        lsn(wal, "replay", facts.wal().replay());
        if (instance.role() == Role.REPLICA) {
            document.put("lag", lag(Lag.of(instance, maxSilence)));
        }
        facts.replay().ifPresent(replay -> document.put("replay", replay(replay)));
        facts.receiver().ifPresent(receiver -> document.put("receiver", receiver(receiver, instance)));
        document.put("senders", array(facts.senders(), InstanceDocument::sender))
                .put("slots", array(facts.slots(), InstanceDocument::slot));
        JsonObject sessions = new JsonObject();
        number(sessions, "connections", facts.activity().connections());
        sessions.put("maxConnections", facts.activity().maxConnections());
        facts.activity().oldestTransaction().ifPresent(age -> sessions.put("oldestTransactionSeconds", seconds(age)));
        document.put("sessions", sessions)
                .put("preparedTransactions", facts.preparedTransactions().size())
                .put("writes", WritesDocument.of(facts))
                .put("unseen", new JsonArray(instance.unseen()));
    }

    private static JsonObject lag(Lag lag) {
        JsonObject json = new JsonObject();
        number(json, "replayBytes", lag.replayBytes());
        number(json, "receiveBytes", lag.receiveBytes());
        lag.time().ifPresent(time -> json.put("seconds", seconds(time)));
        lag.unknown().ifPresent(why -> json.put("unknown", why));
        return json;
    }

    private static JsonObject replay(Replay replay) {
        JsonObject json = new JsonObject()
                .put("pauseState", replay.pauseState())
                .put("applyDelaySeconds", seconds(replay.applyDelay()))
                .put("restoresFromArchive", replay.restoresFromArchive());
        replay.slot().ifPresent(slot -> json.put("slot", slot));
        replay.lastTransaction().ifPresent(moment -> json.put("lastTransaction", moment.toString()));
        return json;
    }

    private static JsonObject receiver(Receiver receiver, Instance instance) {
        JsonObject json = new JsonObject();
        receiver.status().ifPresent(status -> json.put("status", status));
        receiver.upstreamHost().ifPresent(host -> json.put("upstreamHost", host));
        number(json, "upstreamPort", receiver.upstreamPort());
        lsn(json, "upstreamEnd", instance.upstream().end());
        Lag.silence(instance).ifPresent(silence -> json.put("silenceSeconds", seconds(silence)));
        return json;
    }

    private static JsonObject sender(WalSender sender) {
        JsonObject json =
                new JsonObject().put("application", sender.application()).put("user", sender.user());
        sender.clientAddress().ifPresent(address -> json.put("clientAddress", address));
        sender.state().ifPresent(state -> json.put("state", state));
        sender.syncState().ifPresent(state -> json.put("syncState", state));
        sender.slot().ifPresent(slot -> json.put("slot", slot));
        lsn(json, "flush", sender.flush());
        lsn(json, "replay", sender.replay());
        return json;
    }

    private static JsonObject slot(Slot slot) {
        JsonObject json = new JsonObject()
                .put("name", slot.name())
                .put("type", slot.type())
                .put("active", slot.active())
                .put("temporary", slot.temporary());
        slot.database().ifPresent(database -> json.put("database", database));
        number(json, "retainedBytes", slot.retainedBytes());
        slot.walStatus().ifPresent(status -> json.put("walStatus", status));
        slot.invalidationReason().ifPresent(reason -> json.put("invalidationReason", reason));
        slot.failover().ifPresent(failover -> json.put("failover", failover));
        slot.synced().ifPresent(synced -> json.put("synced", synced));
        return json;
    }

    private static JsonObject failure(String kind, String cause) {
        return new JsonObject().put("reason", kind).put("detail", cause);
    }

    private static <T> JsonArray array(Collection<T> values, Function<T, JsonObject> map) {
        return new JsonArray(values.stream().map(map).toList());
    }

    private static void lsn(JsonObject json, String name, Optional<Lsn> lsn) {
        lsn.ifPresent(here -> json.put(name, here.toString()).put(name + "Bytes", here.bytes()));
    }

    private static void number(JsonObject json, String name, OptionalLong number) {
        if (number.isPresent()) {
            json.put(name, number.getAsLong());
        }
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }
}
