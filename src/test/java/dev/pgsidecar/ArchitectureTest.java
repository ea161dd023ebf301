package dev.pgsidecar;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The house: a room uses the rooms under it, never those above or beside it. */
@AnalyzeClasses(packages = "dev.pgsidecar", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {

    @ArchTest
    static final ArchRule ARROWS_POINT_DOWN = layeredArchitecture()
            .consideringOnlyDependenciesInLayers()
            .ensureAllClassesAreContainedInArchitecture()
            .layer("cli")
            .definedBy("dev.pgsidecar.cli..")
            .layer("api")
            .definedBy("dev.pgsidecar.api..")
            .layer("security")
            .definedBy("dev.pgsidecar.security..")
            .layer("promotion")
            .definedBy("dev.pgsidecar.promotion..")
            .layer("writes")
            .definedBy("dev.pgsidecar.writes..")
            .layer("partition")
            .definedBy("dev.pgsidecar.partition..")
            .layer("conversion")
            .definedBy("dev.pgsidecar.conversion..")
            .layer("operation")
            .definedBy("dev.pgsidecar.operation..")
            .layer("probe")
            .definedBy("dev.pgsidecar.probe..")
            .layer("metrics")
            .definedBy("dev.pgsidecar.metrics..")
            .layer("observe")
            .definedBy("dev.pgsidecar.observe..")
            .layer("postgres")
            .definedBy("dev.pgsidecar.postgres..")
            .layer("config")
            .definedBy("dev.pgsidecar.config..")
            .whereLayer("cli")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("api")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("security")
            .mayOnlyBeAccessedByLayers("cli", "api")
            .whereLayer("promotion")
            .mayOnlyBeAccessedByLayers("cli", "api")
            .whereLayer("writes")
            .mayOnlyBeAccessedByLayers("cli", "api")
            .whereLayer("partition")
            .mayOnlyBeAccessedByLayers("cli", "api")
            .whereLayer("conversion")
            .mayOnlyBeAccessedByLayers("cli", "api")
            .whereLayer("operation")
            .mayOnlyBeAccessedByLayers("cli", "api", "metrics", "promotion", "writes", "partition", "conversion")
            .whereLayer("probe")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("metrics")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("observe")
            .mayOnlyBeAccessedByLayers(
                    "cli", "api", "probe", "metrics", "promotion", "writes", "partition", "conversion", "operation")
            .whereLayer("postgres")
            .mayOnlyBeAccessedByLayers(
                    "cli",
                    "api",
                    "probe",
                    "metrics",
                    "promotion",
                    "writes",
                    "partition",
                    "conversion",
                    "operation",
                    "observe")
            .whereLayer("config")
            .mayOnlyBeAccessedByLayers(
                    "cli",
                    "api",
                    "security",
                    "probe",
                    "metrics",
                    "promotion",
                    "writes",
                    "partition",
                    "conversion",
                    "operation",
                    "observe",
                    "postgres");
}
