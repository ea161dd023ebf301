package dev.pgsidecar.security;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;

/**
 * A line of the tokens file: who, what it may, and how it proves it. Of a secret only its SHA-256 is kept; 256 random
 * bits need no slower hash.
 *
 * <pre>ops operate 2026-01-02T03:04:05Z never sha256:9f86d0...
 *grafana view 2026-01-02T03:04:05Z 2027-01-02T03:04:05Z subject:CN=grafana,O=Example</pre>
 *
 * @param expires from when on it is of no use; empty for never
 * @param proof {@code sha256:} and the digest of a token in hexadecimal, or {@code subject:} and that of a client
 *     certificate, as RFC 2253 writes it
 */
public record Token(String name, Permission permission, Instant created, Optional<Instant> expires, String proof) {

    static final String SHA256 = "sha256:";
    static final String SUBJECT = "subject:";

    private static final String NEVER = "never";
    private static final int SECRET_BYTES = 32;
    private static final int COLUMNS = 5;

    /** A new token: the secret, which is kept nowhere, and the line. */
    public record Created(String secret, Token token) {}

    /** Makes a token of 256 random bits. */
    public static Created create(String name, Permission permission, Optional<Instant> expires) {
        byte[] random = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(random);
        String secret = "pgs_" + Base64.getUrlEncoder().withoutPadding().encodeToString(random);
        Instant created = Instant.now().truncatedTo(ChronoUnit.SECONDS);
        return new Created(secret, new Token(name, permission, created, expires, SHA256 + digest(secret)));
    }

    /** The line for the tokens file. */
    public String line() {
        return "%s %s %s %s %s"
                .formatted(
                        name,
                        permission.id(),
                        created,
                        expires.map(Instant::toString).orElse(NEVER),
                        proof);
    }

    /**
     * Reads a line.
     *
     * @throws IllegalArgumentException with what is wrong, without the line
     */
    static Token parse(String line) {
        String[] columns = line.strip().split("\\s+", COLUMNS);
        if (columns.length < COLUMNS) {
            throw new IllegalArgumentException(
                    "it has %d columns, not name, permission, created, expires, proof".formatted(columns.length));
        }
        if (!columns[4].matches(SHA256 + "[0-9a-f]{64}") && !columns[4].matches(SUBJECT + ".+")) {
            throw new IllegalArgumentException(
                    "its last column is neither sha256:<64 hexadecimal digits> nor subject:<name>");
        }
        try {
            return new Token(
                    columns[0],
                    Permission.of(columns[1])
                            .orElseThrow(() -> new IllegalArgumentException(
                                    "its permission is \"%s\", not view or operate".formatted(columns[1]))),
                    Instant.parse(columns[2]),
                    columns[3].equals(NEVER) ? Optional.empty() : Optional.of(Instant.parse(columns[3])),
                    columns[4]);
        } catch (java.time.format.DateTimeParseException e) {
            throw new IllegalArgumentException(
                    "created and expires are times such as 2026-01-02T03:04:05Z, or never", e);
        }
    }

    /** Whether the secret is this token's; takes as long for a wrong one. */
    boolean isProvedBy(String secretDigest) {
        return MessageDigest.isEqual(
                proof.getBytes(StandardCharsets.US_ASCII), (SHA256 + secretDigest).getBytes(StandardCharsets.US_ASCII));
    }

    boolean isOf(String subject) {
        return proof.equals(SUBJECT + subject);
    }

    boolean isValid(Instant now) {
        return expires.filter(end -> !now.isBefore(end)).isEmpty();
    }

    static String digest(String secret) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
