package dev.pgsidecar.cli;

/** The agent did not answer. */
final class Unreachable extends Exception {

    private static final long serialVersionUID = 1;

    Unreachable(String message) {
        super(message);
    }
}
