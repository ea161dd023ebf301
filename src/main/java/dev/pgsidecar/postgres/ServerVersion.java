package dev.pgsidecar.postgres;

/** {@code server_version_num}, such as 170012 for 17.12. */
public record ServerVersion(int number) {

    /** The oldest and the newest major version that this agent was tested with. */
    public static final int OLDEST = 15;

    /** See {@link #OLDEST}. */
    public static final int NEWEST = 18;

    /** The major version, such as 17. */
    public int major() {
        return number / 10_000;
    }

    /** Whether this is the given major version or a later one. */
    public boolean atLeast(int major) {
        return major() >= major;
    }

    @Override
    public String toString() {
        return major() + "." + number % 10_000;
    }
}
