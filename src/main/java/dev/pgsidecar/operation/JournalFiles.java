package dev.pgsidecar.operation;

import java.io.IOException;
import java.nio.file.Path;

/** What the journal does to the disk. The order of these calls decides what a loss of power leaves behind. */
public interface JournalFiles {

    /** Creates a folder whose parent exists; does nothing if the folder exists. */
    void createFolder(Path folder) throws IOException;

    /** Writes a whole file, and replaces one that exists. */
    void write(Path file, byte[] content) throws IOException;

    /** Makes the content of a file, or the entries of a folder, durable. */
    void sync(Path path) throws IOException;

    /** Renames a file in its folder, in one step; replaces one that has the new name. */
    void rename(Path from, Path to) throws IOException;

    /** Deletes a file, if it exists. */
    void delete(Path file) throws IOException;
}
