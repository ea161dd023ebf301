package dev.pgsidecar.observe;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.config.Trouble;
import dev.pgsidecar.postgres.Identity;
import dev.pgsidecar.postgres.PostgresException;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jboss.logging.Logger;

/** Asks one peer's agent again and again, on a virtual thread; whatever it does, nothing else waits for it. */
final class PeerObserver implements Runnable {

    private static final Logger LOG = Logger.getLogger(PeerObserver.class);

    private final Settings.Peer peer;
    private final Settings.Observe observe;
    private final Identity identity;
    private final Observations observations;
    private final HttpClient client;
    private boolean asked;
    private long began;
    private Peer known;

    PeerObserver(
            Vertx vertx, Settings.Peer peer, Settings.Observe observe, Identity identity, Observations observations) {
        this.peer = peer;
        this.observe = observe;
        this.identity = identity;
        this.observations = observations;
        this.known = Peer.unasked(peer.name());
        HttpClientOptions options = new HttpClientOptions()
                .setConnectTimeout((int) observe.timeout().toMillis())
                .setKeepAliveTimeout(30)
                .setMaxHeaderSize(16 * 1024);
        peer.ca().ifPresent(ca -> options.setTrustOptions(new PemTrustOptions().addCertPath(ca.toString())));
        this.client = vertx.createHttpClient(options);
    }

    @Override
    public void run() {
        try {
            while (true) {
                round();
                Thread.sleep(observe.interval());
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt(); // the agent stops
        } finally {
            client.close();
        }
    }

    /** Asks once, unless somebody else has begun to since this moment, and publishes the answer. */
    synchronized void roundSince(long nanos) throws InterruptedException {
        if (!asked || began - nanos < 0) {
            round();
        }
    }

    /** Asks once, and publishes the answer. */
    synchronized void round() throws InterruptedException {
        asked = true;
        began = System.nanoTime();
        Peer before = known;
        known = ask();
        if (!before.failure().equals(known.failure())) {
            LOG.log(
                    known.failure().isPresent() ? Logger.Level.WARN : Logger.Level.INFO,
                    "peer %s: %s".formatted(peer.name(), known.failure().orElse("answers")));
        }
        observations.publish(known);
    }

    private Peer ask() throws InterruptedException {
        try {
            RequestOptions request = new RequestOptions()
                    .setMethod(HttpMethod.GET)
                    .setAbsoluteURI(peer.url().replaceAll("/+$", "") + "/v1/instance")
                    .putHeader("Authorization", "Bearer " + token())
                    .setTimeout(observe.timeout().toMillis());
            return client.request(request)
                    .compose(open -> open.send())
                    .compose(response -> response.statusCode() == 200
                            ? response.body().map(this::understood)
                            : Future.succeededFuture(silent("its agent answers " + response.statusCode())))
                    .toCompletionStage()
                    .toCompletableFuture()
                    .get(observe.timeout().multipliedBy(2).toMillis(), TimeUnit.MILLISECONDS);
        } catch (IOException e) {
            return silent("token-file %s: %s".formatted(peer.tokenFile(), Trouble.with(e)));
        } catch (ExecutionException e) {
            return silent("its agent does not answer: " + e.getCause().getMessage());
        } catch (TimeoutException e) {
            return silent("its agent does not answer in time");
        } catch (RuntimeException e) {
            return silent("it cannot be asked: " + e.getMessage());
        }
    }

    private Peer understood(Buffer body) {
        try {
            JsonObject document = new JsonObject(body);
            Optional<String> operation = Optional.ofNullable(document.getString("operation"));
            if (!peer.name().equals(document.getString("name"))) {
                return silent("it calls itself %s: is this its URL?".formatted(document.getString("name")));
            }
            Optional<PeerInstance> instance = PeerInstance.of(document);
            if (instance.isEmpty()) {
                String reason =
                        document.getJsonObject("failure", new JsonObject()).getString("reason");
                return known.silent("its server: " + reason, operation);
            }
            String own = identity.expected().orElse("");
            return Objects.equals(instance.get().systemIdentifier(), own)
                    ? known.said(instance.get(), operation)
                    : silent("it belongs to another cluster, system_identifier %s, not %s"
                            .formatted(instance.get().systemIdentifier(), own.isEmpty() ? "known yet" : own));
        } catch (PostgresException e) {
            return silent(e.failure().toString());
        } catch (RuntimeException e) {
            return silent("its answer makes no sense: " + e.getMessage());
        }
    }

    private Peer silent(String why) {
        return known.silent(why, Optional.empty());
    }

    private String token() throws IOException {
        return Files.readString(peer.tokenFile()).lines().findFirst().orElse("").strip();
    }
}
