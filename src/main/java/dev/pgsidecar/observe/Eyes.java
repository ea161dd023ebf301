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
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Starts the observers with the agent and stops them with it. */
@Singleton
public class Eyes {

    private final Settings settings;
    private final Vertx vertx;
    private final Observations observations;
    private final List<Thread> threads = new ArrayList<>();
    private volatile Observer observer;
    private final List<PeerObserver> peerObservers = new CopyOnWriteArrayList<>();
    private final List<PartitionObserver> partitionObservers = new CopyOnWriteArrayList<>();

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
        observer = new Observer(target, identity, new ControlFile(settings), backoff, observations);
        start("observer", observer);
        start("slow-observer", new SlowObserver(target, identity, observe, observations));
        for (Settings.Peer peer : settings.peers()) {
            observations.publish(Peer.unasked(peer.name()));
            PeerObserver observer = new PeerObserver(vertx, peer, observe, identity, observations);
            peerObservers.add(observer);
            start("peer-" + peer.name(), observer);
        }
        for (String database : settings.partition().databases().orElse(List.of())) {
            PartitionObserver observer = new PartitionObserver(vertx, settings, database, observations);
            partitionObservers.add(observer);
            start("partitions-" + database, observer);
        }
    }

    /** Observes the server now: something was done that everybody should see. */
    public void lookNow() {
        observer.lookNow();
    }

    /**
     * Asks all peers anew, at once: what they said a moment ago is not good enough for a decision that nobody can take
     * back. A peer that does not answer keeps it waiting for two timeouts.
     */
    public Collection<Peer> peersNow() throws InterruptedException {
        long wished = System.nanoTime();
        List<Thread> rounds = peerObservers.stream()
                .map(observer -> Thread.ofVirtual().start(() -> {
                    try {
                        observer.roundSince(wished);
                    } catch (InterruptedException _) {
                        Thread.currentThread().interrupt(); // the agent stops
                    }
                }))
                .toList();
        for (Thread round : rounds) {
            round.join();
        }
        return observations.history().peers().values();
    }

    /** Looks at all partition sets now; returns when that was published. */
    public void lookAtPartitions() throws InterruptedException {
        for (PartitionObserver observer : partitionObservers) {
            observer.look();
        }
    }

    /** Looks at all partition sets; something was done that everybody should see. */
    public void lookAtPartitionsSoon() {
        partitionObservers.forEach(PartitionObserver::lookNow);
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
