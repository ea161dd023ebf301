package dev.pgsidecar.observe;

import dev.pgsidecar.observe.Observation.Answered;
import dev.pgsidecar.observe.Observation.Unanswered;
import dev.pgsidecar.postgres.Failure;
import dev.pgsidecar.postgres.Lsn;
import dev.pgsidecar.postgres.ServerVersion;
import dev.pgsidecar.postgres.catalog.Activity;
import dev.pgsidecar.postgres.catalog.Facts;
import dev.pgsidecar.postgres.catalog.Receiver;
import dev.pgsidecar.postgres.catalog.Replay;
import dev.pgsidecar.postgres.catalog.Server;
import dev.pgsidecar.postgres.catalog.WalPositions;
import dev.pgsidecar.postgres.catalog.WritePause;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Instances and histories made by hand, for decisions that need no server. */
public final class Pictures {

    /** The server's clock in every picture that does not say otherwise. */
    public static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");

    /** The moment at which tests ask. */
    public static final Moment ASKED = new Moment(NOW, 1_000_000_000_000L);

    private Pictures() {}

    /** A primary on timeline 3. */
    public static Instance primary() {
        return primary(Optional.empty());
    }

    /** A primary on timeline 3 with a write pause. */
    public static Instance primary(WritePause pause) {
        return primary(Optional.of(pause));
    }

    /** A pause of all databases that pg-0 began on timeline 3, proved, with so much of its lease left. */
    public static WritePause pause(Duration left) {
        return pause("pg-0", 3, left, Optional.empty());
    }

    public static WritePause pause(String node, int timeline, Duration left, Optional<String> committedTo) {
        return new WritePause(
                7,
                node,
                timeline,
                "pause-1",
                "ops",
                "a test",
                true,
                List.of("app"),
                "limit",
                NOW,
                NOW.plus(left),
                left,
                Duration.ofSeconds(1),
                lsn(5000),
                Optional.of("no-ordinary-role-can-write"),
                committedTo,
                List.of("ALTER DATABASE app CONNECTION LIMIT -1"));
    }

    private static Instance primary(Optional<WritePause> pause) {
        return new Instance(
                new Facts(
                        server(false, NOW, true),
                        new WalPositions(lsn(5000), lsn(5000), lsn(5000), Optional.empty(), Optional.empty()),
                        Optional.empty(),
                        Optional.empty(),
                        List.of(),
                        List.of(),
                        activity(),
                        List.of(),
                        true,
                        pause,
                        Optional.empty()),
                Upstream.NONE);
    }

    /** A replica that streams, has replayed {@code replay}, and whose upstream is at {@code end}. */
    public static ReplicaPicture replica(long replay, long end) {
        return new ReplicaPicture(replay, end);
    }

    /** A history, newest first, one second apart, the newest one second old. */
    public static History history(Object... newestFirst) {
        History history = History.beginning(ago(newestFirst.length + 1));
        for (int index = newestFirst.length - 1; index >= 0; index--) {
            history = history.with(observation(newestFirst[index], ago(index + 1)));
        }
        return history;
    }

    /** The moment so many seconds before {@link #ASKED}. */
    public static Moment ago(long seconds) {
        return new Moment(
                NOW.minusSeconds(seconds),
                ASKED.nanos() - Duration.ofSeconds(seconds).toNanos());
    }

    /** A failure of this kind. */
    public static Failure failure(Failure.Kind kind) {
        return new Failure(kind, "tested");
    }

    private static Observation observation(Object seen, Moment at) {
        return switch (seen) {
            case Instance instance -> new Answered(at, Duration.ofMillis(2), instance, ago(1000));
            case ReplicaPicture picture -> new Answered(at, Duration.ofMillis(2), picture.instance(), ago(1000));
            case Failure.Kind kind -> new Unanswered(at, Duration.ofMillis(2), failure(kind), Optional.empty());
            case Observation observation -> observation;
            default -> throw new IllegalArgumentException(seen.toString());
        };
    }

