package dev.pgsidecar.postgres;

import io.netty.channel.Channel;
import io.vertx.core.Future;
import io.vertx.core.impl.VertxInternal;
import io.vertx.core.net.NetClient;
import io.vertx.core.net.NetClientOptions;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.SocketAddress;
import io.vertx.core.net.impl.NetClientImpl;
import io.vertx.core.net.impl.NetSocketInternal;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.impl.PgConnectionFactory;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/**
 * The client's way to one connection, with a hold on its socket. The client ends a connection by saying goodbye and
 * waiting for the server to hang up, also on a timeout and however it is closed: a server that hangs would keep the
 * socket for ever. Here it can be cut.
 */
final class Wire extends PgConnectionFactory {

    private static final Logger LOG = Logger.getLogger(Wire.class);
    private static final Duration LONGEST_CUT = Duration.ofSeconds(1);

    private final Set<Channel> channels = ConcurrentHashMap.newKeySet();
    private volatile boolean cut;

    Wire(VertxInternal vertx, PgConnectOptions options) {
        super(vertx, () -> Future.succeededFuture(options));
    }

    @Override
    protected NetClient netClient(NetClientOptions options) {
        return new NetClientImpl(vertx, null, new NetClientOptions(options), clientCloseFuture) {
            @Override
            public Future<NetSocket> connect(SocketAddress server, String serverName) {
                return super.connect(server, serverName).onSuccess(socket -> hold((NetSocketInternal) socket));
            }
        };
    }

    /** Waits until the server has hung up; false if it has not within the time. */
    boolean awaitGone(Duration time) {
        long deadline = System.nanoTime() + time.toNanos();
        return channels.stream().allMatch(channel -> channel.closeFuture()
                .awaitUninterruptibly(Math.max(0, deadline - System.nanoTime()) / 1_000_000));
    }

    /** Closes the socket at once, past everything that waits to be sent, and any that is still to come. */
    void cut() {
        cut = true;
        channels.forEach(Wire::close);
        if (!awaitGone(LONGEST_CUT)) {
            LOG.warn("a socket is slow to close: this host is short of CPU");
        }
    }

    private void hold(NetSocketInternal socket) {
        Channel channel = socket.channelHandlerContext().channel();
        channels.add(channel);
        if (cut) {
            close(channel);
        }
    }

    private static void close(Channel channel) {
        channel.eventLoop()
                .execute(() -> channel.unsafe().close(channel.unsafe().voidPromise()));
    }
}
