package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Run;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionTables;
import dev.pgsidecar.postgres.ConversionWork;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Does one short thing after the other on a session that is opened anew where it broke, and again what could not be done for
 * a reason that passes: a lock that was not had, a server that is away or a replica, paused writes, a pause of the conversion.
 */
final class Patience implements AutoCloseable {

    private static final Duration SHORTEST = Duration.ofMillis(50);
    private static final Duration LONGEST = Duration.ofSeconds(2);

    /** A lock that was not had, a deadlock, a serialization failure, a cancelled statement. */
    private static final Set<String> PASSING = Set.of("55P03", "40P01", "40001", "57014");

    private static final Set<Why> WAITING = Set.of(Why.BUSY, Why.PAUSED, Why.REPLICA);

    private final DatabaseTools tools;
    private final ConversionName name;
    private final Rest rest;
    private Optional<PartmanSession> open = Optional.empty();

    Patience(DatabaseTools tools, ConversionName name, Rest rest) {
        this.tools = tools;
        this.name = name;
        this.rest = rest;
    }

    /** One thing to do, of which something is to be known. */
    interface Attempt<T> {
        T on(ConversionWork work, ConversionTables tables) throws PostgresException, NotNow, InterruptedException;
    }

    /** One thing to do. */
    interface Deed {
        void on(ConversionWork work, ConversionTables tables) throws PostgresException, NotNow, InterruptedException;
    }

    /** How it waits: as a step of an operation, or where that one has been cancelled already. */
    interface Rest {
        void rest(Duration howLong, String why) throws StepFailed, InterruptedException;
    }

    static Rest resting(Run run) {
        return (howLong, why) -> {
            run.note("waiting: " + why);
            run.rest(howLong);
        };
    }

    /** Waits, and says why. */
    void rest(Duration howLong, String why) throws StepFailed, InterruptedException {
        rest.rest(howLong, why);
    }

    /**
     * How things stand.
     *
     * @throws NotNow if somebody has cancelled it
     * @throws StepFailed if it is over
     */
    Conversion now() throws StepFailed, NotNow, InterruptedException {
        Conversion now = get((work, _) -> work.find(name.id()))
                .orElseThrow(() -> StepFailed.because("%s is over".formatted(name), "GET /v1/partitions"));
        if (now.phase() == Phase.CANCELLING) {
            throw ConversionWork.notNow(Why.CANCELLED, "somebody has cancelled it");
        }
        return now;
    }

    /** As {@link #act(String, Deed)}, where no table is locked. */
    void act(Deed deed) throws StepFailed, NotNow, InterruptedException {
        act(Optional.empty(), deed);
    }

    /**
     * Does it, however long that takes.
     *
     * @param table whose holders are told while it waits for a lock
     * @throws NotNow for reasons that do not pass
     * @throws StepFailed if the server refuses it
     */
    void act(String table, Deed deed) throws StepFailed, NotNow, InterruptedException {
        act(Optional.of(table), deed);
    }

    private void act(Optional<String> table, Deed deed) throws StepFailed, NotNow, InterruptedException {
        get(table, (work, tables) -> {
            deed.on(work, tables);
            return null;
        });
    }

    /** As {@link #act(Deed)}. */
    <T> T get(Attempt<T> attempt) throws StepFailed, NotNow, InterruptedException {
        return get(Optional.empty(), attempt);
    }

    private <T> T get(Optional<String> table, Attempt<T> attempt) throws StepFailed, NotNow, InterruptedException {
        Duration backOff = SHORTEST;
        while (true) {
            String why;
            try {
                Optional<String> notNow = tools.notNow();
                if (notNow.isEmpty()) {
                    PartmanSession session = session();
                    return attempt.on(new ConversionWork(session), new ConversionTables(session));
                }
                why = notNow.get();
            } catch (NotNow e) {
                if (!WAITING.contains(e.why())) {
                    throw e;
                }
                why = e.getMessage();
            } catch (PostgresException e) {
                why = passing(e, table);
            }
            rest.rest(jittered(backOff), why);
            backOff = backOff.multipliedBy(2).compareTo(LONGEST) < 0 ? backOff.multipliedBy(2) : LONGEST;
        }
    }

    /** What it was, if it may pass by itself. */
    String passing(PostgresException e) throws StepFailed, InterruptedException {
        return passing(e, Optional.empty());
    }

    private String passing(PostgresException e, Optional<String> table) throws StepFailed, InterruptedException {
        Optional<String> state = e.sqlState();
        boolean away =
                state.isEmpty() || state.get().startsWith("57P") || state.get().startsWith("53");
        if (away) {
            close();
            return e.failure().toString();
        }
        if (!PASSING.contains(state.get())) {
            close();
            throw StepFailed.because(
                    e.failure().cause().lines().findFirst().orElse(""),
                    "see to it, then POST /v1/partitions/conversions/%s/resume, or .../cancel".formatted(name));
        }
        if (!state.get().equals("55P03") || table.isEmpty()) {
            return e.failure().cause().lines().findFirst().orElse("");
        }
        return "a lock on %s%s".formatted(table.get(), holders(table.get()));
    }

    private String holders(String table) throws InterruptedException {
        try {
            List<String> holders = new ConversionTables(session()).holders(table);
            return holders.isEmpty() ? "" : ", held by " + String.join("; ", holders);
        } catch (PostgresException e) {
            close();
            return "";
        }
    }

    private static Duration jittered(Duration most) {
        return Duration.ofMillis(
                most.toMillis() / 2 + ThreadLocalRandom.current().nextLong(most.toMillis() / 2 + 1));
    }

    private PartmanSession session() throws PostgresException, InterruptedException {
        if (open.isEmpty()) {
            open = Optional.of(PartmanSession.toWork(
                    tools.vertx(), tools.settings(), name.database(), "conversion", DatabaseTools.TO_ANSWER));
        }
        return open.get();
    }

    @Override
    public void close() {
        open.ifPresent(PartmanSession::close);
        open = Optional.empty();
    }
}
