package dev.pgsidecar.docs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cli.Main;
import dev.pgsidecar.docs.Page.Block;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;

/** Every command line of pgsidecar's in the documents, and in the command line's own help, is one that it takes. */
class CommandLinesTest {

    /** A line that begins with the program, behind variables, another program's "--", or a pipe. */
    private static final Pattern LINE = Pattern.compile("(?:^|[|;&(`] *|-- |[\"'])(?:[A-Z_]+=\\S+ )*pgsidecar ([^`]*)");

    /** Where its arguments end. */
    private static final Pattern REST = Pattern.compile("\\s*([|;&<>)]|[12]>| #).*", Pattern.DOTALL);

    private static final Pattern WORD = Pattern.compile("(?:[^\\s\"']|\"[^\"]*\"|'[^']*')+");
    private static final Pattern INLINE = Pattern.compile("`(pgsidecar [a-z-][^`]*)`");

    private final CommandLine commandLine = Main.commandLine();
    private final List<String> wrong = new ArrayList<>();
    private int seen;

    @Test
    void inBlocks() {
        for (Page page : Page.all()) {
            for (Block block : page.blocks().stream().filter(Block::isCommands).toList()) {
                block.text().replace("\\\n", " ").lines().forEach(line -> take(page.file() + ":" + block.line(), line));
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(seen).isGreaterThan(10);
    }

    @Test
    void inSentences() throws IOException {
        for (Page page : Page.all()) {
            INLINE.matcher(Files.readString(page.file()).replaceAll("\\s+", " "))
                    .results()
                    .forEach(code -> take(page.file().toString(), code.group(1)));
        }
        assertThat(wrong).isEmpty();
        assertThat(seen).isGreaterThan(10);
    }

    @Test
    void inItsOwnHelp() {
        help(commandLine);
        assertThat(wrong).isEmpty();
        assertThat(seen).isGreaterThan(3);
    }

    private void help(CommandLine command) {
        var usage = command.getCommandSpec().usageMessage();
        Stream.of(usage.description(), usage.footer())
                .flatMap(Arrays::stream)
                .filter(line -> line.startsWith("    "))
                .forEach(line -> take(command.getCommandSpec().qualifiedName() + " --help", line.strip()));
        command.getSubcommands().values().forEach(this::help);
    }

    private void take(String where, String line) {
        for (MatchResult match : LINE.matcher(line.strip().replaceAll("\\$\\([^)]*\\)", "1"))
                .results()
                .toList()) {
            String[] arguments = WORD.matcher(REST.matcher(match.group(1)).replaceFirst(""))
                    .results()
                    .map(word -> word.group().replaceAll("[\"']", "").replaceAll("\\$\\{?\\w+\\}?|^N$|\\.\\.\\.$", "1"))
                    .toArray(String[]::new);
            seen++;
            boolean named = arguments.length > 0 && Arrays.stream(arguments).noneMatch(each -> each.startsWith("-"));
            try {
                commandLine.parseArgs(arguments);
            } catch (MissingParameterException e) {
                if (!named) { // a sentence may speak of a command without its options
                    wrong.add("%s: %s: %s".formatted(where, String.join(" ", arguments), e.getMessage()));
                }
            } catch (ParameterException e) {
                wrong.add("%s: %s: %s".formatted(where, String.join(" ", arguments), e.getMessage()));
            }
        }
    }
}
