package dev.pgsidecar.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A loopback port that leads to another one, and can be turned round or cut: the network between two programs. A cut is
 * silent, as when a cable is pulled: nothing arrives, and nobody is told.
 */
public final class Proxy implements AutoCloseable {

    private static final int CUT_LOOK_MILLIS = 20;

    private final ServerSocket listener;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private volatile int target;
    private volatile boolean cut;
    private final AtomicLong bytesToCut = new AtomicLong(Long.MAX_VALUE);

    private Proxy(int target) {
        this.target = target;
        try {
            this.listener = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Thread.ofVirtual().start(this::accept);
    }

    /** A new port that leads to this one of 127.0.0.1. */
    public static Proxy to(int target) {
        return new Proxy(target);
    }

    /** Its own port. */
    public int port() {
        return listener.getLocalPort();
    }

    /** How many connections are open through it. */
    public int connections() {
        return sockets.size() / 2;
    }

    /** Leads new connections elsewhere; ends those that are open. */
    public void turnTo(int otherTarget) {
        target = otherTarget;
        breakConnections();
    }

    /** Lets nothing through any more, without a word to either side. */
    public void cut() {
        cut = true;
    }

    /** Is cut once so many more bytes have passed, in both directions together. */
    public void cutAfter(long bytes) {
        bytesToCut.set(bytes);
    }

    /** Lets all through again, what was sent meanwhile first. */
    public void mend() {
        bytesToCut.set(Long.MAX_VALUE);
        cut = false;
    }

    /** Ends all open connections. */
    public void breakConnections() {
        sockets.forEach(Proxy::closeQuietly);
    }

    @Override
    public void close() {
        closeQuietly(listener);
        breakConnections();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket caller = listener.accept();
                sockets.add(caller);
                if (listener.isClosed()) {
                    closeQuietly(caller); // close() may not have seen it
                }
                Thread.ofVirtual().start(() -> join(caller));
            } catch (IOException e) {
                if (!listener.isClosed()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private void join(Socket caller) {
        Socket callee = new Socket();
        try {
            waitWhileCut();
            callee.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), target));
            sockets.add(callee);
            Thread back = Thread.ofVirtual().start(() -> pump(callee, caller));
            pump(caller, callee);
            back.join();
        } catch (IOException e) {
            closeQuietly(caller); // nobody listens there: the caller learns it as from the network
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            closeQuietly(caller);
            closeQuietly(callee);
            sockets.remove(caller);
            sockets.remove(callee);
        }
    }

    private void pump(Socket from, Socket to) {
        byte[] buffer = new byte[8192];
        try {
            int length = from.getInputStream().read(buffer);
            while (length >= 0) {
                if (bytesToCut.addAndGet(-length) < 0) {
                    cut = true;
                }
                waitWhileCut();
                to.getOutputStream().write(buffer, 0, length);
                length = from.getInputStream().read(buffer);
            }
        } catch (IOException e) {
            closeQuietly(from); // one side went: so does the other, below
        } finally {
            closeQuietly(to);
        }
    }

    private void waitWhileCut() throws IOException {
        while (cut && !listener.isClosed()) {
            try {
                Thread.sleep(CUT_LOOK_MILLIS);
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
    }

    private static void closeQuietly(AutoCloseable closeable) {
        try {
            closeable.close();
        } catch (Exception e) {
            throw new IllegalStateException("a socket that cannot be closed", e);
        }
    }
}
