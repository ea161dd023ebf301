package dev.pgsidecar.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgsidecar.config.Configuration;
import dev.pgsidecar.config.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The first answer is learned once, however many hear it at one moment. */
class IdentityTest {

    @TempDir
    Path folder;

    @Test
    void isLearnedOnceByMany() throws Exception {
        int many = 8;
        try (var threads = Executors.newFixedThreadPool(many)) {
            for (int round = 0; round < 50; round++) {
                Settings settings = settings(folder.resolve("state" + round));
                CyclicBarrier together = new CyclicBarrier(many);
                List<Future<?>> all = new ArrayList<>();
                for (int thread = 0; thread < many; thread++) {
                    all.add(threads.submit(() -> {
                        together.await();
                        new Identity(settings).check("7391000000000000001");
                        return null;
                    }));
                }
                for (Future<?> each : all) {
                    each.get();
                }
                assertThat(settings.stateDir()).isDirectoryNotContaining("glob:**.new*");
                assertThat(Files.readString(settings.stateDir().resolve("system-identifier")))
                        .isEqualTo("7391000000000000001\n");
                assertThatThrownBy(() -> new Identity(settings).check("7391000000000000002"))
                        .isInstanceOf(PostgresException.class)
                        .hasMessageContaining("wrong-instance");
            }
        }
    }

    private static Settings settings(Path state) throws Exception {
        return Configuration.load(
                        Optional.of(Path.of("src/test/resources/empty.yaml")),
                        Map.of("pgsidecar.state-dir", state.toString()),
                        Map.of())
                .settings();
    }
}
