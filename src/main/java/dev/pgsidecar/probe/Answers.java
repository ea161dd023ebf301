package dev.pgsidecar.probe;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.History;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observations;
import io.vertx.core.buffer.Buffer;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Answers probes. The plain ones are rendered once per observation and valid until it goes stale; those with a query are
 * judged when asked, from memory as well.
 */
@Singleton
public class Answers {

    private final Settings settings;
    private final Limits limits;
    private final Observations observations;
    private volatile Page page;

    /** An HTTP status and a JSON body. */
    record Answer(int status, Buffer body) {}

    /** The plain probes' answers to one history. */
    private record Page(History history, Map<String, Answer> byPath) {

        boolean isFresh(Moment now, Limits limits) {
            return history.latest()
                    .filter(latest -> latest.isFresh(now, limits.staleAfter()))
                    .isPresent();
        }
    }

    Answers(Settings settings, Observations observations) {
        this.settings = settings;
        this.limits = Limits.of(settings);
        this.observations = observations;
        observations.follow(this::render);
    }

    /** The verdict of a probe now, for other faces of the same truth. */
    Verdict verdict(Probe probe) {
        return judge(probe, Question.PLAIN, observations.history(), Moment.now());
    }

    /** The answer in HAProxy's words. */
    String agentCheck(Probe probe, Question question) {
        History history = observations.history();
        return AgentCheck.words(judge(probe, question, history, Moment.now()), history);
    }

    /** Whether all of these pass now. */
    boolean allPass(List<Probe> probes) {
        return probes.stream().allMatch(probe -> verdict(probe).passes());
    }

    /**
     * Answers a path of {@link Endpoints#PROBES} or {@link Endpoints#PATRONI}.
     *
     * @param query the raw query string, may be null
     */
    Answer answer(String path, String query) {
        Moment now = Moment.now();
        Page current = page;
        if ((query == null || query.isEmpty()) && current.isFresh(now, limits)) {
            return current.byPath().get(path);
        }
        try {
            return answer(path, Question.parse(query), observations.history(), now);
        } catch (IllegalArgumentException e) {
            return new Answer(400, Body.error("bad-query", e.getMessage()));
        }
    }

    private Answer answer(String path, Question question, History history, Moment now) {
        if (path.equals(Endpoints.PATRONI)) {
            return new Answer(200, Body.render(PatroniStatus.of(history, now, limits, settings)));
        }
        Verdict verdict = judge(Endpoints.PROBES.get(path), question, history, now);
        return new Answer(verdict.passes() ? 200 : 503, Body.of(verdict, history, limits));
    }

    private Verdict judge(Probe probe, Question question, History history, Moment now) {
        return question.tag()
                .map(tag -> Verdict.fail("unknown-tag", "no instance here has tags"))
                .orElseGet(() -> probe.judge(history, now, question, limits));
    }

    private void render(History history) {
        Moment now = Moment.now();
        Map<String, Answer> byPath = new HashMap<>();
        byPath.put(Endpoints.PATRONI, answer(Endpoints.PATRONI, Question.PLAIN, history, now));
        Endpoints.PROBES.keySet().forEach(path -> byPath.put(path, answer(path, Question.PLAIN, history, now)));
        page = new Page(history, Map.copyOf(byPath));
    }
}
