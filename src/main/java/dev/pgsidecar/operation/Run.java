package dev.pgsidecar.operation;

import dev.pgsidecar.postgres.PostgresException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/** What a {@link Runbook} works with while it is carried out: its steps, and what it found. */
public interface Run {

    /** Whether an agent that has ended since began this run. */
    boolean resumed();

    /**
     * Does a step, unless the journal has it as done. It is written down before it acts; that it is done is written with
     * what comes next.
     *
     * @param name the step's name
     * @param act what it does; idempotent, as after a crash in its middle it is done again
     * @return the step's note, of now or of then
     */
    String step(String name, Action act) throws StepFailed, PostgresException, InterruptedException;

    /**
     * From here on it cannot be cancelled. What was found by now is durable when this returns: a later agent knows that
     * the next thing was, or may have been, done.
     */
    void pointOfNoReturn() throws StepFailed;

    /**
     * Waits, for something that takes its time; a background operation waits on while an exclusive one runs.
     *
     * @throws StepFailed if the caller has cancelled it, and that is still possible
     * @throws InterruptedException if the agent stops
     */
    void rest(Duration howLong) throws StepFailed, InterruptedException;

    /** Tells how far the running step is; it is not kept, and every follower hears it. */
    void note(String text);

    /** Whether that point was passed, in this run or before a crash. */
    boolean irrevocable();

    /** Adds to the result; kept with the next step, or with {@link #pointOfNoReturn}. */
    void found(String name, Object value);

    /** The operation's name. */
    String id();

    /** Who ordered it. */
    String by();

    /** Takes something out of the result that is true no more. */
    void forget(String name);

    /** When it was ordered. */
    Instant ordered();

    /** The checks that the caller took the responsibility for. */
    Set<String> waivers();

    /** What was found under this name, in this run or before a crash. */
    Optional<Object> known(String name);

    /** What a step does; returns a note for a person. */
    interface Action {
        String act() throws StepFailed, PostgresException, InterruptedException;
    }
}
