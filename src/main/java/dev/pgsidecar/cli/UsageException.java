package dev.pgsidecar.cli;

/** What was typed cannot be meant. */
final class UsageException extends Exception {

    private static final long serialVersionUID = 1;

    UsageException(String message) {
        super(message);
    }
}
