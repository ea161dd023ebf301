package dev.pgsidecar.conversion;

import dev.pgsidecar.observe.ConversionSurvey;
import dev.pgsidecar.operation.Check;
import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.Engine;
import dev.pgsidecar.operation.Order;
import dev.pgsidecar.operation.Refusal;
import dev.pgsidecar.postgres.PostgresException;
import dev.pgsidecar.postgres.catalog.Conversion;
import dev.pgsidecar.postgres.catalog.Conversion.Phase;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.json.JsonObject;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jboss.logging.Logger;

/**
 * Goes on with what is in the database and is not over, where nobody does: after a promote, or where the agent that began has
 * lost its journal. On a replica it says nothing, and is ready for the day that it is promoted.
 */
@Singleton
public class Keeper {

    private static final Logger LOG = Logger.getLogger(Keeper.class);

    /** The engine has read its journal by then. */
    private static final int AFTER_THE_ENGINE = 20_000;

    private static final Duration OFTEN = Duration.ofSeconds(1);

    /** Each attempt is an operation in the journal. */
    private static final Duration NOT_SO_OFTEN = Duration.ofSeconds(30);

    private final DatabaseTools tools;
    private final Engine engine;
    private final Map<ConversionName, Long> tried = new HashMap<>();
    private Optional<Thread> thread = Optional.empty();

    Keeper(DatabaseTools tools, Engine engine) {
        this.tools = tools;
        this.engine = engine;
    }

    void start(@Observes @Priority(AFTER_THE_ENGINE) StartupEvent started) {
        if (!tools.databases().isEmpty()) {
            thread = Optional.of(Thread.ofVirtual().name("conversions").start(this::run));
        }
    }

    void stop(@Observes ShutdownEvent stopped) {
        thread.ifPresent(Thread::interrupt);
    }

    private void run() {
        try {
            while (true) {
                Thread.sleep(OFTEN);
                if (tools.notNow().isEmpty()) {
                    for (ConversionSurvey survey :
                            tools.observations().history().conversions().values()) {
                        look(survey);
                    }
                }
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        }
    }

    private void look(ConversionSurvey survey) throws InterruptedException {
        for (Conversion conversion : survey.conversions()) {
            ConversionName name = new ConversionName(survey.database(), conversion.id());
            boolean rests = conversion.phase() == Phase.CONVERTED || conversion.paused();
            boolean somebody = engine.running(Converting.KIND).isPresent()
                    || engine.running(Act.REVERT.kind()).isPresent()
                    || engine.running(Act.CANCEL.kind()).isPresent();
            Long last = tried.get(name);
            boolean justNow = last != null && System.nanoTime() - last < NOT_SO_OFTEN.toNanos();
            if (!rests && !somebody && !justNow) {
                tried.put(name, System.nanoTime());
                goOn(name);
            }
        }
    }

    private void goOn(ConversionName name) throws InterruptedException {
        LOG.infof("going on with the conversion %s, which is in the database and not over", name);
        try {
            engine.order(new Order(
                    Converting.KIND,
                    new JsonObject().put(Converting.CONVERSION, name.toString()),
                    Set.of(),
                    "pgsidecar",
                    "this agent itself",
                    Optional.empty()));
        } catch (Refusal refusal) {
            LOG.debugf(
                    "not gone on with %s: %s",
                    name,
                    refusal.checks().stream()
                            .filter(Check::failed)
                            .map(Check::found)
                            .findFirst()
                            .orElse(refusal.getMessage()));
        } catch (PostgresException e) {
            LOG.warnf("not gone on with %s: %s", name, e.failure());
        }
    }
}
