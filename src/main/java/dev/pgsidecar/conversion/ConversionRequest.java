package dev.pgsidecar.conversion;

import dev.pgsidecar.config.ByteSize;
import dev.pgsidecar.operation.Parameters;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.Set;

/**
 * What is to be converted; or, with a name alone, which conversion is to go on.
 *
 * @param goOn one that has begun
 * @param table with its schema
 * @param control the column that rows are to be parted by
 * @param interval of a partition: an interval of time, or a number
 * @param premake how many partitions are made ahead
 * @param retention how long partitions are kept once it is finished
 * @param maxLag with a standby that is further behind it waits
 */
record ConversionRequest(
        Optional<ConversionName> goOn,
        String database,
        String table,
        String control,
        String interval,
        int premake,
        Optional<String> retention,
        ByteSize maxLag) {

    private static final ByteSize LAG = ByteSize.parse("64MB");

    private static final int USUAL_PREMAKE = 4;

    private static final long MOST_PREMADE = 1000;

    /**
     * Reads it.
     *
     * @throws IllegalArgumentException if a field is unknown or makes no sense
     */
    static ConversionRequest of(JsonObject request) {
        Parameters parameters = Parameters.of(
                request,
                Set.of("conversion", "database", "table", "control", "interval", "premake", "retention", "maxLag"));
        Optional<ConversionName> goOn = parameters.text("conversion").map(ConversionName::of);
        if (goOn.isPresent()) {
            Parameters.of(request, Set.of("conversion"));
            return new ConversionRequest(goOn, goOn.get().database(), "", "", "", 0, Optional.empty(), LAG);
        }
        long premake = parameters.number("premake").orElse((long) USUAL_PREMAKE);
        if (premake > MOST_PREMADE) {
            throw new IllegalArgumentException("premake: at most " + MOST_PREMADE);
        }
        return new ConversionRequest(
                goOn,
                required(parameters, "database", "which one? partition.databases has them"),
                required(parameters, "table", "which one? Such as public.orders"),
                required(parameters, "control", "by which column? Such as created_at"),
                required(parameters, "interval", "how long is a partition? Such as 1 day, or 10000 of a number"),
                (int) premake,
                parameters.text("retention"),
                parameters.text("maxLag").map(ByteSize::parse).orElse(LAG));
    }

    private static String required(Parameters parameters, String name, String question) {
        return parameters.text(name).orElseThrow(() -> new IllegalArgumentException(name + ": " + question));
    }

    /** The table's schema; empty if it was not told. */
    String schema() {
        int dot = table.indexOf('.');
        return dot < 0 ? "" : table.substring(0, dot);
    }

    String name() {
        return table.substring(table.indexOf('.') + 1);
    }
}
