package dev.pgsidecar.partition;

import dev.pgsidecar.observe.PartitionRun;
import dev.pgsidecar.observe.PartitionRun.Outcome;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.postgres.PartmanSession;
import dev.pgsidecar.postgres.PartmanWork;
import dev.pgsidecar.postgres.PartmanWork.NotDone;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.Partition;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The maintenance of one set, on a session of its own that is closed after it: no lock of a session outlives it, and no other
 * set hears of its failure.
 */
final class SetMaintenance {

    private final DatabaseTools tools;
    private final String database;
    private final String name;
    private final Duration lockTimeout;

    private long made;
    private long dropped;
    private final List<String> remarks = new ArrayList<>();

    SetMaintenance(DatabaseTools tools, String database, String name) {
        this.tools = tools;
        this.database = database;
        this.name = name;
        this.lockTimeout = tools.settings().partition().lockTimeout();
    }

    /**
     * How it ended.
     *
     * @param passes whether it is worth another attempt soon
     */
    record Attempt(PartitionRun run, boolean passes) {}

    Attempt attempt() throws InterruptedException {
        Optional<String> notNow = tools.notNow();
        if (notNow.isPresent()) {
            return skipped(notNow.get(), "it goes on when that is over", true);
        }
        try (PartmanSession session = PartmanSession.toWork(
                tools.vertx(), tools.settings(), database, "maintenance", DatabaseTools.TO_ANSWER)) {
            if (session.partman().inRecovery()) {
                return skipped("the server is a replica", "", false);
            }
            Optional<PartitionSet> set = session.partman().schema().isPresent() ? session.set(name) : Optional.empty();
            if (set.isEmpty()) {
                return failed(
                        "pg_partman's part_config does not have it", "SELECT parent_table FROM part_config", false);
            }
            if (set.get().unit().isEmpty() && set.get().decoder().isEmpty()) {
                return failed(
                        set.get().leftAlone().orElseThrow(), "SELECT run_maintenance('%s')".formatted(name), false);
            }
            return attempt(session, set.get());
        } catch (PostgresException e) {
            return failed(e.failure().toString(), "look at the server, and at the agent's log", true);
        }
    }

    private Attempt attempt(PartmanSession session, PartitionSet set) throws PostgresException, InterruptedException {
        Optional<Contents> contents = Optional.empty();
        try {
            contents = Optional.of(session.allContents(set));
            return maintain(session, set, contents.get());
        } catch (NotDone e) {
            return failed(e.getMessage(), hint(session, set, contents, e.getMessage()), e.passes());
        } catch (PostgresException e) {
            if (e.sqlState().isEmpty()) {
                throw e;
            }
            String why = e.failure().cause().lines().findFirst().orElse("");
            return failed(why, hint(session, set, contents, why), Judgement.passes(e.sqlState(), why));
        } catch (RuntimeException e) {
            return failed("it makes no sense to this agent: " + e, hint(session, set, contents, ""), false);
        }
    }

    private Attempt maintain(PartmanSession session, PartitionSet set, Contents contents)
            throws PostgresException, NotDone, InterruptedException {
        PartmanWork work = new PartmanWork(session);
        Optional<Judgement.Refusal> refusal =
                Judgement.refusal(set, contents, session.partman().version().orElse(""));
        if (refusal.isPresent()) {
            return failed(refusal.get().why(), refusal.get().hint(), false);
        }
        if (Judgement.isDue(set, contents)) {
            List<String> holders = work.holdersOf(set, lockTimeout);
            if (!holders.isEmpty()) {
                return skipped("held by " + String.join("; ", holders), "end that transaction, or wait for it", true);
            }
        }
        remarks.addAll(work.premake(set));
        PartitionSet now = session.again(set);
        made = now.partitions().size() - set.partitions().size();
        Contents inside = made > 0 || Judgement.isDue(set, contents) ? session.allContents(now) : contents;
        Optional<String> tooFew = Judgement.tooFew(now, inside);
        if (tooFew.isPresent()) {
            return failed(tooFew.get(), hint(session, now, Optional.of(inside), ""), false);
        }
        Judgement.remark(now, inside)
                .ifPresent(remark -> remarks.add(remark + ": UPDATE part_config SET infinite_time_partitions = true"));
        if (made > 0) {
            work.publications(now)
                    .forEach(publication -> remarks.add(
                            "publication %s names each partition: ALTER SUBSCRIPTION ... REFRESH PUBLICATION at its subscribers"
                                    .formatted(publication)));
        }
        return retain(work, now, inside);
    }

    /** Apart from the rest: what it cannot drop today it drops tomorrow, and partitions do not run out over it. */
    private Attempt retain(PartmanWork work, PartitionSet set, Contents contents)
            throws PostgresException, NotDone, InterruptedException {
        boolean cannotTell = set.unit().isEmpty();
        List<Partition> due = contents.retentionDue(set);
        if (set.retention().isPresent() && (cannotTell || !due.isEmpty())) {
            List<String> holders = work.holdersOf(set, due, lockTimeout);
            if (!holders.isEmpty()) {
                return skipped(
                        "retention of %d partitions is held by %s".formatted(due.size(), String.join("; ", holders)),
                        "end that transaction, or wait for it",
                        true);
            }
            dropped = work.retain(set);
        }
        return new Attempt(run(Outcome.DONE, remarks.stream().distinct().collect(Collectors.joining("; ")), ""), false);
    }

    private String hint(PartmanSession session, PartitionSet set, Optional<Contents> contents, String why) {
        return Judgement.hint(
                database, set, contents, why, session.partman().schema().orElse("partman"));
    }

    private Attempt skipped(String why, String hint, boolean passes) {
        return new Attempt(run(Outcome.SKIPPED, why, hint), passes);
    }

    private Attempt failed(String why, String hint, boolean passes) {
        return new Attempt(run(Outcome.FAILED, why, hint), passes);
    }

    private PartitionRun run(Outcome outcome, String reason, String hint) {
        return new PartitionRun(database, name, Instant.now(), outcome, reason, hint, made, dropped, Optional.empty());
    }
}
