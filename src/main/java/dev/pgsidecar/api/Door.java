package dev.pgsidecar.api;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.security.Audit;
import dev.pgsidecar.security.Caller;
import dev.pgsidecar.security.Permission;
import dev.pgsidecar.security.Tokens;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jboss.logging.Logger;

/**
 * The one door of the command listener, before every route there is or will be: who is not known, or may not, gets no
 * further. To look needs the permission view; every method that could change something needs operate.
 */
@Singleton
public class Door {

    private static final Logger LOG = Logger.getLogger(Door.class);

    private static final String CALLER = "pgsidecar.caller";
    private static final Set<HttpMethod> LOOKS = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);

    /** Before anything of Quarkus' own. */
    private static final int FIRST = 1_000_000;

    /** Denied orders beyond that many a minute are counted, and not written: nobody fills the disk from outside. */
    private static final int AUDITED_A_MINUTE = 60;

    private final boolean believesCertificates;
    private final Tokens tokens;
    private final Audit audit;
    private final MeterRegistry metrics;
    private long minute;
    private int auditedThisMinute;

    Door(Settings settings, Tokens tokens, Audit audit, MeterRegistry metrics) {
        this.believesCertificates = settings.command().tls().clientAuthority().isPresent();
        this.tokens = tokens;
        this.audit = audit;
        this.metrics = metrics;
        for (String reason : new String[] {"unauthenticated", "forbidden"}) {
            denied(reason);
        }
    }

    void open(@Observes Filters filters) {
        filters.register(this::enter, FIRST);
    }

    /** Who came in with this request. */
    static Caller caller(RoutingContext context) {
        return context.get(CALLER);
    }

    /** On a worker: the tokens file and the audit log are on a disk, and probes share the event loops. */
    private void enter(RoutingContext context) {
        HttpServerRequest request = context.request();
        request.pause();
        context.vertx().executeBlocking(() -> judge(request), false).onComplete(judged -> {
            request.resume();
            if (judged.failed()) {
                context.fail(judged.cause());
            } else if (judged.result().problem().isPresent()) {
                deny(context, judged.result().problem().get());
            } else {
                context.put(CALLER, judged.result().caller().orElseThrow());
                context.next();
            }
        });
    }

    /** Who somebody is, or why they get no further. */
    private record Judged(Optional<Caller> caller, Optional<Problem> problem) {}

    private Judged judge(HttpServerRequest request) {
        Optional<Caller> caller = authenticate(request);
        Permission needed = LOOKS.contains(request.method()) ? Permission.VIEW : Permission.OPERATE;
        if (caller.isPresent() && caller.get().may(needed)) {
            return new Judged(caller, Optional.empty());
        }
        String reason = caller.isPresent() ? "forbidden" : "unauthenticated";
        denied(reason).increment();
        if (!LOOKS.contains(request.method())) {
            note(request, reason, caller.map(Caller::name).orElse("somebody"));
        }
        return new Judged(
                Optional.empty(),
                Optional.of(caller.isPresent() ? forbidden(caller.get(), needed) : unauthenticated()));
    }

    private Optional<Caller> authenticate(HttpServerRequest request) {
        String header = request.getHeader("Authorization");
        if (header == null) {
            return subject(request).flatMap(tokens::bySubject);
        }
        String[] schemeAndRest = header.strip().split(" +", 2);
        if (schemeAndRest.length < 2) {
            return Optional.empty();
        }
        return switch (schemeAndRest[0].toLowerCase(java.util.Locale.ROOT)) {
            case "bearer" -> tokens.bySecret(schemeAndRest[1]);
            case "basic" -> basic(schemeAndRest[1]);
            default -> Optional.empty();
        };
    }

    private Optional<Caller> basic(String encoded) {
        try {
            String[] nameAndSecret =
                    new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8).split(":", 2);
            return nameAndSecret.length < 2
                    ? Optional.empty()
                    : tokens.byNameAndSecret(nameAndSecret[0], nameAndSecret[1]);
        } catch (IllegalArgumentException _) {
            return Optional.empty(); // no Base64
        }
    }

    /** Of a client certificate that TLS has verified. */
    private Optional<String> subject(HttpServerRequest request) {
        // Without an authority of ours, Java's own list would vouch for anybody's certificate.
        if (!believesCertificates || !request.isSSL()) {
            return Optional.empty();
        }
        try {
            Certificate[] chain = request.sslSession().getPeerCertificates();
            return Optional.of(
                    ((X509Certificate) chain[0]).getSubjectX500Principal().getName());
        } catch (SSLPeerUnverifiedException _) {
            return Optional.empty(); // it came without one
        }
    }

    private static void deny(RoutingContext context, Problem problem) {
        context.response()
                .setStatusCode(problem.status())
                .putHeader("Content-Type", Problem.MEDIA_TYPE)
                .putHeader("Cache-Control", "no-store")
                // its body was not read
                .putHeader("Connection", "close");
        if (problem.status() == 401) {
            context.response().putHeader("WWW-Authenticate", "Bearer realm=\"pgsidecar\", Basic realm=\"pgsidecar\"");
        }
        context.response().end(problem.json());
    }

    private Counter denied(String reason) {
        return Counter.builder("pgsidecar.command.denied")
                .description("Requests to the command listener without a valid token, or with too little permission")
                .tag("reason", reason)
                .register(metrics);
    }

    private synchronized void note(HttpServerRequest request, String reason, String who) {
        long now = System.nanoTime() / 60_000_000_000L;
        if (now != minute) {
            minute = now;
            auditedThisMinute = 0;
        }
        if (++auditedThisMinute > AUDITED_A_MINUTE) {
            return;
        }
        try {
            audit.append(new JsonObject()
                    .put("event", "denied")
                    .put("by", who)
                    .put("from", request.remoteAddress().hostAddress())
                    .put("what", request.method() + " " + request.path())
                    .put("outcome", reason));
        } catch (IOException e) {
            LOG.errorf("a denied order could not be written to the audit log: %s", e);
        }
    }

    private static Problem unauthenticated() {
        return Problem.of(
                401,
                "unauthenticated",
                "Who are you?",
                "there is no valid token or certificate in this request",
                "Authorization: Bearer <token>; pgsidecar token create makes one");
    }

    private static Problem forbidden(Caller caller, Permission needed) {
        return Problem.of(
                403,
                "forbidden",
                "This is more than you may",
                "%s has the permission %s, this needs %s"
                        .formatted(caller.name(), caller.permission().id(), needed.id()),
                "pgsidecar token create --permission " + needed.id());
    }
}
