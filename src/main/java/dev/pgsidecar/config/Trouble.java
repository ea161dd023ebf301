package dev.pgsidecar.config;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Says what is wrong with a file in a DBA's words. */
public final class Trouble {

    private Trouble() {}

    /** What the exception means; the file's name is the caller's to say. */
    public static String with(IOException e) {
        return switch (e) {
            case NoSuchFileException _ -> "does not exist";
            case AccessDeniedException _ -> "permission denied to user " + System.getProperty("user.name");
            case FileSystemException failed when failed.getReason() != null -> failed.getReason();
            default -> String.valueOf(e.getMessage());
        };
    }
}
