package dev.pgsidecar.observe;

import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.catalog.Replay;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * How far a replica is behind its upstream, or why that is not known. When the upstream is a replica itself, its own lag
 * comes on top.
 *
 * @param replayBytes WAL that the upstream has and this replica has not replayed
 * @param receiveBytes WAL that the upstream has and this replica has not received
 * @param time how old the replayed state was at the observation, at most: zero when all is replayed and WAL streams
 * @param unknown why the bytes are not known; empty if they are
 */
public record Lag(
        OptionalLong replayBytes, OptionalLong receiveBytes, Optional<Duration> time, Optional<String> unknown) {

    /** A primary's. */
    private static final Lag NONE =
            new Lag(OptionalLong.of(0), OptionalLong.of(0), Optional.of(Duration.ZERO), Optional.empty());

    /**
     * Measures.
     *
     * @param maxSilence how long the upstream's last word counts: after it nothing tells how far ahead it is
     */
    public static Lag of(Instance instance, Duration maxSilence) {
        if (instance.role() == Role.PRIMARY) {
            return NONE;
        }
        Upstream upstream = instance.upstream();
        if (upstream.end().isEmpty() || upstream.lastMessage().isEmpty()) {
            return unknown(
                    Optional.empty(),
                    instance.facts().server().seesAll()
                            ? silentFromTheBeginning(instance)
                            : "the agent's role may not see the WAL receiver: GRANT pg_monitor to it");
        }
        Duration silence = silence(instance).orElseThrow();
        boolean heard = instance.streaming() && silence.compareTo(maxSilence) <= 0;
        Optional<Duration> time = time(instance, heard ? Duration.ZERO : silence);
        if (silence.compareTo(maxSilence) > 0) {
            return unknown(
                    time,
                    "the upstream is silent for %ds, limit %ds".formatted(silence.toSeconds(), maxSilence.toSeconds()));
        }
        Lsn end = upstream.end().get();
        return new Lag(
                behind(end, instance.facts().wal().replay()),
                behind(end, instance.facts().wal().receive()),
                time,
                Optional.empty());
    }

    private static String silentFromTheBeginning(Instance instance) {
        return instance.streaming()
                ? "the upstream has said nothing yet; an idle one speaks within half of wal_receiver_timeout"
                : "nothing streamed since the agent began to watch";
    }

    /** How long ago the upstream's last message arrived. */
    public static Optional<Duration> silence(Instance instance) {
        return instance.upstream().lastMessage().map(last -> since(last, instance));
    }

    /** now() - pg_last_xact_replay_timestamp() alone grows on an idle primary: it counts only while something waits. */
    private static Optional<Duration> time(Instance instance, Duration atLeast) {
        if (Upstream.isAt(
                instance.upstream().end().orElseThrow(), instance.facts().wal().replay())) {
            return Optional.of(atLeast);
        }
        Optional<Instant> lastTransaction = instance.facts()
                .replay()
                .flatMap(Replay::lastTransaction)
                .filter(then -> !then.isAfter(instance.facts().server().now())); // else the primary's clock is ahead
        return Stream.concat(lastTransaction.stream(), instance.upstream().caughtUp().stream())
                .map(then -> since(then, instance))
                .min(Duration::compareTo)
                .map(behind -> behind.compareTo(atLeast) >= 0 ? behind : atLeast);
    }

    private static Duration since(Instant then, Instance instance) {
        return Duration.between(then, instance.facts().server().now());
    }

    private static OptionalLong behind(Lsn end, Optional<Lsn> position) {
        return position.map(here -> OptionalLong.of(Math.max(0, end.minus(here))))
                .orElse(OptionalLong.empty());
    }

    private static Lag unknown(Optional<Duration> time, String why) {
        return new Lag(OptionalLong.empty(), OptionalLong.empty(), time, Optional.of(why));
    }
}
