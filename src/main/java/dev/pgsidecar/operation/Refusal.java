package dev.pgsidecar.operation;

import java.util.List;
import java.util.Optional;

/** An order that is not carried out; nothing was touched. */
public final class Refusal extends Exception {

    private static final long serialVersionUID = 1;

    private final Kind kind;
    private final transient List<Check> checks;
    private final transient Optional<Operation> other;

    /** Why. */
    public enum Kind {
        /** A check failed. */
        CHECKS,
        /** What the order is about is in another state than the caller thinks. */
        CONFLICT,
        /** A value makes sense, and is not allowed. */
        OUT_OF_RANGE,
        /** Another operation runs. */
        BUSY,
        /** The key stands for another order. */
        KEY_TAKEN,
        /** What the order names does not exist, or cannot be waived. */
        MALFORMED,
        /** The state folder cannot be written: nothing would be remembered. */
        NO_JOURNAL,
        /** It is too late, or over. */
        TOO_LATE,
        /** The agent stops. */
        STOPPING
    }

    Refusal(Kind kind, String why, List<Check> checks, Optional<Operation> other) {
        super(why);
        this.kind = kind;
        this.checks = checks;
        this.other = other;
    }

    public Refusal(Kind kind, String why) {
        this(kind, why, List.of(), Optional.empty());
    }

    /** Of a request that makes no sense, as its {@link Parameters} tell. */
    public static Refusal of(IllegalArgumentException e) {
        return new Refusal(e instanceof Parameters.OutOfRange ? Kind.OUT_OF_RANGE : Kind.MALFORMED, e.getMessage());
    }

    public Kind kind() {
        return kind;
    }

    public List<Check> checks() {
        return checks;
    }

    /** The operation that stands in the way. */
    public Optional<Operation> other() {
        return other;
    }
}
