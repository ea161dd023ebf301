package dev.pgsidecar.probe;

import io.netty.channel.Channel;
import io.vertx.core.net.impl.ConnectionBase;

/** What callers' sockets need below Vert.x. */
final class Sockets {

    private Sockets() {}

    /** The channel of an HTTP connection or a plain socket of Vert.x. */
    static Channel channel(Object connection) {
        return ((ConnectionBase) connection).channelHandlerContext().channel();
    }

    /** Closes it now; a polite close would wait until the caller has read everything. */
    static void cut(Object connection) {
        Channel channel = channel(connection);
        channel.eventLoop()
                .execute(() -> channel.unsafe().close(channel.unsafe().voidPromise()));
    }
}
