package dev.pgsidecar.operation;

/** A step cannot do its work: the operation ends here. */
public final class StepFailed extends Exception {

    private static final long serialVersionUID = 1;

    private final Operation.State state;
    private final String hint;

    private StepFailed(Operation.State state, String why, String hint) {
        super(why);
        this.state = state;
        this.hint = hint;
    }

    /** What was ordered did not happen. */
    public static StepFailed because(String why, String hint) {
        return new StepFailed(Operation.State.FAILED, why, hint);
    }

    /** A check that failed once more, right before the step would have acted. */
    public static StepFailed because(Check failed) {
        return because(
                "%s: found %s; required: %s".formatted(failed.name(), failed.found(), failed.required()),
                failed.hint());
    }

    /** Whether it happened cannot be told, or it cannot be gone on with. */
    public static StepFailed interrupted(String why, String hint) {
        return new StepFailed(Operation.State.INTERRUPTED, why, hint);
    }

    static StepFailed cancelled() {
        return new StepFailed(Operation.State.CANCELLED, "cancelled", "");
    }

    /** Whether the caller wanted it so. */
    public boolean isCancelled() {
        return state == Operation.State.CANCELLED;
    }

    Operation.State state() {
        return state;
    }

    String hint() {
        return hint;
    }
}
