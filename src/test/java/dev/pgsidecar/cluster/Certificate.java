package dev.pgsidecar.cluster;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;

/** A key and a certificate that signs itself, both in PEM. */
public record Certificate(String pem, String key) {

    private static final String NO_DEFAULTS = "[req]\ndistinguished_name = name\n[name]\n";

    /** A new one for a host name, made in the folder. */
    public static Certificate make(Path folder, String name) throws Exception {
        Path configuration = Files.writeString(folder.resolve("openssl.cnf"), NO_DEFAULTS);
        Path key = folder.resolve(name + ".made.key");
        Path certificate = folder.resolve(name + ".made.pem");
        Commands.run(
                folder,
                Duration.ofSeconds(30),
                List.of(
                        TestTools.program("openssl").toString(),
                        "req",
                        "-x509",
                        "-config",
                        configuration.toString(),
                        "-newkey",
                        "ec",
                        "-pkeyopt",
                        "ec_paramgen_curve:prime256v1",
                        "-nodes",
                        "-subj",
                        "/CN=" + name,
                        "-addext",
                        "subjectAltName=DNS:" + name,
                        "-days",
                        "30",
                        "-keyout",
                        key.toString(),
                        "-out",
                        certificate.toString()));
        return new Certificate(Files.readString(certificate), Files.readString(key));
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
}
