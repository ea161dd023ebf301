package dev.pgsidecar.config;

import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.config.ConfigMapping;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The configuration, typed. Defaults are in {@code application.yaml}; the meaning of each key is told to users in
 * docs/configuration.md, which a test holds against this tree.
 */
@ConfigMapping(prefix = "pgsidecar")
@RegisterForReflection
public interface Settings {

    /** This instance's name in pages, logs and metrics; the host name unless set. */
    @Allowed("a name")
    Optional<String> name();

    /** Where the learned identity is kept; without write access the eyes work and nothing is remembered. */
    @Allowed("a folder")
    Path stateDir();

    Postgres postgres();

    Observe observe();

    Probe probe();

    Open open();

    Command command();

    Partition partition();

    /** The agents beside the other servers of this cluster. */
    List<Peer> peers();

    /** How long a primary that has just begun may take to hear of a newer one before it calls itself the primary. */
    @Allowed("0s to 10m")
    Duration peerWait();

    Metrics metrics();

    Log log();

    /** {@link #name()}, or the host name. */
    default String instanceName() {
        return name().orElseGet(Settings::hostName);
    }

    /** This host's name for itself. */
    static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException _) {
            return "localhost"; // a host without one
        }
    }

    /** The server beside the agent. */
    @RegisterForReflection
    interface Postgres {
        @Allowed("a host name or address")
        String host();

        @Allowed("1 to 65535")
        int port();

        @Allowed("a role name")
        String user();

        @Allowed(value = "a password", secret = true)
        Optional<String> password();

        @Allowed("a file whose first line is the password; read again at each connect")
        Optional<Path> passwordFile();

        @Allowed("a database name")
        String database();

        Ssl ssl();

        /** The pinned identity; otherwise the first server that answers is learned and kept in the state folder. */
        @Allowed("a system identifier, as SELECT system_identifier FROM pg_control_system() prints it")
        Optional<String> systemIdentifier();

        /** Where the agent can read pg_control, to see that a server which refuses connections makes progress. */
        @Allowed("the server's data directory")
        Optional<Path> dataDirectory();
    }

    /** Encryption of the connection to the server. */
    @RegisterForReflection
    interface Ssl {
        @Allowed("disable, prefer, require, verify-ca or verify-full")
        SslMode mode();

        @Allowed("a PEM file with the authority's certificate, for verify-ca and verify-full")
        Optional<Path> rootCertificate();
    }

    /** libpq's sslmode, but for {@code allow}, which nobody should want. */
    enum SslMode {
        DISABLE,
        PREFER,
        REQUIRE,
        VERIFY_CA,
        VERIFY_FULL;

        /** Whether the server's certificate is checked. */
        public boolean verifies() {
            return this == VERIFY_CA || this == VERIFY_FULL;
        }
    }

    /** How the server is observed. */
    @RegisterForReflection
    interface Observe {
        @Allowed("100ms to 1m")
        Duration interval();

        @Allowed("100ms to 1m")
        Duration timeout();

        @Allowed("500ms to 10m")
        Duration staleAfter();

        /** How often a fresh connection is tried: that the server accepts any is more than that it answers ours. */
        @Allowed("500ms to 1h")
        Duration connectEvery();

        @Allowed("1s to 24h")
        Duration sizesEvery();
    }

    /** How probes judge. */
    @RegisterForReflection
    interface Probe {
        Replica replica();

        AgentCheck agentCheck();
    }

    /** The port for HAProxy's agent-check, on the open listener's address. */
    @RegisterForReflection
    interface AgentCheck {
        @Allowed("true or false")
        boolean enabled();

        @Allowed("1 to 65535")
        int port();
    }

    /** When a replica counts as good for readers. */
    @RegisterForReflection
    interface Replica {
        @Allowed("a size such as 16MB, or unlimited")
        ByteSize maxLag();

        @Allowed("1s to 24h")
        Duration maxSilence();

        @Allowed("1 to 30")
        int rise();

        @Allowed("1 to 30")
        int fall();
    }

    /** The open listener. */
    @RegisterForReflection
    interface Open {
        @Allowed("an address to listen on")
        String host();

        @Allowed("1 to 65535")
        int port();

        @Allowed("true or false")
        boolean addresses();

        @Allowed("8 to 65536")
        int maxConnections();
    }

    /** The command listener. */
    @RegisterForReflection
    interface Command {
        @Allowed("true or false")
        boolean enabled();

        @Allowed("an address to listen on")
        String host();

        @Allowed("1 to 65535")
        int port();

        /** Who may what; read again when it changes. */
        @Allowed("a file of lines that pgsidecar token create prints")
        Path tokensFile();

        Tls tls();
    }

    /** Encryption of the command listener; without a certificate there is none. */
    @RegisterForReflection
    interface Tls {
        @Allowed("a PEM file with the certificate chain")
        Optional<Path> certificate();

        @Allowed("a PEM file with the private key")
        Optional<Path> key();

        /** Whose client certificates are believed; who may what is in the tokens file. */
        @Allowed("a PEM file with the authority of client certificates")
        Optional<Path> clientAuthority();
    }

    /** Which partition sets are kept maintained, and how. */
    @RegisterForReflection
    interface Partition {
        /** Without any nothing is looked at or done. */
        @Allowed("names of databases, with commas in between")
        Optional<List<String>> databases();

        @Allowed("a cron expression as Quartz has it, in UTC")
        String schedule();

        @Allowed("run or report")
        PartitionMode mode();

        /** At most so much later than the schedule says, so that many agents do not begin at one moment. */
        @Allowed("0s to 1h")
        Duration jitter();

        @Allowed("10ms to 1m")
        Duration lockTimeout();

        /** How long what failed for a reason that may pass is tried again. */
        @Allowed("0s to 1h")
        Duration retryFor();
    }

    /** What happens when the schedule says so. */
    enum PartitionMode {
        RUN,
        /** Nothing: partitions are reported, and maintained by somebody else. */
        REPORT
    }

    /** Another agent. */
    @RegisterForReflection
    interface Peer {
        @Allowed("its instance's name")
        String name();

        @Allowed("the URL of its command listener, such as https://pg-1:8009")
        String url();

        @Allowed("a file whose first line is a token with the permission view")
        Path tokenFile();

        /** For https; without it the system's authorities count. */
        @Allowed("a PEM file with the authority of its certificate")
        Optional<Path> ca();
    }

    /** Names that older dashboards read, beside the usual ones. */
    @RegisterForReflection
    interface Metrics {
        @Allowed("true or false")
        boolean oldSlotNames();

        @Allowed("true or false")
        boolean patroniNames();
    }

    /** What the agent says while it runs, and how. */
    @RegisterForReflection
    interface Log {
        @Allowed("text or json")
        LogFormat format();

        /** The least grave that is told. */
        @Allowed("error, warn, info or debug")
        LogLevel level();

        /** Parts of the program that are told at another level. */
        List<LogCategory> categories();
    }

    /** The form of a line. */
    enum LogFormat {
        TEXT,
        JSON
    }

    /** How grave a line is, the gravest first. */
    enum LogLevel {
        ERROR,
        WARN,
        INFO,
        DEBUG
    }

    /** Loggers whose names begin alike, at a level of their own. */
    @RegisterForReflection
    interface LogCategory {
        @Allowed("a logger's name or its beginning up to a dot, such as dev.pgsidecar.observe")
        String name();

        @Allowed("error, warn, info or debug")
        LogLevel level();
    }
}
