package dev.pgsidecar.security;

import dev.pgsidecar.config.Settings;
import dev.pgsidecar.config.Trouble;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jboss.logging.Logger;

/**
 * The tokens file. It is read again when it has changed; a line that makes no sense lets nobody in and takes nobody else's
 * right, and a file that others than its owner can write lets nobody in at all.
 */
@Singleton
public class Tokens {

    private static final Logger LOG = Logger.getLogger(Tokens.class);

    private final Path file;
    private Optional<State> read = Optional.empty();
    private List<Token> tokens = List.of();

    /** What tells a file from its next version. */
    private record State(Object key, Instant modified, long size) {}

    Tokens(Settings settings) {
        this.file = settings.command().tokensFile();
    }

    void tell(@Observes StartupEvent started) {
        if (newest().isEmpty()) {
            LOG.warnf(
                    "nobody may order anything or look: %s holds no token; pgsidecar token create --name ops"
                            + " --permission operate makes one",
                    file);
        }
    }

    /** Who has this secret. */
    public Optional<Caller> bySecret(String secret) {
        String digest = Token.digest(secret);
        return find(token -> token.isProvedBy(digest));
    }

    /** Who has this secret and this name. */
    public Optional<Caller> byNameAndSecret(String name, String secret) {
        return bySecret(secret).filter(caller -> caller.name().equals(name));
    }

    /** Who has a certificate of this subject. */
    public Optional<Caller> bySubject(String subject) {
        return find(token -> token.isOf(subject));
    }

    /** Looks at every line, so that it takes as long wherever the right one is. */
    private Optional<Caller> find(Predicate<Token> proved) {
        Instant now = Instant.now();
        Optional<Caller> found = Optional.empty();
        for (Token token : newest()) {
            if (proved.test(token) && token.isValid(now)) {
                found = Optional.of(new Caller(token.name(), token.permission()));
            }
        }
        return found;
    }

    private synchronized List<Token> newest() {
        Optional<State> now = state();
        if (!now.equals(read)) {
            read = now;
            tokens = now.isPresent() ? load() : List.of();
            LOG.infof("%s holds %d tokens", file, tokens.size());
        }
        return tokens;
    }

    private Optional<State> state() {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            return Optional.of(new State(
                    attributes.fileKey(), attributes.lastModifiedTime().toInstant(), attributes.size()));
        } catch (IOException _) {
            return Optional.empty(); // load() says why, if it is there
        }
    }

    private List<Token> load() {
        try {
            Set<PosixFilePermission> rights = Files.getPosixFilePermissions(file);
            if (rights.contains(PosixFilePermission.GROUP_WRITE) || rights.contains(PosixFilePermission.OTHERS_WRITE)) {
                LOG.errorf(
                        "%s is %s: others than its owner can write it, so nobody in it is believed; chmod go-w %s",
                        file, PosixFilePermissions.toString(rights), file);
                return List.of();
            }
            return parse(Files.readAllLines(file));
        } catch (NoSuchFileException _) {
            return List.of();
        } catch (IOException e) {
            LOG.errorf("%s: %s; nobody is let in", file, Trouble.with(e));
            return List.of();
        }
    }

    private List<Token> parse(List<String> lines) {
        List<Token> parsed = new ArrayList<>();
        for (int index = 0; index < lines.size(); index++) {
            String line = lines.get(index).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            try {
                parsed.add(Token.parse(line));
            } catch (IllegalArgumentException e) {
                LOG.errorf("%s line %d lets nobody in: %s", file, index + 1, e.getMessage());
            }
        }
        return List.copyOf(parsed);
    }
}
