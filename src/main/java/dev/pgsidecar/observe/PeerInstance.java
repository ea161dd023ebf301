package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Lsn;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Another instance of the same cluster, as its agent told it.
 *
 * @param age how old its agent's observation was when it was told
 * @param position a primary's end of written WAL, a replica's of what it has received or replayed, whichever is more;
 *     absent for a replica that has received nothing since it was started: it may hold more than it has replayed
 * @param slot the slot of its upstream that a replica streams from
 * @param streaming whether a replica's WAL receiver streams
 * @param logicalSlots the names of its logical slots
 * @param seesAll whether its agent sees the WAL receiver and the senders
 * @param synchronousStandbyNames its {@code synchronous_standby_names}
 * @param handedOver the write pause that it has handed over to somebody, and still holds
 */
public record PeerInstance(
        String systemIdentifier,
        Role role,
        int timeline,
        Duration age,
        Optional<Lsn> position,
        Optional<String> slot,
        boolean streaming,
        List<Downstream> downstreams,
        List<String> logicalSlots,
        boolean seesAll,
        Optional<String> synchronousStandbyNames,
        Optional<HandOver> handedOver) {

    /** The guarantees of a write pause that no session has broken; docs/write-pause.md. */
    private static final Set<String> GUARANTEES = Set.of("no-ordinary-role-can-write", "none-can-write");

    /**
     * A committed hand-over.
     *
     * @param holds whether the pause still has the guarantee with which it was proved; false for a value that this agent does not
     *     know
     */
    public record HandOver(long generation, String target, boolean holds) {}

    /** Whom it streams to. */
    public record Downstream(String application, Optional<String> slot, Optional<String> syncState) {}

    /**
     * Reads a peer's {@link InstanceDocument}; empty if its server did not answer it.
     *
     * @throws RuntimeException if it makes no sense
     */
    static Optional<PeerInstance> of(JsonObject document) {
        if (document.getString("role") == null) {
            return Optional.empty();
        }
        JsonObject receiver = document.getJsonObject("receiver", new JsonObject());
        return Optional.of(new PeerInstance(
                document.getString("systemIdentifier"),
                document.getString("role").equals(Role.PRIMARY.id()) ? Role.PRIMARY : Role.REPLICA,
                document.getInteger("timeline"),
                Duration.ofMillis((long) (document.getDouble("ageSeconds") * 1000)),
                position(document.getJsonObject("wal")),
                Optional.ofNullable(
                        document.getJsonObject("replay", new JsonObject()).getString("slot")),
                "streaming".equals(receiver.getString("status")),
                objects(document, "senders").map(PeerInstance::downstream).toList(),
                objects(document, "slots")
                        .filter(slot -> "logical".equals(slot.getString("type")))
                        .map(slot -> slot.getString("name"))
                        .toList(),
                document.getJsonArray("unseen", new JsonArray()).isEmpty(),
                Optional.ofNullable(document.getString("synchronousStandbyNames")),
                handOver(document.getJsonObject("writes", new JsonObject()))));
    }

    private static Optional<HandOver> handOver(JsonObject writes) {
        return Optional.ofNullable(writes.getString("committedTo"))
                .map(target -> new HandOver(
                        writes.getLong("generation"),
                        target,
                        Optional.ofNullable(writes.getString("guarantee"))
                                .filter(GUARANTEES::contains)
                                .isPresent()));
    }

    /** The downstream that this is: by its slot, else by its name. */
    public Optional<Downstream> downstream(Optional<String> slot, String name) {
        return downstreams.stream()
                .filter(each -> slot.isPresent() && each.slot().equals(slot))
                .findFirst()
                .or(() -> downstreams.stream()
                        .filter(each -> each.application().equals(name))
                        .findFirst());
    }

    private static Optional<Lsn> position(JsonObject wal) {
        if (wal.getString("write") == null && wal.getString("receive") == null) {
            return Optional.empty();
        }
        return Stream.of("write", "receive", "replay")
                .map(wal::getString)
                .filter(text -> text != null)
                .map(Lsn::parse)
                .reduce(Lsn::max);
    }

    private static Downstream downstream(JsonObject sender) {
        return new Downstream(
                sender.getString("application", ""),
                Optional.ofNullable(sender.getString("slot")),
                Optional.ofNullable(sender.getString("syncState")));
    }

    private static Stream<JsonObject> objects(JsonObject document, String name) {
        return document.getJsonArray(name, new JsonArray()).stream().map(JsonObject.class::cast);
    }
}
