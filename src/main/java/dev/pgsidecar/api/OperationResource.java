package dev.pgsidecar.api;

import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Refusal;
import io.smallrye.common.annotation.RunOnVirtualThread;
import io.smallrye.mutiny.Multi;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.util.function.Consumer;

/** Operations: what runs, what has run, and how it goes. */
@Path("/v1/operations")
public class OperationResource {

    private final Engine engine;

    OperationResource(Engine engine) {
        this.engine = engine;
    }

    @GET
    @Produces(MediaType.APPLICATION_JSON)
    @RunOnVirtualThread
    public Response list() {
        JsonArray operations =
                new JsonArray(engine.newestFirst().stream().map(Operation::json).toList());
        return Response.ok(new JsonObject().put("operations", operations).encode() + "\n")
                .header("Cache-Control", "no-store")
                .build();
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
    public Response cancel(@PathParam("id") String id) throws Refusal {
        return Orders.answer(engine.cancel(find(id)), true);
    }

    /** The operation as it is, and again whenever it has changed, until it has ended. */
    @GET
    @Path("{id}/events")
    @Produces(MediaType.SERVER_SENT_EVENTS)
    public Multi<String> events(@PathParam("id") String id) {
        Operation first = find(id);
        return Multi.createFrom().<String>emitter(emitter -> {
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
    }

    private Operation find(String id) {
        return engine.find(id)
                .orElseThrow(() -> new ProblemException(Problem.notFound("no operation of this name is kept")));
    }
}
