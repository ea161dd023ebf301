package dev.pgsidecar.observe;

import io.vertx.core.json.JsonObject;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/**
 * How the last maintenance of one partition set ended.
 *
 * @param reason why it was not done; or what is remarkable although it was
 * @param hint the next command
 * @param made how many partitions are new
 * @param dropped how many retention has taken out
 * @param lastSuccess when it last ended well, this time or before
 */
public record PartitionRun(
        String database,
        String set,
        Instant at,
        Outcome outcome,
        String reason,
        String hint,
        long made,
        long dropped,
        Optional<Instant> lastSuccess) {

    /** How it ended. */
    public enum Outcome {
        DONE,
        /** Something that passes is in the way; nothing was touched. */
        SKIPPED,
        FAILED;

        /** The name as users see it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The same with what was known of successes before. */
    public PartitionRun after(Optional<PartitionRun> before) {
        Optional<Instant> success = outcome == Outcome.DONE
                ? Optional.of(at)
                : lastSuccess.or(() -> before.flatMap(PartitionRun::lastSuccess));
        return new PartitionRun(database, set, at, outcome, reason, hint, made, dropped, success);
    }

    public JsonObject json() {
        JsonObject json = new JsonObject()
                .put("database", database)
                .put("set", set)
                .put("at", at.toString())
                .put("outcome", outcome.id())
                .put("reason", reason)
                .put("hint", hint)
                .put("made", made)
                .put("dropped", dropped);
        lastSuccess.ifPresent(moment -> json.put("lastSuccess", moment.toString()));
        return json;
    }

    /** Reads what {@link #json} wrote. */
    public static PartitionRun of(JsonObject json) {
        return new PartitionRun(
                json.getString("database"),
                json.getString("set"),
                Instant.parse(json.getString("at")),
                Outcome.valueOf(json.getString("outcome").toUpperCase(Locale.ROOT)),
                json.getString("reason", ""),
                json.getString("hint", ""),
                json.getLong("made", 0L),
                json.getLong("dropped", 0L),
                Optional.ofNullable(json.getString("lastSuccess")).map(Instant::parse));
    }
}
