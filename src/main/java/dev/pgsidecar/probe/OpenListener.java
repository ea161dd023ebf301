package dev.pgsidecar.probe;

import dev.pgsidecar.config.Settings;
import io.netty.channel.Channel;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.vertx.http.ManagementInterface;
import io.quarkus.vertx.http.runtime.options.HttpServerCommonHandlers;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletionException;
import org.jboss.logging.Logger;

/**
 * The open listener: one guard for all paths and methods, then the probes, or what Quarkus' extensions put on its
 * management router (metrics, health). It is a server of our own around that router, because Quarkus' own bounds neither
 * the number of connections nor the time that a request's header may take.
 */
@Singleton
public class OpenListener {

    private static final Logger LOG = Logger.getLogger(OpenListener.class);

    /** A port that is taken is told before anything else happens. */
    static final int BEFORE_THE_OBSERVERS = 1;

    private static final String ALLOW = "GET, HEAD, OPTIONS";
    private static final Set<HttpMethod> ALLOWED = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);
    private static final int MAX_HEADER_BYTES = 8 * 1024;
    /** Small, as what was read is taken in whole: it bounds how many pipelined requests wait in memory. */
    private static final int RECEIVE_BUFFER_BYTES = 2 * 1024;

    private static final int MAX_REQUEST_LINE_BYTES = 4 * 1024;

    /** From the first byte of a connection to its first whole request. */
    private static final Duration FIRST_REQUEST = Duration.ofSeconds(10);

    /** From one request to the next. */
    private static final Duration NEXT_REQUEST = Duration.ofSeconds(30);

    private final Settings.Open settings;
    private final Vertx vertx;
    private final Answers answers;
    private final OpenConnections<HttpConnection> connections;
    private Handler<HttpServerRequest> extensions;
    private HttpServer server;

    OpenListener(Settings settings, Vertx vertx, Answers answers) {
        this.settings = settings.open();
        this.vertx = vertx;
        this.answers = answers;
        this.connections = new OpenConnections<>(settings.open().maxConnections());
    }

    void take(@Observes ManagementInterface management) {
        extensions = HttpServerCommonHandlers.enforceDuplicatedContext(management.router(), false);
    }

    void open(@Observes @Priority(BEFORE_THE_OBSERVERS) StartupEvent started) {
        server = vertx.createHttpServer(new HttpServerOptions()
                        .setMaxHeaderSize(MAX_HEADER_BYTES)
                        .setMaxInitialLineLength(MAX_REQUEST_LINE_BYTES)
                        .setHttp2ClearTextEnabled(false)
                        .setReceiveBufferSize(RECEIVE_BUFFER_BYTES)
                        .setTcpKeepAlive(true))
                .connectionHandler(this::accept)
                .requestHandler(this::handle)
                .exceptionHandler(e -> LOG.debugf("a caller of the open listener: %s", e.getMessage()));
        await(server.listen(settings.port(), settings.host()), settings.host(), settings.port(), "pgsidecar.open.port");
        vertx.setPeriodic(1000, timer -> connections.overdue(System.nanoTime()).forEach(Sockets::cut));
        String host = settings.host().contains(":") ? "[" + settings.host() + "]" : settings.host();
        LOG.infof("probes and metrics on http://%s:%d", host, server.actualPort());
    }

    void close(@Observes ShutdownEvent stopping) {
        server.close(); // the process ends behind it: nobody waits for callers
    }

    /** Waits until a server listens, or tells which keys to change. */
    static void await(Future<?> listening, String host, int port, String portKey) {
        try {
            listening.toCompletionStage().toCompletableFuture().join();
        } catch (CompletionException e) {
            throw new IllegalStateException("cannot listen on %s:%d (%s); set pgsidecar.open.host or %s"
                    .formatted(host, port, e.getCause().getMessage(), portKey));
        }
    }

    private void accept(HttpConnection connection) {
        // not the connection's own handler: Vert.x fails before it when pipelined requests are left behind
        Sockets.channel(connection).closeFuture().addListener(closed -> connections.remove(connection));
        connections.add(connection, deadline(FIRST_REQUEST)).forEach(Sockets::cut);
    }

    private void handle(HttpServerRequest request) {
        if (!Sockets.channel(request.connection()).isWritable()) {
            Sockets.cut(request.connection()); // it asks and does not read: its answers would fill the memory
            return;
        }
        connections.touch(request.connection(), deadline(NEXT_REQUEST));
        String path = request.path();
        boolean probe = Endpoints.PROBES.containsKey(path) || Endpoints.PATRONI.equals(path);
        if (!probe && !Endpoints.EXTENSIONS.containsKey(path)) {
            respond(request, 404, Body.error("not-found", "no such path; see docs/health-checks.md"));
        } else if (!ALLOWED.contains(request.method())) {
            request.response().putHeader("Allow", ALLOW);
            respond(request, 405, Body.error("method-not-allowed", "use " + ALLOW));
        } else if (probe) {
            Answers.Answer answer = answers.answer(path, request.query());
            respond(request, answer.status(), answer.body());
        } else if (request.method().equals(HttpMethod.OPTIONS)) {
            respond(request, answers.allPass(Endpoints.EXTENSIONS.get(path)) ? 200 : 503, Buffer.buffer());
        } else if (hasBody(request)) {
            respond(request, 400, Body.error("no-body", "a body means nothing here"));
        } else {
            // Its answer comes later, and Vert.x would take in whatever is pipelined behind it, without bound.
            Channel channel = Sockets.channel(request.connection());
            channel.config().setAutoRead(false);
            request.response().endHandler(ended -> channel.config().setAutoRead(true));
            extensions.handle(request);
        }
    }

    private static void respond(HttpServerRequest request, int status, Buffer body) {
        HttpServerResponse response =
                request.response().setStatusCode(status).putHeader("Content-Type", "application/json");
        if (hasBody(request)) {
            response.putHeader("Connection", "close"); // whatever follows is not read
        }
        if (request.method().equals(HttpMethod.OPTIONS)) {
            response.putHeader("Allow", ALLOW).end();
        } else {
            response.end(body);
        }
    }

    private static boolean hasBody(HttpServerRequest request) {
        String length = request.getHeader("Content-Length");
        return length != null && !length.equals("0") || request.getHeader("Transfer-Encoding") != null;
    }

    private static long deadline(Duration fromNow) {
        return System.nanoTime() + fromNow.toNanos();
    }
}
