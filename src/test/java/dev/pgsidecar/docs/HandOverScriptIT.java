package dev.pgsidecar.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pgsidecar.cluster.Needs;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** deploy/examples/hand-over with real servers, a client that writes all the while, and everything that goes wrong. */
@Tag("agent")
@Tag("full")
@Needs(Stage.Possible.class)
class HandOverScriptIT {

    private static final Duration AT_MOST = Duration.ofMinutes(3);
    private static final String SCRIPT = "bash -c 'echo $$ > /run/hand-over.pid; exec deploy/examples/hand-over"
            + " pg-0=http://pg-0:8009 pg-1=http://pg-1:8009 pg-2=http://pg-2:8009'";

    @TempDir
    Path folder;

    private Stage stage;

    @BeforeEach
    void setUp() {
        stage = Stage.open(folder, Stage.Set.TRIO);
        type("""
                touch /run/fault
                install -m 755 src/test/resources/stage/faulty-curl /usr/local/bin/curl
                install -m 600 /dev/stdin ~/.pgpass <<< '*:*:*:*:sesame'
                psql -X -q -d "host=pg-0 dbname=app user=app" -c 'CREATE TABLE ledger (entry bigserial PRIMARY KEY)'
                su postgres -c "psql -X -q -c \\"ALTER ROLE postgres PASSWORD 'sesame'\\""
                export PGSIDECAR_TOKEN_FILE=~/pgsidecar.token FOLLOW=deploy/examples/follow TTL=60
                """);
        stage.anotherTerminal("pg-0").begin("""
                while :; do
                  for host in pg-0 pg-1; do
                    psql -X -q -At -d "host=$host dbname=app user=app connect_timeout=2" \\
                      -c 'INSERT INTO ledger DEFAULT VALUES RETURNING entry' >> /run/acknowledged && echo $host >> /run/hosts
                  done
                  sleep 0.02
                done
                """);
    }

    @AfterEach
    void tearDown() {
        if (stage != null) {
            stage.close();
        }
    }

    @Test
    void handsOverOrLeavesAllAsItWas() {
        // A target that nobody streams to, and standbys that cannot be made to follow.
        assertThat(run(SCRIPT.replace(" pg-1=", " pg-7=")).output())
                .contains("standbys: found", "pg-0 would refuse to pause");
        assertThat(run("FOLLOW=/bin/false " + SCRIPT).failures()).containsExactly(3);
        type(
                "printf '#!/bin/sh\\n[ $2 = pg-0 ] && exec deploy/examples/follow \"$@\"\\n' > /run/follow && chmod +x /run/follow");
        assertAsItWas(run("FOLLOW=/run/follow " + SCRIPT), 1);

        // The agent refuses to promote, after the hand-over was committed.
        fault("refuse /v1/promote");
        assertAsItWas(run(SCRIPT), 1);

        // The pause takes long, as its standby does not replay, and somebody gives up.
        stage.terminal("pg-1").type("su postgres -c 'psql -Xqc \"SELECT pg_wal_replay_pause()\"'", AT_MOST);
        Terminal other = stage.anotherTerminal("pg-0");
        other.begin("export PGSIDECAR_TOKEN_FILE=~/pgsidecar.token FOLLOW=/bin/true\n"
                + SCRIPT.replace(" pg-2=http://pg-2:8009", ""));
        awaitWrites("paused");
        type("kill -TERM $(cat /run/hand-over.pid)");
        await().atMost(AT_MOST).until(() -> other.output().contains("all is as it was"));
        stage.terminal("pg-1").type("su postgres -c 'psql -Xqc \"SELECT pg_wal_replay_resume()\"'", AT_MOST);
        awaitWrites("not paused");

        // An answer is lost, then the script is killed before it commits: the lease ends, as nobody renews it any more.
        fault("lose -data.*/v1/writes/pause$", "kill /v1/writes/commit");
        assertThat(run("RUN=one TTL=20 " + SCRIPT).failures()).containsExactly(137);
        awaitWrites("not paused");
        assertThat(look("pgsidecar writes status --agent pg-0"))
                .containsPattern("hand-over to pg-1, one\\).*: expired");
        Terminal.Ended late = run("RUN=one TTL=20 " + SCRIPT);
        assertAsItWas(late, 1);
        assertThat(late.output()).contains("begin another one");

        // It is killed after the commit: nothing resumes by itself, and the same run goes on.
        fault("kill /v1/promote");
        assertThat(run("RUN=two " + SCRIPT).failures()).containsExactly(137);
        awaitWrites("handed-over");
        fault("lose /v1/writes/pause$", "lose /v1/writes/commit", "lose /v1/promote", "lose /v1/promote");
        Terminal.Ended done = run("RUN=two " + SCRIPT);
        assertThat(done.failures()).as(done.output()).isEmpty();
        assertThat(done.output()).contains("pg-1 is the primary");
        assertThat(run("RUN=two " + SCRIPT).failures()).as("once more").isEmpty();

        await().atMost(AT_MOST).untilAsserted(() -> assertThat(look("pgsidecar status"))
                .containsPattern("pg-0 +primary +handed-over\\(pg-1\\) +1 ")
                .containsPattern("pg-1 +primary +running +2 .*pg-2"));
        assertNothingIsLost();
    }

    private void assertNothingIsLost() {
        await("the client has written on both").atMost(AT_MOST).until(() -> {
            String hosts = look("cat /run/hosts");
            return hosts.contains("pg-0\npg-1") && hosts.lines().count() > 100;
        });
        List<String> acknowledged =
                type("cat /run/acknowledged").output().lines().toList();
        List<String> there = type("psql -X -At -d 'host=pg-1 dbname=app user=app' -c 'SELECT entry FROM ledger'")
                .output()
                .lines()
                .toList();
        assertThat(acknowledged).hasSizeGreaterThan(100).doesNotHaveDuplicates();
        assertThat(there).containsAll(acknowledged);
    }

    private void assertAsItWas(Terminal.Ended ended, int status) {
        assertThat(ended.failures()).as(ended.output()).containsExactly(status);
        assertThat(ended.output()).endsWith("all is as it was\n");
        awaitWrites("not paused");
        await("pg-2 follows pg-0").atMost(AT_MOST).until(() -> look("pgsidecar status")
                .lines()
                .anyMatch(line -> line.matches("pg-2 +replica +streaming .* pg-0:5432 .*")));
    }

    /** Waits until {@code pgsidecar writes status} says this of pg-0. */
    private void awaitWrites(String state) {
        await("writes are " + state).atMost(AT_MOST).until(() -> look("pgsidecar writes status --agent pg-0")
                .lines()
                .findFirst()
                .orElse("")
                .replace("writes are ", "")
                .startsWith(state));
    }

    private void fault(String... lines) {
        type("printf '%s\\n' '" + String.join("' '", lines) + "' > /run/fault");
    }

    /** Runs it, with all the faults that were ordered. */
    private Terminal.Ended run(String script) {
        Terminal.Ended ended = stage.terminal("pg-0").type(script, AT_MOST);
        assertThat(stage.terminal("pg-0").type("cat /run/fault", AT_MOST).output())
                .as(ended.output())
                .isEmpty();
        return ended;
    }

    /** Types what is repeated until it shows something, and may fail before. */
    private String look(String command) {
        return stage.terminal("pg-0").type(command, AT_MOST).output();
    }

    /** Types what succeeds. */
    private Terminal.Ended type(String commands) {
        Terminal.Ended ended = stage.terminal("pg-0").type(commands, AT_MOST);
        assertThat(ended.failures()).as(ended.output()).isEmpty();
        return ended;
    }
}
