package dev.pgsidecar.bench;

import dev.pgsidecar.operation.JournalFiles;
import java.io.IOException;
import java.nio.file.Path;

/** The journal's files of an agent that can be killed: afterwards nothing is written any more. */
final class KillableFiles implements JournalFiles {

    private final JournalFiles disk;
    private volatile boolean killed;

    KillableFiles(JournalFiles disk) {
        this.disk = disk;
    }

    void kill() {
        killed = true;
    }

    private JournalFiles disk() {
        if (killed) {
            throw AgentKilled.here("the agent ended before it wrote this");
        }
        return disk;
    }

    @Override
    public void createFolder(Path folder) throws IOException {
        disk().createFolder(folder);
    }

    @Override
    public void write(Path file, byte[] content) throws IOException {
        disk().write(file, content);
    }

    @Override
    public void sync(Path path) throws IOException {
        disk().sync(path);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        disk().rename(from, to);
    }

    @Override
    public void delete(Path file) throws IOException {
        disk().delete(file);
    }
}
