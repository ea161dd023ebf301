package dev.pgsidecar.api;

import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.PostgresException;
import io.smallrye.common.annotation.RunOnVirtualThread;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.NotSupportedException;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

/** What can be ordered. */
@Path("/v1")
@RunOnVirtualThread
public class CommandResource {

    private final Orders orders;

    CommandResource(Orders orders) {
        this.orders = orders;
    }

    /** The last word of the path is the command's name. */
    @POST
    @Path("{path: promote|writes/pause|writes/commit|writes/resume|partitions/maintenance|partitions/rescue}")
    @Consumes(MediaType.APPLICATION_JSON)
    public Response order(@PathParam("path") String path, String body, @Context RoutingContext context)
            throws Refusal, PostgresException, InterruptedException {
        requireContentType(context);
        return orders.take(path.substring(path.lastIndexOf('/') + 1), body, context);
    }

    @POST
    @Path("partitions/conversions")
    @Consumes(MediaType.APPLICATION_JSON)
    public Response convert(String body, @Context RoutingContext context)
            throws Refusal, PostgresException, InterruptedException {
        requireContentType(context);
        return orders.take("conversion", body, context);
    }

    @POST
    @Path("partitions/conversions/{id}/{act: pause|resume|cancel|finish|revert}")
    @Consumes(MediaType.APPLICATION_JSON)
    public Response act(
            @PathParam("id") String id, @PathParam("act") String act, String body, @Context RoutingContext context)
            throws Refusal, PostgresException, InterruptedException {
        requireContentType(context);
        return orders.take("conversion-" + act, new JsonObject().put("conversion", id), body, context);
    }

    @PUT
    @Path("writes/lease")
    @Consumes(MediaType.APPLICATION_JSON)
    public Response renew(String body, @Context RoutingContext context)
            throws Refusal, PostgresException, InterruptedException {
        requireContentType(context);
        return orders.renew(body, context);
    }

    /** A page in somebody's browser can send an order without one, with that browser's password or certificate. */
    private static void requireContentType(RoutingContext context) {
        if (context.request().getHeader("Content-Type") == null) {
            throw new NotSupportedException();
        }
    }
}
