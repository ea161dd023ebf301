package dev.pgsidecar.postgres;

/**
 * A log sequence number: a position in the WAL, in bytes from its beginning, unsigned; written {@code 16/B374D848} as
 * PostgreSQL writes it.
 */
public record Lsn(long bytes) implements Comparable<Lsn> {

    /**
     * Reads {@code 16/B374D848}.
     *
     * @throws IllegalArgumentException if the text is no LSN
     */
    public static Lsn parse(String text) {
        if (!text.matches("[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")) {
            throw new IllegalArgumentException("\"" + text + "\" is no LSN such as 16/B374D848");
        }
        int slash = text.indexOf('/');
        return new Lsn(Long.parseLong(text, 0, slash, 16) << 32 | Long.parseLong(text, slash + 1, text.length(), 16));
    }

    /** How many bytes this is ahead of the other; negative if behind. */
    public long minus(Lsn other) {
        return bytes - other.bytes;
    }

    /** The later of the two. */
    public Lsn max(Lsn other) {
        return compareTo(other) >= 0 ? this : other;
    }

    @Override
    public int compareTo(Lsn other) {
        return Long.compareUnsigned(bytes, other.bytes);
    }

    @Override
    public String toString() {
        return "%X/%X".formatted(bytes >>> 32, bytes & 0xFFFFFFFFL);
    }
}
