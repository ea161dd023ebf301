package dev.pgsidecar.suite;

import java.util.List;
import java.util.stream.IntStream;

/** The part of the tests that this JVM runs. */
public final class Suite {

    /** The server version of {@code make test}. */
    public static final int VERSION = 17;

    private static final boolean REST = Boolean.getBoolean("pgsidecar.test.rest");

    private Suite() {}

    /** Those of the server versions that belong to this part: {@link #VERSION} in {@code make test}, else all others. */
    public static List<Integer> versions(int... all) {
        return IntStream.of(all)
                .filter(version -> (version == VERSION) != REST)
                .boxed()
                .toList();
    }

    /** How many of a test's repetitions belong to this part: one in {@code make test}, else all others. */
    static int repetitions(int all) {
        return REST ? all - 1 : 1;
    }
}
