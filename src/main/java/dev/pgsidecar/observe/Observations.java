package dev.pgsidecar.observe;

import jakarta.inject.Singleton;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Where the observers publish and everything else reads, without ever waiting. */
@Singleton
public class Observations {

    private final AtomicReference<History> history = new AtomicReference<>(History.beginning(Moment.now()));
    private final List<Consumer<History>> readers = new CopyOnWriteArrayList<>();

    /** The history as it is now. */
    public History history() {
        return history.get();
    }

    /** Calls the reader with the history as it is and, on the observer's own thread, with each new one. */
    public void follow(Consumer<History> reader) {
        readers.add(reader);
        reader.accept(history());
    }

    /** Adds what a tick saw. */
    public void publish(Observation next) {
        update(now -> now.with(next));
    }

    /** Replaces what the slow tick saw. */
    public void publish(SlowObservation next) {
        update(now -> now.with(next));
    }

    private void update(UnaryOperator<History> change) {
        History changed = history.updateAndGet(change);
        readers.forEach(reader -> reader.accept(changed));
    }
}
