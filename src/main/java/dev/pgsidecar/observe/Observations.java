package dev.pgsidecar.observe;

import jakarta.inject.Singleton;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Where the observers publish and everything else reads, without ever waiting. */
@Singleton
public class Observations {

    private volatile History history = History.beginning(Moment.now());
    private final List<Consumer<History>> readers = new ArrayList<>();

    /** The history as it is now. */
    public History history() {
        return history;
    }

    /** Calls the reader with the history as it is and, on the publisher's own thread, with each new one in order. */
    public synchronized void follow(Consumer<History> reader) {
        readers.add(reader);
        reader.accept(history);
    }

    /** Adds what a tick saw. */
    public void publish(Observation next) {
        update(now -> now.with(next));
    }

    /** Replaces what the slow tick saw. */
    public void publish(SlowObservation next) {
        update(now -> now.with(next));
    }

    /** Replaces what is known of a peer. */
    public void publish(Peer next) {
        update(now -> now.with(next));
    }

    /** Replaces what is known of a database's partition sets. */
    public void publish(PartitionSurvey next) {
        update(now -> now.with(next));
    }

    /** Replaces what is known of the last maintenance of a partition set. */
    public void publish(PartitionRun next) {
        update(now -> now.with(next));
    }

    /** Replaces what is known of a database's conversions. */
    public void publish(ConversionSurvey next) {
        update(now -> now.with(next));
    }

    private synchronized void update(UnaryOperator<History> change) {
        history = change.apply(history);
        readers.forEach(reader -> reader.accept(history));
    }
}
