package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What can be ordered of a conversion that has begun. */
final class ConversionActs {

    private ConversionActs() {}

    /** One of them; it has the name of its path's last part. */
    abstract static class Act extends ApiCommand {

        @Option(
                names = "--conversion",
                paramLabel = "ID",
                description = "Such as app-3; pgsidecar partitions shows those there are.")
        private String named;

        @Parameters(arity = "0..1", paramLabel = "ID", description = "The same, without the option.")
        private String positional;

        @Mixin
        private OrderOptions order;

        @Spec
        private CommandSpec command;

        @Override
        int run() throws UsageException, Unreachable {
            return order(path(named, positional, command.name()), new JsonObject(), order);
        }
    }

    /**
     * Where it is ordered.
     *
     * @throws UsageException unless exactly one of both names is there
     */
    static String path(String named, String positional, String act) throws UsageException {
        if ((named == null) == (positional == null)) {
            throw new UsageException("one conversion: --conversion app-3; pgsidecar partitions shows those there are");
        }
        String id = named == null ? positional : named;
        return "/v1/partitions/conversions/%s/%s"
                .formatted(URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20"), act);
    }

    /** {@code pgsidecar partitions pause}. */
    @Command(
            name = "pause",
            mixinStandardHelpOptions = true,
            description = "Holds a conversion back at its next batch. What clients write still goes to both tables.")
    static final class Pause extends Act {}

    /** {@code pgsidecar partitions resume}. */
    @Command(
            name = "resume",
            mixinStandardHelpOptions = true,
            description = "Lets a conversion that was paused, or has failed, go on.")
    static final class Resume extends Act {}

    /** {@code pgsidecar partitions cancel}. */
    @Command(
            name = "cancel",
            mixinStandardHelpOptions = true,
            description = "Undoes a conversion before its swap; nothing is left of it.")
    static final class Cancel extends Act {}

    /** {@code pgsidecar partitions finish}. */
    @Command(
            name = "finish",
            mixinStandardHelpOptions = true,
            description = "Drops the old table and switches retention on. There is no way back after it.")
    static final class Finish extends Act {}

    /** {@code pgsidecar partitions revert}. */
    @Command(
            name = "revert",
            mixinStandardHelpOptions = true,
            description = "Swaps back to the old table, with the rows written since, and drops the set.")
    static final class Revert extends Act {}
}
