package dev.pgsidecar.probe;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;
import org.eclipse.microprofile.health.Readiness;
import org.eclipse.microprofile.health.Startup;

/** The same verdicts under {@code /q/health}, for those who speak MicroProfile Health. */
@Singleton
public class HealthChecks {

    private final Answers answers;

    HealthChecks(Answers answers) {
        this.answers = answers;
    }

    @Produces
    @Liveness
    HealthCheck liveness() {
        return () -> response("liveness", Probe.LIVENESS);
    }

    @Produces
    @Readiness
    HealthCheck readiness() {
        return () -> response("readiness", Probe.READINESS);
    }

    @Produces
    @Startup
    HealthCheck startup() {
        return () -> response("startup", Probe.STARTUP);
    }

    private HealthCheckResponse response(String name, Probe probe) {
        Verdict verdict = answers.verdict(probe);
        return HealthCheckResponse.named(name)
                .status(verdict.passes())
                .withData("reason", verdict.reason())
                .build();
    }
}
