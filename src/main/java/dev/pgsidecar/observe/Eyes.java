package dev.pgsidecar.observe;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.postgres.ControlFile;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.Target;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Starts the observers with the agent and stops them with it. */
@Singleton
public class Eyes {

    private final Settings settings;
    private final Vertx vertx;
    private final Observations observations;
    private final List<Thread> threads = new ArrayList<>();

    Eyes(Settings settings, Vertx vertx, Observations observations) {
        this.settings = settings;
        this.vertx = vertx;
        this.observations = observations;
    }

    void open(@Observes StartupEvent started) {
        Settings.Observe observe = settings.observe();
        Target target = new Target(vertx, settings);
        Identity identity = new Identity(settings);
        Backoff backoff = Backoff.of(observe);
        start("observer", new Observer(target, identity, new ControlFile(settings), backoff, observations));
        start("slow-observer", new SlowObserver(target, identity, observe, observations));
        for (Settings.Peer peer : settings.peers()) {
            observations.publish(Peer.unasked(peer.name()));
            start("peer-" + peer.name(), new PeerObserver(vertx, peer, observe, identity, observations));
        }
    }

    private void start(String name, Runnable observer) {
        threads.add(Thread.ofVirtual().name(name).start(observer));
    }

    /** Their connections are closed before the agent goes. */
    void close(@Observes ShutdownEvent stopping) throws InterruptedException {
        for (Thread thread : threads) {
            thread.interrupt();
            thread.join(Duration.ofSeconds(1));
        }
    }
}
