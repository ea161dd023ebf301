package dev.pgsidecar.api;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.observe.InstanceDocument;
import dev.pgsidecar.observe.Moment;
import dev.pgsidecar.observe.Observation;
import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.observe.Observations;
import dev.pgsidecar.observe.PartitionsDocument;
import dev.pgsidecar.observe.WritesDocument;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.Command;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.postgres.PostgresException;
import io.smallrye.common.annotation.RunOnVirtualThread;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Singleton;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** What can be looked at. */
@Path("/v1")
@Singleton
@RunOnVirtualThread
public class ViewResource {

    private static final Duration ENOUGH = Duration.ofSeconds(5);

    /** A look at what is possible asks the server and all peers: however many want one, the server sees one. */
    private final Semaphore looking = new Semaphore(1);

    private final Settings settings;
    private final Observations observations;
    private final Engine engine;

    ViewResource(Settings settings, Observations observations, Engine engine) {
        this.settings = settings;
        this.observations = observations;
        this.engine = engine;
    }

    @GET
    @Path("instance")
    @Produces(MediaType.APPLICATION_JSON)
    public Response instance() {
        // First: a promote ends after its observation, so that no moment shows neither.
        Optional<Operation> running = engine.running();
        JsonObject document = InstanceDocument.of(
                settings.instanceName(),
                observations.history(),
                Moment.now(),
                settings.probe().replica().maxSilence());
        running.ifPresent(operation -> document.put("operation", operation.kind()));
        return json(document);
    }

    /** Whether writes are paused, as of the newest observation. */
    @GET
    @Path("writes")
    @Produces(MediaType.APPLICATION_JSON)
    public Response writes() throws PostgresException {
        Observation latest = observations
                .history()
                .latest()
                .orElseThrow(() -> new ProblemException(Problem.of(
                        503, "no-observation", "Nothing is known yet", "the first look has not ended", "ask again")));
        return switch (latest) {
            case Answered answered ->
                json(WritesDocument.of(answered.instance().facts())
                        .put("role", answered.instance().role().id())
                        .put("observedAt", answered.at().wall().toString()));
            case Unanswered unanswered ->
                throw new PostgresException(
                        unanswered.failure().kind(), unanswered.failure().cause());
        };
    }

    /** The partition sets of the configured databases, as of the newest looks at them. */
    @GET
    @Path("partitions")
    @Produces(MediaType.APPLICATION_JSON)
    public Response partitions() {
        return json(PartitionsDocument.of(settings.partition(), observations.history(), Moment.now()));
    }

    /** Each command with its checks as they are now: what could be ordered, and what is missing. */
    @GET
    @Path("capabilities")
    @Produces(MediaType.APPLICATION_JSON)
    public Response capabilities() throws PostgresException, InterruptedException {
        if (!looking.tryAcquire(ENOUGH.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new ProblemException(Problem.of(
                    503, "busy", "Somebody else asks this just now", "one look at a time", "ask again in a moment"));
        }
        try {
            return json(new JsonObject().put("commands", look()));
        } finally {
            looking.release();
        }
    }

    /** All at once: a peer that does not answer keeps each of them waiting. */
    private JsonArray look() throws PostgresException, InterruptedException {
        JsonArray commands = new JsonArray();
        try (ExecutorService all = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<JsonObject>> looks = engine.commands().stream()
                    .map(command -> all.submit(() -> look(command)))
                    .toList();
            for (Future<JsonObject> look : looks) {
                commands.add(look.get());
            }
            return commands;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof PostgresException unreachable) {
                throw unreachable;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    private static JsonObject look(Command command) throws PostgresException, InterruptedException {
        try (Runbook runbook = command.runbook(command.leastRequest())) {
            List<Check> checks = runbook.check(Set.of());
            return new JsonObject()
                    .put("command", command.kind())
                    .put("possible", checks.stream().noneMatch(Check::failed))
                    .put(
                            "checks",
                            new JsonArray(checks.stream().map(Check::json).toList()));
        }
    }

    @GET
    @Path("openapi.yaml")
    @Produces("application/yaml")
    public Response openApi() throws IOException {
        try (InputStream file = ViewResource.class.getResourceAsStream("/openapi.yaml")) {
            return Response.ok(file.readAllBytes()).build();
        }
    }

    /** What is true now, and must not be kept. */
    static Response json(JsonObject json) {
        return Response.ok(json.encode() + "\n", MediaType.APPLICATION_JSON)
                .header("Cache-Control", "no-store")
                .build();
    }
}
