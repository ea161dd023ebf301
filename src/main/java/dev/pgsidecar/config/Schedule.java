package dev.pgsidecar.config;

import com.cronutils.model.CronType;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Optional;

/** When something is due, by a cron expression in UTC. */
public final class Schedule {

    private final ExecutionTime times;

    private Schedule(ExecutionTime times) {
        this.times = times;
    }

    /**
     * Reads an expression of Quartz' form, as Quarkus' scheduler does.
     *
     * @throws IllegalArgumentException if it makes no sense, or is never due
     */
    public static Schedule of(String expression) {
        CronParser parser = new CronParser(CronDefinitionBuilder.instanceDefinitionFor(CronType.QUARTZ));
        Schedule schedule =
                new Schedule(ExecutionTime.forCron(parser.parse(expression).validate()));
        if (schedule.after(Instant.now()).isEmpty()) {
            throw new IllegalArgumentException("it is never due");
        }
        return schedule;
    }

    /** The first time after this. */
    public Optional<Instant> after(Instant moment) {
        return times.nextExecution(moment.atZone(ZoneOffset.UTC)).map(time -> time.toInstant());
    }

    /** The last time before this. */
    public Optional<Instant> before(Instant moment) {
        return times.lastExecution(moment.atZone(ZoneOffset.UTC)).map(time -> time.toInstant());
    }
}
