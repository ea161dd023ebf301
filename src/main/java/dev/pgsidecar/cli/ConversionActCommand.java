package dev.pgsidecar.cli;

import io.vertx.core.json.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code pgsidecar partitions pause, resume, cancel, finish, revert}: what can be done with a conversion that has begun. */
abstract class ConversionActCommand extends ApiCommand {

    @Parameters(paramLabel = "CONVERSION", description = "Such as app-1; pgsidecar partitions lists them.")
    private String id;

    @Mixin
    private OrderOptions order;

    @Spec
    private CommandSpec spec;

    @Override
    int run() throws UsageException, Unreachable {
        if (!id.matches("[A-Za-z0-9_.~-]+")) {
            throw new UsageException(id + " is no conversion such as app-1");
        }
        return order("/v1/partitions/conversions/%s/%s".formatted(id, spec.name()), new JsonObject(), order);
    }

    @Command(
            name = "pause",
            mixinStandardHelpOptions = true,
            description = "Holds a conversion back at its next batch.")
    static final class Pause extends ConversionActCommand {}

    @Command(name = "resume", mixinStandardHelpOptions = true, description = "Lets a conversion go on.")
    static final class Resume extends ConversionActCommand {}

    @Command(
            name = "cancel",
            mixinStandardHelpOptions = true,
            description = "Undoes a conversion whose table clients still use; nothing is left of it.")
    static final class Cancel extends ConversionActCommand {}

    @Command(
            name = "finish",
            mixinStandardHelpOptions = true,
            description = "Drops the old table and begins retention: there is no way back after it.")
    static final class Finish extends ConversionActCommand {}

    @Command(
            name = "revert",
            mixinStandardHelpOptions = true,
            description = "Takes the old table back, with all that was written since.")
    static final class Revert extends ConversionActCommand {}
}
