package dev.pgsidecar.api;

import dev.pgsidecar.config.Trouble;
import dev.pgsidecar.observe.WritesDocument;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Engine.Judged;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Order;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.security.Audit;
import dev.pgsidecar.security.Caller;
import dev.pgsidecar.writes.Leases;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jboss.logging.Logger;

/** Takes orders: what all commands have in common, from the header to the line in the audit log. */
@Singleton
public class Orders {

    private static final Logger LOG = Logger.getLogger(Orders.class);

    private static final String DRY_RUN = "dryRun";
    private static final Pattern WAIT = Pattern.compile("(?:^|[,;\\s])wait=(\\d{1,4})(?:$|[,;\\s])");
    private static final Pattern KEY = Pattern.compile("[!-~]{1,200}");
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(5);

    private final Engine engine;
    private final Leases leases;
    private final Audit audit;

    Orders(Engine engine, Leases leases, Audit audit) {
        this.engine = engine;
        this.leases = leases;
        this.audit = audit;
    }

    void follow(@Observes StartupEvent started) {
        engine.follow(operation -> {
            if (!operation.running()) {
                noteLate(entry(operation.order())
                        .put("event", "ended")
                        .put("operation", operation.id())
                        .put("outcome", operation.state().id()));
            }
        });
    }

    /** Carries out, or with {@code ?dryRun=true} judges, what the request orders. */
    Response take(String kind, String body, RoutingContext context)
            throws Refusal, PostgresException, InterruptedException {
        return take(kind, new JsonObject(), body, context);
    }

    /** The same, with parameters that the path has. */
    Response take(String kind, JsonObject ofPath, String body, RoutingContext context)
            throws Refusal, PostgresException, InterruptedException {
        Caller caller = Door.caller(context);
        HttpServerRequest http = context.request();
        Body parsed = Body.of(body);
        Order order = new Order(
                kind,
                with(ofPath, parsed.request()),
                parsed.waivers(),
                caller.name(),
                http.remoteAddress().hostAddress(),
                key(http));
        boolean dryRun = dryRun(http);
        Duration wait = wait(http);
        JsonObject entry = entry(order);
        note(entry.copy().put("event", dryRun ? "dry-run" : "ordered"));
        try {
            if (dryRun) {
                return dryRun(engine.dryRun(order));
            }
            Operation operation = engine.order(order);
            // It has begun: an answer that says otherwise would be worse than a missing line.
            noteLate(entry.copy().put("event", "accepted").put("operation", operation.id()));
            return answer(wait.isZero() ? operation : engine.await(operation, wait), true);
        } catch (Refusal refusal) {
            note(entry.copy()
                    .put("event", "refused")
                    .put("outcome", refusal.kind().name().toLowerCase(java.util.Locale.ROOT))
                    .put("checks", new JsonArray(failed(refusal.checks()))));
            throw refusal;
        } catch (PostgresException e) {
            note(entry.copy()
                    .put("event", "refused")
                    .put("outcome", e.failure().kind().id()));
            throw e;
        }
    }

    private static JsonObject with(JsonObject ofPath, JsonObject request) {
        for (String name : ofPath.fieldNames()) {
            if (request.containsKey(name)) {
                throw new ProblemException(Problem.malformed(name + ": it is in the path"));
            }
        }
        return request.mergeIn(ofPath);
    }

    /** Renews the lease of a pause; no operation, so that it is possible while one runs. */
    Response renew(String body, RoutingContext context) throws Refusal, PostgresException, InterruptedException {
        HttpServerRequest http = context.request();
        if (!http.params().isEmpty()) {
            throw new ProblemException(Problem.malformed("there are no parameters here"));
        }
        Body parsed = Body.of(body);
        if (!parsed.waivers().isEmpty()) {
            throw new ProblemException(Problem.malformed("a lease has no checks that could be waived"));
        }
        JsonObject request = parsed.request();
        note(new JsonObject()
                .put("event", "renewed")
                .put("by", Door.caller(context).name())
                .put("from", http.remoteAddress().hostAddress())
                .put("what", "lease")
                .put("request", request));
        return ViewResource.json(WritesDocument.of(leases.renew(request)));
    }

