package dev.pgsidecar.observe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.Cluster;
import dev.pgsidecar.cluster.Postgres;
import dev.pgsidecar.cluster.Psql;
import dev.pgsidecar.cluster.Standby;
import dev.pgsidecar.suite.EachVersion;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

/** The rights that deploy/sql/observe.sql grants are enough, on primaries and standbys, and change nothing twice. */
class RightsIT {

    @TempDir
    Path state;

    @EachVersion
    void areEnough(int major) {
        try (Cluster cluster = Cluster.on(major)) {
            Postgres primary = cluster.primary("pg-0");
            Postgres standby = cluster.standby("pg-1", primary, Standby.WITH_SLOT);
            Path script = Path.of("deploy/sql/observe.sql").toAbsolutePath();
            Psql.run(primary, script);
            Psql.run(primary, script);
            for (Postgres server : new Postgres[] {primary, standby}) {
                server.hba("host pgsidecar pgsidecar 127.0.0.1/32 trust");
            }
            cluster.awaitReplay(primary, standby);
            try (Watch watch =
                            Watch.on(primary, state, "postgres.user", "pgsidecar", "postgres.database", "pgsidecar");
                    Watch watchStandby =
                            Watch.on(standby, state, "postgres.user", "pgsidecar", "postgres.database", "pgsidecar")) {
                Instance seen = watch.awaitInstance();
                assertThat(seen.unseen()).isEmpty();
                assertThat(seen.facts().senders()).singleElement().satisfies(sender -> {
                    assertThat(sender.state()).contains("streaming");
                    assertThat(sender.slot()).contains("pg_1");
                });
                assertThat(seen.facts().activity().connections()).isPresent();
                Instance seenStandby = watchStandby.awaitInstance(Instance::streaming);
                assertThat(seenStandby.facts().receiver().orElseThrow().upstreamPort())
                        .hasValue(primary.port());
            }
            assertThat(primary.query("SELECT rolsuper OR rolreplication OR rolcreaterole FROM pg_roles"
                            + " WHERE rolname = 'pgsidecar'"))
                    .isEqualTo("f");
        }
    }
}
