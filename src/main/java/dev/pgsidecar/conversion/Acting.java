package dev.pgsidecar.conversion;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.Runbook;
import dev.pgsidecar.operation.ServerChecks;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.ConversionWork;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Carries out what was ordered of a conversion that has begun. */
final class Acting implements Runbook {

    private static final String DATABASES = "databases";
    private static final String PHASE = "phase";

    /** Asks whether it is possible at all. */
    static final String ANY = "none-1";

    static final List<String> NAMES = List.of(DATABASES, Converting.CONVERSION, PHASE);

    private final Act act;
    private final ConversionName name;
    private final DatabaseTools tools;

    Acting(Act act, ConversionName name, DatabaseTools tools) {
        this.act = act;
        this.name = name;
        this.tools = tools;
    }

    @Override
    public List<Check> check(Set<String> waivers) throws PostgresException, InterruptedException {
        List<Check> checks = new ArrayList<>(ServerChecks.judge(tools));
        if (checks.size() < ServerChecks.NAMES.size()) {
            return checks;
        }
        String configured = "a conversion in a database of partition.databases";
        if (!tools.databases().contains(name.database())) {
            checks.add(Check.conflicting(
                    DATABASES, "none in " + name.database(), configured, "GET /v1/partitions tells which there are"));
            return checks;
        }
        checks.add(Check.passed(DATABASES, name.database(), configured));
        Optional<Conversion> conversion;
        try (PartmanSession session = PartmanSession.toLook(
                tools.vertx(), tools.settings(), name.database(), "check-conversion", DatabaseTools.TO_LOOK)) {
            conversion = new ConversionTables(session)
                    .all().stream().filter(each -> each.id() == name.id()).findFirst();
        }
        if (conversion.isEmpty()) {
            checks.add(Check.conflicting(
                    Converting.CONVERSION,
                    "there is no " + name,
                    "one that is not over",
                    "GET /v1/partitions tells which there are"));
            return checks;
        }
        checks.add(Check.passed(Converting.CONVERSION, conversion.get().spec().table(), "one that is not over"));
        checks.add(phase(conversion.get()));
        return checks;
    }

    private Check phase(Conversion conversion) {
        String required = act.phases().stream().map(Conversion.Phase::id).collect(Collectors.joining(", "));
        String found = conversion.phase().id();
        return act.phases().contains(conversion.phase())
                ? Check.passed(PHASE, found, required)
                : Check.conflicting(
                        PHASE,
                        found,
                        required,
                        conversion.phase().swapped()
                                ? "clients use the set: revert takes it back, finish keeps it"
                                : "clients use the old table: wait until it is converted, or cancel it");
    }

    @Override
    public void run(Run run) throws StepFailed, PostgresException, InterruptedException {
        tools.awaitFirstLook(run);
        run.found(Converting.CONVERSION, name.toString());
        try {
            switch (act) {
                case PAUSE, RESUME -> run.step(act.id(), () -> pause(act == Act.PAUSE));
                case CANCEL -> run.step(act.id(), () -> cancel(run));
                case FINISH -> {
                    try (Passage passage = passage(run)) {
                        Converting.step(run, act.id(), passage::finish);
                    }
                }
                case REVERT -> {
                    pause(false);
                    try (Passage passage = passage(run)) {
                        Converting.revert(run, passage);
                    }
                }
            }
        } catch (NotNow e) {
            throw StepFailed.because(e.getMessage(), hint(e));
        }
        tools.eyes().lookAtPartitionsSoon();
    }

    private static String hint(NotNow e) {
        return e.why() == ConversionWork.Why.ALTERED
                ? "what was altered in the set would be lost: take that back by hand first, or finish it"
                : "GET /v1/partitions";
    }

    private Passage passage(Run run) {
        return new Passage(tools, name, run, ByteSize.UNLIMITED.bytes());
    }

    private String pause(boolean paused) throws PostgresException, InterruptedException {
        try (PartmanSession session = PartmanSession.toWork(
                tools.vertx(), tools.settings(), name.database(), "conversion", DatabaseTools.TO_LOOK)) {
            new ConversionWork(session).pause(name.id(), paused);
        }
        return paused ? "it rests at its next batch" : "it goes on";
    }

    private String cancel(Run run) throws StepFailed, InterruptedException {
        try (Undoing undoing = new Undoing(tools, name, Patience.resting(run))) {
            if (!undoing.undo()) {
                throw StepFailed.because(
                        "it came too late: clients use the set",
                        "POST /v1/partitions/conversions/%s/revert takes it back".formatted(name));
            }
        }
        return "nothing is left of it";
    }

    @Override
    public void close() {
        // each phase has sessions of its own
    }
}
