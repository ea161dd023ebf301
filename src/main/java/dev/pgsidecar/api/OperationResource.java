package dev.pgsidecar.api;

import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Refusal;
import io.smallrye.common.annotation.RunOnVirtualThread;
import io.smallrye.mutiny.Multi;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/** Operations: what runs, what has run, and how it goes. */
@Path("/v1/operations")
public class OperationResource {

    private static final String RUNNING = Operation.State.RUNNING.id();

    /** Well within the idle timeout, and within what proxies wait. */
    private static final Duration HEARTBEAT = Duration.ofSeconds(15);

    private final Engine engine;
    private final Orders orders;

    OperationResource(Engine engine, Orders orders) {
        this.engine = engine;
        this.orders = orders;
    }

    @GET
    @Produces(MediaType.APPLICATION_JSON)
    @RunOnVirtualThread
    public Response list() {
        JsonArray operations =
                new JsonArray(engine.newestFirst().stream().map(Operation::json).toList());
        return ViewResource.json(new JsonObject().put("operations", operations));
    }

    @GET
    @Path("{id}")
    @Produces(MediaType.APPLICATION_JSON)
    @RunOnVirtualThread
    public Response show(@PathParam("id") String id) {
        return Orders.answer(find(id), false);
    }

    @DELETE
    @Path("{id}")
    @Produces(MediaType.APPLICATION_JSON)
    @RunOnVirtualThread
    public Response cancel(@PathParam("id") String id, @Context RoutingContext context) throws Refusal {
        return orders.cancel(find(id), context);
    }

    /** The operation as it is, and again whenever it has changed, until it has ended. */
    @GET
    @Path("{id}/events")
    @Produces(MediaType.SERVER_SENT_EVENTS)
    public Multi<String> events(@PathParam("id") String id) {
        Operation first = find(id);
        Multi<String> changes = Multi.createFrom().emitter(emitter -> {
            Consumer<Operation> follower = operation -> {
                if (operation.id().equals(id)) {
                    emitter.emit(operation.json().encode());
                    if (!operation.running()) {
                        emitter.complete();
                    }
                }
            };
            engine.follow(follower);
            emitter.onTermination(() -> engine.unfollow(follower));
            follower.accept(engine.find(id).orElse(first));
        });
        Multi<String> heartbeats = Multi.createFrom()
                .ticks()
                .every(HEARTBEAT)
                .map(tick -> engine.find(id).orElse(first).json().encode());
        return Multi.createBy()
                .merging()
                .streams(changes, heartbeats)
                .select()
                .first(event -> new JsonObject(event).getString("state").equals(RUNNING))
                .onCompletion()
                .continueWith(() -> List.of(engine.find(id).orElse(first).json().encode()));
    }

    private Operation find(String id) {
        return engine.find(id)
                .orElseThrow(() -> new ProblemException(Problem.notFound("no operation of this name is kept")));
    }
}
