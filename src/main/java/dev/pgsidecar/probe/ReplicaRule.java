package dev.pgsidecar.probe;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Instance;
import dev.pgsidecar.observe.Lag;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Role;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * When a replica is good for readers: it is near enough to its upstream, and has been for long enough. Lag and streaming
 * come and go, so they pass through hysteresis; anything else counts at once.
 */
record ReplicaRule(Limits limits, Question question) {

    static final String NOT_REPLICA = "not-replica";
    static final String NOT_STREAMING = "not-streaming";
    static final String LAG_EXCEEDED = "lag-exceeded";
    static final String LAG_UNKNOWN = "lag-unknown";
    static final String RISING = "rising";

    /** Judges the newest observation, which is an answered one, in the light of those before it. */
    Verdict judge(History history, Instance instance) {
        Verdict now = judge(instance);
        if (instance.role() != Role.REPLICA) {
            return now;
        }
        List<Observation> observations = history.newestFirst();
        boolean in = isIn(observations);
        if (in == now.passes()) {
            return now;
        }
        int run = runLength(observations, 0);
        return in
                ? Verdict.pass("holding", "%s, %d bad of %d observations".formatted(now.reason(), run, limits.fall()))
                : Verdict.fail(RISING, "%d good of %d observations".formatted(run, limits.rise()));
    }

    /** One observation by itself. */
    private Verdict judge(Instance instance) {
        if (instance.role() != Role.REPLICA) {
            return Verdict.fail(
                    NOT_REPLICA, "the instance is " + instance.role().id());
        }
        if (question.streaming() && !instance.streaming()) {
            return Verdict.fail(NOT_STREAMING, "the WAL receiver does not stream");
        }
        Lag lag = Lag.of(instance, limits.maxSilence());
        return tooManyBytes(lag).or(() -> tooLong(lag)).orElseGet(Verdict::pass);
    }

    private Optional<Verdict> tooManyBytes(Lag lag) {
        ByteSize most = question.lag().orElse(limits.maxLag());
        OptionalLong bytes = question.received() ? lag.receiveBytes() : lag.replayBytes();
        if (!most.isLimit() || bytes.isPresent() && bytes.getAsLong() <= most.bytes()) {
            return Optional.empty();
        }
        return Optional.of(
                bytes.isPresent()
                        ? Verdict.fail(
                                LAG_EXCEEDED, "%d bytes behind, limit %d".formatted(bytes.getAsLong(), most.bytes()))
                        : Verdict.fail(LAG_UNKNOWN, lag.unknown().orElse("no WAL position yet")));
    }

    private Optional<Verdict> tooLong(Lag lag) {
        return question.lagTime()
                .filter(most ->
                        lag.time().filter(time -> time.compareTo(most) <= 0).isEmpty())
                .map(most -> lag.time()
                        .map(time -> Verdict.fail(LAG_EXCEEDED, exceeded(time, most)))
                        .orElseGet(
                                () -> Verdict.fail(LAG_UNKNOWN, lag.unknown().orElse("no transaction replayed yet"))));
    }

    private static String exceeded(Duration time, Duration most) {
        return "%dms behind, limit %dms".formatted(time.toMillis(), most.toMillis());
    }

    /** Whether the newest run of equal steps that is long enough to decide was a good one. */
    private boolean isIn(List<Observation> newestFirst) {
        int start = 0;
        while (start < newestFirst.size()) {
            Step step = step(newestFirst.get(start));
            int length = runLength(newestFirst, start);
            if (step == Step.OUT || length >= (step == Step.GOOD ? limits.rise() : limits.fall())) {
                return step == Step.GOOD;
            }
            start += length;
        }
        return false; // nothing known before
    }

    private int runLength(List<Observation> newestFirst, int start) {
        Step step = step(newestFirst.get(start));
        int end = start + 1;
        while (end < newestFirst.size() && end - start < History.LENGTH / 2 && step(newestFirst.get(end)) == step) {
            end++;
        }
        return end - start;
    }

    private Step step(Observation observation) {
        if (!(observation instanceof Answered answered) || answered.instance().role() != Role.REPLICA) {
            return Step.OUT;
        }
        return judge(answered.instance()).passes() ? Step.GOOD : Step.BAD;
    }

    /** What one observation says: good, bad, or nothing of a replica at all. */
    private enum Step {
        GOOD,
        BAD,
        OUT
    }
}