    static Server server(boolean inRecovery, Instant now, boolean seesAll) {
        return new Server("7391", new ServerVersion(170012), NOW.minusSeconds(9999), now, inRecovery, 3, "", seesAll);
    }

    private static Activity activity() {
        return new Activity(OptionalLong.of(7), 100, 3, Optional.empty(), List.of());
    }

    private static Optional<Lsn> lsn(long bytes) {
        return Optional.of(new Lsn(bytes));
    }

    /** A replica, to be varied. Everything but the positions is as of a healthy streaming one. */
    public static final class ReplicaPicture {
        private final long replay;
        private final long end;
        private long receive;
        private Instant now = NOW;
        private boolean streams = true;
        private boolean receives = true;
        private boolean paused;
        private Optional<WritePause> pause = Optional.empty();
        private boolean restores;
        private boolean seesAll = true;
        private boolean heard = true;
        private Duration silence = Duration.ZERO;
        private Optional<Instant> lastTransaction = Optional.of(NOW.minusSeconds(3600));
        private Upstream before = Upstream.NONE;

        private ReplicaPicture(long replay, long end) {
            this.replay = replay;
            this.receive = replay;
            this.end = end;
        }

        public ReplicaPicture at(Instant time) {
            now = time;
            return this;
        }

        /** The WAL receiver is gone. */
        public ReplicaPicture cut() {
            streams = false;
            receives = false;
            return this;
        }

        /** There is a WAL receiver, and it does not stream. */
        public ReplicaPicture notStreaming() {
            streams = false;
            return this;
        }

        /** It streams, and no message has arrived yet. */
        public ReplicaPicture unheard() {
            heard = false;
            return this;
        }

        public ReplicaPicture paused() {
            paused = true;
            return this;
        }

        public ReplicaPicture restores() {
            restores = true;
            return this;
        }

        /** It has received more than it has replayed. */
        public ReplicaPicture received(long bytes) {
            receive = bytes;
            return this;
        }

        /** The role has no pg_monitor. */
        public ReplicaPicture unprivileged() {
            seesAll = false;
            return this;
        }

        /** How long ago the upstream's last message arrived. */
        public ReplicaPicture silent(Duration length) {
            silence = length;
            return this;
        }

        public ReplicaPicture lastTransaction(Instant time) {
            lastTransaction = Optional.ofNullable(time);
            return this;
        }

        /** The pause that was replicated to it. */
        public ReplicaPicture paused(WritePause replicated) {
            pause = Optional.of(replicated);
            return this;
        }

        /** What the observation before this one knew. */
        public ReplicaPicture after(ReplicaPicture earlier) {
            before = earlier.instance().upstream();
            return this;
        }

        public Instance instance() {
            Optional<Receiver> receiver = receives ? Optional.of(receiver()) : Optional.empty();
            return Instance.of(
                    new Facts(
                            server(true, now, seesAll),
                            new WalPositions(
                                    Optional.empty(), Optional.empty(), Optional.empty(), lsn(receive), lsn(replay)),
                            Optional.of(new Replay(
                                    paused ? "paused" : "not paused",
                                    Duration.ZERO,
                                    restores,
                                    Optional.of("pg_1"),
                                    lastTransaction)),
                            receiver,
                            List.of(),
                            List.of(),
                            activity(),
                            List.of(),
                            true,
                            pause,
                            Optional.empty()),
                    before);
        }

        private Receiver receiver() {
            return seesAll
                    ? new Receiver(
                            Optional.of(streams ? "streaming" : "waiting"),
                            OptionalLong.of(3),
                            lsn(end),
                            Optional.of(now),
                            Optional.of(now.minus(silence)),
                            heard,
                            Optional.of("pg_1"),
                            Optional.of("upstream.example"),
                            OptionalLong.of(5432))
                    : new Receiver(
                            Optional.empty(),
                            OptionalLong.empty(),
                            Optional.empty(),
                            Optional.empty(),
                            Optional.empty(),
                            false,
                            Optional.empty(),
                            Optional.empty(),
                            OptionalLong.empty());
        }
    }
}
