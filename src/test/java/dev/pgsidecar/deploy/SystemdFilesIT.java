package dev.pgsidecar.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Needs;
import dev.pgsidecar.cluster.TestTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** deploy/systemd: what systemd's own programs say of the unit, and what the other files make. */
class SystemdFilesIT {

    private static final Path SHIPPED = Path.of("deploy/systemd");

    @TempDir
    Path folder;

    /** Files can be given to other users. */
    static final class Root implements Supplier<Optional<String>> {
        @Override
        public Optional<String> get() {
            return System.getProperty("user.name").equals("root")
                    ? Optional.empty()
                    : Optional.of("the tests do not run as root");
        }
    }

    @Test
    void theUnitIsAsSystemdWantsIt() throws Exception {
        Path unit = unit();
        assertThat(run("systemd-analyze", "verify", unit.toString())).isEmpty();
    }

    @Test
    void theUnitIsAsHardenedAsTheDocumentSays() throws Exception {
        assertThat(exposure(unit())).isLessThanOrEqualTo(documentedExposure());
    }

    @Test
    void theJarsDropInIsAsSystemdWantsIt() throws Exception {
        Path unit = unit();
        Path dropIns = Files.createDirectory(folder.resolve("pgsidecar.service.d"));
        Files.writeString(
                dropIns.resolve("jar.conf"),
                withProgram(Files.readString(SHIPPED.resolve("jar.conf")), "/usr/lib/jvm/java-25/bin/java"));
        assertThat(run("systemd-analyze", "verify", unit.toString())).isEmpty();
        assertThat(exposure(unit)).isLessThanOrEqualTo(documentedExposure() + 0.1);
    }

    @Test
    @Needs(Root.class)
    void userFoldersAndFilesHaveTheirModes() throws Exception {
        Files.createDirectory(folder.resolve("etc"));
        run(
                "systemd-sysusers",
                "--root=" + folder,
                SHIPPED.resolve("pgsidecar.sysusers").toAbsolutePath() + "");
        String passwd = Files.readString(folder.resolve("etc/passwd"));
        assertThat(passwd).contains("pgsidecar:x:").contains(":/var/lib/pgsidecar:/usr/sbin/nologin");
        String id = passwd.split(":")[2];

        Path password = folder.resolve("etc/pgsidecar/password");
        tmpfiles();
        Files.writeString(password, "secret\n");
        tmpfiles();
        assertThat(password).as("what is there stays").hasContent("secret\n");
        assertThat(modeAndOwner(folder.resolve("var/lib/pgsidecar"))).isEqualTo("rwxr-x--- %s:%s".formatted(id, id));
        assertThat(modeAndOwner(folder.resolve("etc/pgsidecar"))).isEqualTo("rwxr-xr-x 0:0");
        for (String file : List.of("password", "tokens", "peer-token")) {
            assertThat(modeAndOwner(folder.resolve("etc/pgsidecar").resolve(file)))
                    .as(file)
                    .isEqualTo("rw-r----- 0:" + id);
        }
    }

    private void tmpfiles() throws Exception {
        run(
                "systemd-tmpfiles",
                "--root=" + folder,
                "--create",
                SHIPPED.resolve("pgsidecar.tmpfiles").toAbsolutePath() + "");
    }

    /** The shipped unit in a folder of its own, with a program that is on this machine. */
    private Path unit() throws IOException {
        return Files.writeString(
                folder.resolve("pgsidecar.service"),
                withProgram(Files.readString(SHIPPED.resolve("pgsidecar.service")), "/usr/local/bin/pgsidecar"));
    }

    private static String withProgram(String unit, String program) {
        assertThat(unit).contains("ExecStart=" + program + " ");
        return unit.replace(program, "/bin/true");
    }

    private static double documentedExposure() throws IOException {
        return firstNumber(
                "`systemd-analyze security pgsidecar` says (\\d\\.\\d)", Files.readString(Path.of("docs/systemd.md")));
    }

    private double exposure(Path unit) throws Exception {
        String verdict = run("systemd-analyze", "security", "--no-pager", "--offline=true", unit.toString());
        return firstNumber("Overall exposure level for pgsidecar.service: (\\d+\\.\\d)", verdict);
    }

    private static double firstNumber(String pattern, String text) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map(result -> Double.valueOf(result.group(1)))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + pattern + " in " + text));
    }

    private static String modeAndOwner(Path file) throws IOException {
        PosixFileAttributes attributes =
                Files.readAttributes(file, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        return "%s %s:%s"
                .formatted(
                        PosixFilePermissions.toString(attributes.permissions()),
                        Files.getAttribute(file, "unix:uid"),
                        Files.getAttribute(file, "unix:gid"));
    }

    /** Runs one of systemd's programs, which need not be this machine's. */
    private String run(String program, String... arguments) throws Exception {
        Path path = TestTools.program(program);
        List<String> command = new ArrayList<>(List.of(path.toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        // The targets that the unit names are beside the programs; the empty entry adds the machine's own units.
        Path units = path.resolveSibling("../lib/systemd/system").normalize();
        builder.environment().put("SYSTEMD_UNIT_PATH", "%s:%s:".formatted(folder, units));
        builder.environment().put("LC_ALL", "C.UTF-8");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor())
                .as("%s: %s", String.join(" ", command), output)
                .isZero();
        return output;
    }
}
