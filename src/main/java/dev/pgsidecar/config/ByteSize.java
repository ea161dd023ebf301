package dev.pgsidecar.config;

import java.math.BigDecimal;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A size in bytes, or {@link #UNLIMITED}, written as PostgreSQL writes it: {@code 1024}, {@code 16MB}, {@code 1.5GB};
 * the units are B, kB, MB, GB and TB, each 1024 times the one before.
 */
public record ByteSize(long bytes) implements Comparable<ByteSize> {

    /** No limit at all; written {@code unlimited}. */
    public static final ByteSize UNLIMITED = new ByteSize(Long.MAX_VALUE);

    private static final Pattern WRITTEN = Pattern.compile("(\\d{1,19}(?:\\.\\d{1,6})?) ?(B|[kK]B|MB|GB|TB)?");
    private static final Map<String, Long> UNITS =
            Map.of("B", 1L, "kB", 1L << 10, "KB", 1L << 10, "MB", 1L << 20, "GB", 1L << 30, "TB", 1L << 40);

    /**
     * Reads a size.
     *
     * @throws IllegalArgumentException if the text is no size, negative, or beyond 2^63 - 2 bytes
     */
    public static ByteSize parse(CharSequence written) {
        String text = written.toString();
        if (text.equals("unlimited")) {
            return UNLIMITED;
        }
        Matcher matcher = WRITTEN.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("\"" + text + "\" is not a size such as 1024, 16MB or 1.5GB");
        }
        long unit = UNITS.get(matcher.group(2) == null ? "B" : matcher.group(2));
        BigDecimal bytes = new BigDecimal(matcher.group(1)).multiply(BigDecimal.valueOf(unit));
        if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE - 1)) > 0) {
            throw new IllegalArgumentException("\"" + text + "\" is beyond the largest size, 8388607TB");
        }
        return new ByteSize(bytes.longValue());
    }

    /** Whether this is a limit at all. */
    public boolean isLimit() {
        return bytes != UNLIMITED.bytes;
    }

    @Override
    public int compareTo(ByteSize other) {
        return Long.compare(bytes, other.bytes);
    }

    @Override
    public String toString() {
        if (!isLimit()) {
            return "unlimited";
        }
        String[] names = {"B", "kB", "MB", "GB", "TB"};
        int step = 0;
        long rest = bytes;
        while (step < names.length - 1 && rest >= 1024 && rest % 1024 == 0) {
            rest /= 1024;
            step++;
        }
        return rest + names[step];
    }
}
