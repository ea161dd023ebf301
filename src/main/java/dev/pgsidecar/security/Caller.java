package dev.pgsidecar.security;

/**
 * Somebody who has proved who it is.
 *
 * @param name as the tokens file has it
 */
public record Caller(String name, Permission permission) {

    public boolean may(Permission needed) {
        return permission.includes(needed);
    }
}
