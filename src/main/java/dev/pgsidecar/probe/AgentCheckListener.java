package dev.pgsidecar.probe;

import dev.pgsidecar.config.Settings;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jboss.logging.Logger;

/**
 * The agent-check port for HAProxy: a line that names a probe, as {@code agent-send "primary\n"} sends it, is answered by
 * a line of {@link AgentCheck}'s words. Who sends none gets no answer, which changes nothing at HAProxy: to guess the
 * probe could lead writers to a replica.
 */
@Singleton
public class AgentCheckListener {

    private static final Logger LOG = Logger.getLogger(AgentCheckListener.class);

    private static final int MAX_LINE_BYTES = 512;
    private static final Duration LINE = Duration.ofSeconds(2);

    private final Settings settings;
    private final Vertx vertx;
    private final Answers answers;
    private final OpenConnections<NetSocket> connections;
    private boolean toldHow;

    AgentCheckListener(Settings settings, Vertx vertx, Answers answers) {
        this.settings = settings;
        this.vertx = vertx;
        this.answers = answers;
        this.connections = new OpenConnections<>(settings.open().maxConnections());
    }

    void open(@Observes @Priority(OpenListener.BEFORE_THE_OBSERVERS) StartupEvent started) {
        if (!settings.probe().agentCheck().enabled()) {
            return;
        }
        String host = settings.open().host();
        int port = settings.probe().agentCheck().port();
        NetServer server = vertx.createNetServer(new NetServerOptions()
                        .setReceiveBufferSize(MAX_LINE_BYTES)
                        .setTcpKeepAlive(true))
                .connectHandler(this::accept)
                .exceptionHandler(e -> LOG.debugf("a caller of the agent-check port: %s", e.getMessage()));
        OpenListener.await(server.listen(port, host), host, port, "pgsidecar.probe.agent-check.port");
        vertx.setPeriodic(1000, timer -> connections.overdue(System.nanoTime()).forEach(Sockets::cut));
        LOG.infof("HAProxy's agent-check on port %d", port);
    }

    private void accept(NetSocket caller) {
        StringBuilder line = new StringBuilder();
        Sockets.channel(caller).closeFuture().addListener(closed -> {
            connections.remove(caller);
            tellHow(line);
        });
        connections.add(caller, System.nanoTime() + LINE.toNanos()).forEach(Sockets::cut);
        caller.exceptionHandler(e -> Sockets.cut(caller));
        caller.handler(bytes -> {
            line.append(bytes.toString(StandardCharsets.US_ASCII));
            int end = line.indexOf("\n");
            if (end >= 0) {
                caller.handler(rest -> {}); // one question is all that it has
                caller.end(Buffer.buffer(answer(line.substring(0, end)) + "\n"));
            } else if (line.length() > MAX_LINE_BYTES) {
                Sockets.cut(caller);
            }
        });
    }

    /** The words for a line such as {@code primary}, {@code /primary} or {@code replica?lag=16MB}. */
    private String answer(String line) {
        String asked = line.strip();
        String[] pathAndQuery = (asked.startsWith("/") ? asked : "/" + asked).split("\\?", 2);
        Probe probe = Endpoints.PROBES.get(pathAndQuery[0]);
        if (probe == null) {
            return AgentCheck.down("no-such-probe");
        }
        try {
            return answers.agentCheck(probe, Question.parse(pathAndQuery.length == 2 ? pathAndQuery[1] : ""));
        } catch (IllegalArgumentException _) {
            return AgentCheck.down("bad-query");
        }
    }

    /** A balancer that sends nothing goes when its own time is up, or ours. */
    private void tellHow(CharSequence line) {
        if (line.isEmpty() && !toldHow) {
            toldHow = true;
            LOG.warn("a caller of the agent-check port named no probe; HAProxy's server line needs"
                    + " agent-send \"primary\\n\" (or \"replica\\n\", or any other probe)");
        }
    }
}
