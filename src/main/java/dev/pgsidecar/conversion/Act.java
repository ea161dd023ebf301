package dev.pgsidecar.conversion;

import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** What can be ordered of a conversion that has begun. */
enum Act {
    PAUSE(EnumSet.of(Phase.CREATED, Phase.ATTACHED, Phase.COPIED, Phase.VERIFIED)),
    RESUME(EnumSet.allOf(Phase.class)),
    CANCEL(EnumSet.of(Phase.CREATED, Phase.ATTACHED, Phase.COPIED, Phase.VERIFIED, Phase.CANCELLING)),
    FINISH(EnumSet.of(Phase.CONVERTED)),
    REVERT(EnumSet.of(Phase.SWAPPED, Phase.CONVERTED, Phase.REVERTING, Phase.REVERTED));

    private final Set<Phase> phases;

    Act(Set<Phase> phases) {
        this.phases = phases;
    }

    /** When it makes sense. */
    Set<Phase> phases() {
        return phases;
    }

    /** The name as users see it. */
    String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The command's name. */
    String kind() {
        return Converting.KIND + "-" + id();
    }
}
