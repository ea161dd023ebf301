package dev.pgsidecar.cluster;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.List;

/** A key and a certificate that signs itself, both in PEM. */
public record Certificate(String pem, String key) {

    /** A new one for a host name, made in the folder. */
    public static Certificate make(Path folder, String name) throws Exception {
        Path store = folder.resolve(name + ".p12");
        int exit = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin/keytool").toString(),
                        "-genkeypair",
                        "-alias",
                        "server",
                        "-keyalg",
                        "EC",
                        "-groupname",
                        "secp256r1",
                        "-dname",
                        "CN=" + name,
                        "-ext",
                        "san=dns:" + name,
                        "-validity",
                        "30",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        store.toString(),
                        "-storepass",
                        "changeit"))
                .redirectErrorStream(true)
                .start()
                .waitFor();
        if (exit != 0) {
            throw new BenchException("keytool ended with " + exit);
        }
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(store)) {
            keys.load(file, "changeit".toCharArray());
        }
        return new Certificate(
                armour("CERTIFICATE", keys.getCertificate("server").getEncoded()),
                armour(
                        "PRIVATE KEY",
                        keys.getKey("server", "changeit".toCharArray()).getEncoded()));
    }

    /** Turns TLS on; the files are written by the server itself, so that they are its own. */
    public void giveTo(Postgres server) {
        write(server, "server.crt", pem);
        write(server, "server.key", key);
        server.setting("ssl", "on");
    }

    private static void write(Postgres server, String file, String content) {
        String encoded = Base64.getEncoder().encodeToString(content.getBytes(StandardCharsets.US_ASCII));
        server.sql("COPY (SELECT '%s') TO PROGRAM 'base64 -d > %s && chmod 600 %s'".formatted(encoded, file, file));
    }

    private static String armour(String what, byte[] content) {
        String body = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII))
                .encodeToString(content);
        return "-----BEGIN %s-----\n%s\n-----END %s-----\n".formatted(what, body, what);
    }
}
