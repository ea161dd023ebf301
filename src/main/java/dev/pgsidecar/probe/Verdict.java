package dev.pgsidecar.probe;

import dev.pgsidecar.postgres.Failure;
import java.util.Optional;

/**
 * A probe's answer.
 *
 * @param passes 200, else 503
 * @param reason its short name; {@code ok} if nothing is to be said
 * @param detail more, for a person; never an address, a secret or SQL
 */
record Verdict(boolean passes, String reason, Optional<String> detail) {

    static final String OK = "ok";

    static Verdict pass() {
        return new Verdict(true, OK, Optional.empty());
    }

    static Verdict pass(String reason, String detail) {
        return new Verdict(true, reason, Optional.of(detail));
    }

    static Verdict fail(String reason, String detail) {
        return new Verdict(false, reason, Optional.of(detail));
    }

    /** The server could not be observed. The cause stays in the log: it may name hosts, users and databases. */
    static Verdict fail(Failure failure) {
        return new Verdict(false, failure.kind().id(), Optional.empty());
    }
}
