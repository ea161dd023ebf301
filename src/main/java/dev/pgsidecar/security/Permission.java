package dev.pgsidecar.security;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a caller may do. */
public enum Permission {
    /** Look at everything. */
    VIEW,
    /** Look, and order. */
    OPERATE;

    /** The names, as the tokens file and the command line have them. */
    public static final Set<String> NAMES =
            Stream.of(values()).map(Permission::id).collect(Collectors.toUnmodifiableSet());

    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The permission of this name. */
    public static Optional<Permission> of(String id) {
        return Stream.of(values())
                .filter(permission -> permission.id().equals(id))
                .findFirst();
    }

    /** Whether who has this may do what needs the other. */
    boolean includes(Permission needed) {
        return ordinal() >= needed.ordinal();
    }
}
