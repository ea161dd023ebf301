package dev.pgsidecar.observe;

/** What the instance is. */
public enum Role {
    PRIMARY("primary"),
    REPLICA("replica");

    private final String id;

    Role(String id) {
        this.id = id;
    }

    /** The name as users see it. */
    public String id() {
        return id;
    }
}
