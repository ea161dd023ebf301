package dev.pgsidecar.cli;

import picocli.CommandLine.Command;

/** {@code pgsidecar writes}: holds application writes back, hands them over, and lets them go on. */
@Command(
        name = "writes",
        mixinStandardHelpOptions = true,
        description = "Pauses and resumes the writes of a primary, and hands them over to a standby.",
        footer = {
            "",
            "A planned hand-over from pg-0 to pg-1:",
            "",
            "    pgsidecar writes pause --agent pg-0 --all --wait-for pg-1 --ttl 60s",
            "    pgsidecar writes commit --agent pg-0 --generation N --target pg-1",
            "    pgsidecar promote --agent pg-1 --generation N",
            "",
            "Until commit, a lease that nobody renews ends the pause by itself. After it only \"writes resume\" does."
        },
        subcommands = {
            WritesStatusCommand.class,
            PauseCommand.class,
            RenewCommand.class,
            CommitCommand.class,
            ResumeCommand.class
        })
final class WritesCommand {}
