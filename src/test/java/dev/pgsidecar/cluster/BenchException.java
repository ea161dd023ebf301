package dev.pgsidecar.cluster;

/** Something the bench itself could not do; the message says what, and what the program or the server said. */
public class BenchException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BenchException(String message) {
        super(message);
    }

    BenchException(String message, Throwable cause) {
        super(message, cause);
    }
}
