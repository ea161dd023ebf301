package dev.pgsidecar.api;

import dev.pgsidecar.operation.Operation;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.PostgresException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Every error of the command listener in the one form. */
class Problems {

    private static final Logger LOG = Logger.getLogger(Problems.class);

    @ServerExceptionMapper
    Response problem(ProblemException e) {
        return response(e.problem());
    }

    @ServerExceptionMapper
    Response refused(Refusal refusal) {
        return response(of(refusal));
    }

    @ServerExceptionMapper
    Response unreachable(PostgresException e) {
        return response(Problem.of(
                503,
                e.failure().kind().id(),
                "The server cannot be asked",
                e.failure().cause(),
                "look at the server, and at the agent's log"));
    }

    @ServerExceptionMapper
    Response standard(WebApplicationException e) {
        int status = e.getResponse().getStatus();
        return switch (status) {
            case 404 -> response(Problem.notFound("no such path"));
            case 405 ->
                Response.fromResponse(response(Problem.of(
                                405,
                                "method-not-allowed",
                                "This path has no such method",
                                "see the header Allow",
                                "GET /v1/openapi.yaml tells which it has")))
                        .header("Allow", e.getResponse().getHeaderString("Allow"))
                        .build();
            case 415 ->
                response(Problem.of(
                        415, "unsupported-media-type", "The body is not JSON", "", "Content-Type: application/json"));
            case 406 -> response(Problem.of(406, "not-acceptable", "There is no such form", "", "Accept: */*"));
            default -> status < 500 ? response(Problem.malformed("" + e.getMessage())) : mistake(e);
        };
    }

    @ServerExceptionMapper
    Response mistake(RuntimeException e) {
        LOG.error("a request failed", e);
        return response(Problem.of(
                500, "mistake", "A mistake of the agent", "its log has the details", "report it with that log"));
    }

    static Response response(Problem problem) {
        return Response.status(problem.status())
                .type(Problem.MEDIA_TYPE)
                .header("Cache-Control", "no-store")
                .entity(problem.json())
                .build();
    }

    static Problem of(Refusal refusal) {
        String why = refusal.getMessage();
        return switch (refusal.kind()) {
            case CHECKS ->
                new Problem(
                        412,
                        "checks-failed",
                        "A check refused it",
                        why,
                        refusal.checks(),
                        "each failed check says what to do; one that is waivable can be taken on: \"waive\": [\"its name\"]");
            case CONFLICT ->
                new Problem(
                        409,
                        "conflict",
                        "It is not as the order says",
                        why,
                        refusal.checks(),
                        "GET /v1/writes tells how it is");
            case OUT_OF_RANGE ->
                Problem.of(422, "out-of-range", "A value is not allowed", why, "GET /v1/openapi.yaml tells which are");
            case BUSY -> Problem.of(409, "busy", "Another operation runs", why, see(refusal));
            case KEY_TAKEN -> Problem.of(409, "key-taken", "This key stands for another order", why, see(refusal));
            case TOO_LATE -> Problem.of(409, "too-late", "It cannot be cancelled any more", why, see(refusal));
            case MALFORMED -> Problem.malformed(why);
            case NO_JOURNAL ->
                Problem.of(
                        503, "no-journal", "Nothing could be remembered", why, "make state-dir writable for the agent");
            case STOPPING -> Problem.of(503, "stopping", "The agent stops", why, "order it again when it is back");
        };
    }

    private static String see(Refusal refusal) {
        return refusal.other()
                .map(Operation::id)
                .map(id -> "GET /v1/operations/" + id)
                .orElse("order it again later");
    }
}
