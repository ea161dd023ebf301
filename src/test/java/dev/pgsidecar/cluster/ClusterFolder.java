package dev.pgsidecar.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Where the things of a cluster lie in its folder. Kept short: a socket's path may have 107 bytes. */
record ClusterFolder(Path root) {

    /** Makes the folders. */
    static ClusterFolder in(Path root) {
        ClusterFolder folder = new ClusterFolder(root);
        try {
            for (Path path : List.of(root.resolve("data"), root.resolve("log"), folder.sockets(), folder.archive())) {
                Files.createDirectory(path);
                Account.current().own(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return folder;
    }

    Path data(String name) {
        return root.resolve("data").resolve(name);
    }

    Path log(String name) {
        return root.resolve("log").resolve(name + ".log");
    }

    Path sockets() {
        return root.resolve("socket");
    }

    Path archive() {
        return root.resolve("archive");
    }
}
