package dev.pgsidecar.config;

import java.util.List;

/** The configuration cannot be used; each problem is one line that names the key, its value and what is allowed. */
public final class InvalidConfiguration extends Exception {

    private static final long serialVersionUID = 1;

    private final transient List<String> problems;

    public InvalidConfiguration(List<String> problems) {
        super(String.join("\n", problems));
        this.problems = List.copyOf(problems);
    }

    /** The problems, a line each. */
    public List<String> problems() {
        return problems;
    }
}