    /** An operation as an answer: 202 while it runs, if it was just ordered. */
    static Response answer(Operation operation, boolean ordered) {
        Response.ResponseBuilder response = Response.status(ordered && operation.running() ? 202 : 200)
                .type(MediaType.APPLICATION_JSON)
                .header("Cache-Control", "no-store")
                .entity(operation.json().encode() + "\n");
        return ordered
                ? response.header("Location", "/v1/operations/" + operation.id())
                        .build()
                : response.build();
    }

    private static Response dryRun(Judged judged) {
        boolean would = judged.checks().stream().noneMatch(Check::failed);
        JsonObject answer = new JsonObject()
                .put("wouldRun", would)
                .put(
                        "checks",
                        new JsonArray(judged.checks().stream().map(Check::json).toList()));
        return ViewResource.json(judged.plan().isEmpty() ? answer : answer.put("plan", judged.plan()));
    }

    private static JsonObject entry(Order order) {
        return new JsonObject()
                .put("by", order.by())
                .put("from", order.from())
                .put("what", order.kind())
                .put("request", order.request())
                .put("waive", new JsonArray(List.copyOf(order.waivers())));
    }

    private static List<String> failed(List<Check> checks) {
        return checks.stream().filter(Check::failed).map(Check::name).toList();
    }

    /** Cancels an operation, for whoever asks. */
    Response cancel(Operation operation, RoutingContext context) throws Refusal {
        note(new JsonObject()
                .put("event", "cancelled")
                .put("by", Door.caller(context).name())
                .put("from", context.request().remoteAddress().hostAddress())
                .put("what", operation.kind())
                .put("operation", operation.id()));
        return answer(engine.cancel(operation), true);
    }

    /** What cannot be written to the audit log does not happen. */
    private void note(JsonObject entry) {
        try {
            audit.append(entry);
        } catch (IOException e) {
            throw new ProblemException(Problem.of(
                    503,
                    "no-audit",
                    "Nothing could be remembered",
                    "the audit log cannot be written: " + Trouble.with(e),
                    "make state-dir writable for the agent"));
        }
    }

    /** What has happened already can only be told elsewhere. */
    private void noteLate(JsonObject entry) {
        try {
            audit.append(entry);
        } catch (IOException e) {
            LOG.errorf("the audit log cannot be written (%s): %s", Trouble.with(e), entry.encode());
        }
    }

    private static Optional<String> key(HttpServerRequest http) {
        Optional<String> key = Optional.ofNullable(http.getHeader("Idempotency-Key"));
        if (key.filter(text -> !KEY.matcher(text).matches()).isPresent()) {
            throw new ProblemException(Problem.malformed("Idempotency-Key: 1 to 200 visible ASCII characters"));
        }
        return key;
    }

    /** A parameter that is misspelt must not turn a rehearsal into the real thing. */
    private static boolean dryRun(HttpServerRequest http) {
        Set<String> names = http.params().names();
        if (!Set.of(DRY_RUN).containsAll(names)) {
            throw new ProblemException(Problem.malformed("the only parameter is " + DRY_RUN));
        }
        List<String> values = http.params().getAll(DRY_RUN);
        if (values.size() > 1 || !values.isEmpty() && !Set.of("true", "false").contains(values.getFirst())) {
            throw new ProblemException(Problem.malformed(DRY_RUN + ": true or false"));
        }
        return values.equals(List.of("true"));
    }

    /** RFC 7240: a preference that is not understood is none. */
    private static Duration wait(HttpServerRequest http) {
        Matcher wait =
                WAIT.matcher(Optional.ofNullable(http.getHeader("Prefer")).orElse(""));
        Duration asked = wait.find() ? Duration.ofSeconds(Integer.parseInt(wait.group(1))) : Duration.ZERO;
        return asked.compareTo(LONGEST_WAIT) < 0 ? asked : LONGEST_WAIT;
    }
}
