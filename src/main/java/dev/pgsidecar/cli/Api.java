package dev.pgsidecar.cli;

import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;

/**
 * One agent's command listener, as a caller. Plain Java: a command that asks one question should be done before an HTTP
 * client of the better sort has started.
 *
 * @param name how people call it; empty where they gave its URL
 */
record Api(String name, String url, Optional<String> token, Optional<Path> authority) {

    private static final int CONNECT_MILLIS = 5_000;
    private static final int READ_MILLIS = 30_000;

    /** What the agent answered. */
    record Answer(int status, JsonObject body) {
        boolean isError() {
            return status >= 400;
        }
    }

    Answer get(String path) throws Unreachable {
        return send("GET", path, null, Map.of());
    }

    Answer delete(String path) throws Unreachable {
        return send("DELETE", path, null, Map.of());
    }

    Answer put(String path, JsonObject body) throws Unreachable {
        return send("PUT", path, body, Map.of());
    }

    Answer post(String path, JsonObject body, Map<String, String> headers) throws Unreachable {
        return send("POST", path, body, headers);
    }

    /**
     * Follows events until the agent ends them.
     *
     * @return whether it did; if not, the line broke
     */
    boolean follow(String path, Consumer<JsonObject> each) {
        try {
            HttpURLConnection connection = open("GET", path);
            connection.setReadTimeout(0);
            connection.setRequestProperty("Accept", "text/event-stream");
            if (connection.getResponseCode() != 200) {
                return false;
            }
            try (BufferedReader lines =
                    new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
                String line;
                while ((line = lines.readLine()) != null) {
                    if (line.startsWith("data:")) {
                        each.accept(new JsonObject(line.substring("data:".length())));
                    }
                }
                return true;
            }
        } catch (IOException | DecodeException e) {
            return false;
        }
    }

    /** Once more where the agent ended the handshake, as it may while it takes a new certificate: nothing was ordered yet. */
    private Answer send(String method, String path, JsonObject body, Map<String, String> headers) throws Unreachable {
        try {
            try {
                return sendOnce(method, path, body, headers);
            } catch (SSLHandshakeException _) {
                return sendOnce(method, path, body, headers);
            }
        } catch (IOException e) {
            throw new Unreachable("no answer from %s: %s".formatted(url, e.getMessage()));
        } catch (DecodeException e) {
            throw new Unreachable("%s is no agent's command listener: it does not answer with JSON".formatted(url));
        } catch (IllegalArgumentException e) {
            throw new Unreachable("%s is no URL: %s".formatted(url, e.getMessage()));
        }
    }

    private Answer sendOnce(String method, String path, JsonObject body, Map<String, String> headers)
            throws IOException {
        HttpURLConnection connection = open(method, path);
        headers.forEach(connection::setRequestProperty);
        if (body != null) {
            connection.setDoOutput(true);
            connection.setRequestProperty("Content-Type", "application/json");
            connection.getOutputStream().write(body.encode().getBytes(StandardCharsets.UTF_8));
        }
        int status = connection.getResponseCode();
        try (InputStream answer = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            String text = answer == null ? "{}" : new String(answer.readAllBytes(), StandardCharsets.UTF_8);
            return new Answer(status, new JsonObject(text));
        }
    }

    private HttpURLConnection open(String method, String path) throws IOException {
        HttpURLConnection connection = (HttpURLConnection)
                URI.create(url.replaceAll("/+$", "") + path).toURL().openConnection();
        connection.setRequestMethod(method);
        connection.setConnectTimeout(CONNECT_MILLIS);
        connection.setReadTimeout(READ_MILLIS);
        connection.setInstanceFollowRedirects(false); // a token goes where it was meant to go
        token.ifPresent(secret -> connection.setRequestProperty("Authorization", "Bearer " + secret));
        if (connection instanceof HttpsURLConnection secure && authority.isPresent()) {
            secure.setSSLSocketFactory(trusting(authority.get()).getSocketFactory());
        }
        return connection;
    }

    private static SSLContext trusting(Path authority) throws IOException {
        try (InputStream pem = Files.newInputStream(authority)) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int index = 0;
            for (Certificate certificate :
                    CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("ca" + index++, certificate);
            }
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException("%s: %s".formatted(authority, e.getMessage()), e);
        }
    }
}
