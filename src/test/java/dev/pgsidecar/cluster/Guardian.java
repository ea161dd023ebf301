package dev.pgsidecar.cluster;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A temporary folder and the process that ends everything inside it. The process lives in a session of its own and
 * reads a pipe that only this JVM holds open. When the pipe closes, because of {@link #close()} or because the JVM is
 * gone in whatever way, it kills every process whose working folder is inside, and removes the folder.
 */
final class Guardian implements AutoCloseable {
    private static final int TIMEOUT_SECONDS = 60;

    private static final int KILLED = 128 + 9;

    /** Where the folders are; empty: in memory if there is enough, which spares servers the disk, else in /tmp. */
    static final String PROPERTY = "pgsidecar.test.folder";

    private static final Path MEMORY = Path.of("/dev/shm");
    private static final long ENOUGH = 6L << 30;

    private static final Path PARENT = parent();

    /**
     * Arguments: where a new folder is made; the folder, or an empty word for a new one; the prefix that runs a command as
     * the servers' account.
     * Prints the folder; then waits for the pipe.
     *
     * <p>Both the account of this JVM and that of the servers look at the processes: in a container, root may not be
     * allowed to see another account's. The segment of System V shared memory that a killed postmaster leaves is named
     * in line 7 of its postmaster.pid.
     */
    private static final String SCRIPT = """
            trap '' HUP INT QUIT TERM PIPE
            umask 022
            parent=$1 folder=$2 as=("${@:3}")
            if [[ -z $folder ]]; then
              folder=$("${as[@]}" mktemp -d "$parent/pgs-XXXXXX") || exit 3
              chmod 755 "$folder" || exit 3
            fi
            echo "$folder"

            # Without a word the JVM is gone, and a process it was starting may not have reached its folder yet.
            read -r word || sleep 0.2
            exec < /dev/null

            inside() {
              local look=(find /proc/[0-9]*/cwd -maxdepth 0
                '(' -lname "$folder" -o -lname "$folder (deleted)" -o -lname "$folder/*" ')' -printf '%h\\n')
              { "${look[@]}"; "${as[@]}" "${look[@]}"; } 2> /dev/null | sed 's,.*/,,' | sort -u
            }
            for ((attempt = 0; attempt < 1000; attempt++)); do
              mapfile -t left < <(inside)
              ((${#left[@]} > 0)) || break
              kill -KILL "${left[@]}" 2> /dev/null
              sleep 0.02
            done
            ((${#left[@]} == 0)) || exit 1

            if command -v ipcrm > /dev/null; then
              for file in "$folder"/data/*/postmaster.pid; do
                segment=$(sed -n '7s/.* //p' "$file" 2> /dev/null)
                [[ -z $segment ]] || ipcrm -m "$segment" 2> /dev/null
              done
            fi
            rm -rf -- "$folder" 2> /dev/null || exit 2
            """;

    private final Process process;
    private final Path folder;
    private boolean closed;

    private Guardian(Process process, Path folder) {
        this.process = process;
        this.folder = folder;
    }

    private static Path parent() {
        String named = System.getProperty(PROPERTY, "");
        if (!named.isBlank()) {
            return Path.of(named);
        }
        try {
            return Files.getFileStore(MEMORY).getUsableSpace() >= ENOUGH ? MEMORY : Path.of("/tmp");
        } catch (IOException _) {
            return Path.of("/tmp"); // a system without it
        }
    }

    /** Starts a guardian, which makes its folder. */
    static Guardian start() {
        return start("");
    }

    private static Guardian start(String existingFolder) {
        List<String> command = new ArrayList<>(List.of("setsid", "bash", "-c", SCRIPT, "pgsidecar-test-guardian"));
        command.addAll(List.of(PARENT.toString(), existingFolder));
        command.addAll(Account.current().prefix());
        ProcessBuilder builder = new ProcessBuilder(command).directory(new File("/"));
        builder.redirectError(ProcessBuilder.Redirect.DISCARD);
        Commands.prepare(builder);
        try {
            Process process = builder.start();
            BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
            String folder = out.readLine();
            if (folder == null) {
                throw new BenchException("the guardian process cannot make a folder " + PARENT + "/pgs-*");
            }
            return new Guardian(process, Path.of(folder));
        } catch (IOException e) {
            throw new BenchException("the guardian process does not start", e);
        }
    }

    /** The folder, owned by {@link Account#current()}. */
    Path folder() {
        return folder;
    }

    /** The guardian's process id. */
    long pid() {
        return process.pid();
    }

    /**
     * Ends every process inside the folder and removes it; does nothing the second time.
     *
     * @throws BenchException when something could not be ended or removed
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (!end()) {
            // Somebody killed it; another one does its work.
            start(folder.toString()).close();
        }
    }

    /** Whether this guardian did its work; a killed one may still look alive, until its pipe breaks. */
    private boolean end() {
        try (OutputStream pipe = process.getOutputStream()) {
            pipe.write("close\n".getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            return false;
        }
        try {
            if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                throw new BenchException("the guardian of " + folder + " (process " + pid() + ") does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted; the guardian of " + folder + " goes on by itself", e);
        }
        return switch (process.exitValue()) {
            case 0 -> true;
            case KILLED -> false;
            case 1 -> throw new BenchException("processes in " + folder + " cannot be killed");
            case 2 -> throw new BenchException(folder + " cannot be removed");
            default -> throw new BenchException("guardian of " + folder + ": exit status " + process.exitValue());
        };
    }
}
