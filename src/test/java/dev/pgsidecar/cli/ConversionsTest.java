package dev.pgsidecar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What people read about conversions. */
class ConversionsTest {

    private static JsonObject progress() {
        return new JsonObject()
                .put("phase", "attached")
                .put("rows", 84_000)
                .put("total", 200_000)
                .put("percent", 42.0)
                .put("rowsPerSecond", 1_000)
                .put("secondsLeft", 116);
    }

    @Test
    void drawsHowFarItIs() {
        assertThat(Conversions.progress(progress()))
                .isEqualTo("  copying   [##########--------------]  42.0 %  84,000 of about 200,000 rows,"
                        + " 1,000 a second, 1 min 56 s left");
    }

    @Test
    void tellsTheStandbysLag() {
        assertThat(Conversions.progress(progress().put("standbyLagBytes", 65_536)))
                .endsWith(", standby 64.0 kB behind");
    }

    @Test
    void claimsNoTimeLeftBeforeItHasMeasured() {
        assertThat(Conversions.progress(progress()
                        .put("phase", "copied")
                        .put("rowsPerSecond", 0)
                        .put("percent", 100)))
                .isEqualTo("  comparing [########################] 100.0 %  84,000 of about 200,000 rows");
    }

    @Test
    void showsThePlan() {
        JsonObject plan = new JsonObject()
                .put("table", "public.orders")
                .put("rows", 200_000)
                .put("bytes", 31_457_280)
                .put("partitions", 34)
                .put("estimatedSeconds", 3_900)
                .put("carried", new JsonArray().add("index orders_pkey"))
                .put("notCarried", new JsonArray())
                .put("clientErrors", new JsonArray().add("ON CONFLICT (id): (42P10)"))
                .put("statements", new JsonArray())
                .put("ddl", new JsonArray().add("CREATE TABLE x (\n  id bigint)"));
        assertThat(Conversions.plan(plan).lines())
                .containsExactly(
                        "public.orders: about 200,000 rows, 30.0 MB; 34 partitions; about 1 h 05 min",
                        "",
                        "carried:",
                        "  index orders_pkey",
                        "",
                        "not carried: none",
                        "",
                        "errors that clients may get afterwards:",
                        "  ON CONFLICT (id): (42P10)",
                        "",
                        "ON CONFLICT is used on it, as it seems, by: none",
                        "",
                        "statements that make the new table:",
                        "  CREATE TABLE x (",
                        "    id bigint);");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            attached   | false | wait; pgsidecar partitions pause app-3, or cancel app-3
            attached   | true  | pgsidecar partitions resume app-3
            swapped    | false | wait; pgsidecar partitions revert app-3 takes it back
            converted  | false | pgsidecar partitions finish app-3, or revert app-3
            reverting  | false | wait; it goes on by itself
            cancelling | false | wait; it goes on by itself
            """)
    void namesTheNextCommand(String phase, boolean paused, String command) {
        JsonObject conversion =
                new JsonObject().put("id", "app-3").put("phase", phase).put("paused", paused);
        assertThat(Conversions.next(conversion)).isEqualTo(command);
    }

    @Test
    void listsThoseThatAreNotOver() {
        JsonObject database = new JsonObject()
                .put(
                        "conversions",
                        new JsonArray()
                                .add(new JsonObject()
                                        .put("id", "app-3")
                                        .put("table", "public.orders")
                                        .put("interval", "1 day")
                                        .put("phase", "attached")
                                        .put("paused", true)
                                        .put("rows", 84_000)
                                        .put("total", 200_000)
                                        .put("began", "2026-01-02T03:04:05Z")));
        assertThat(Conversions.table(new JsonObject().put("databases", new JsonArray().add(database))))
                .hasValueSatisfying(text -> assertThat(text)
                        .contains("app-3", "attached, paused", "84000", "pgsidecar partitions resume app-3"));
        assertThat(Conversions.table(new JsonObject().put("databases", new JsonArray().add(new JsonObject()))))
                .isEmpty();
    }

    @Test
    void wantsOneConversion() throws Exception {
        assertThat(ConversionActs.path("app-3", null, "finish")).isEqualTo("/v1/partitions/conversions/app-3/finish");
        assertThat(ConversionActs.path(null, "my app/x-3", "revert"))
                .isEqualTo("/v1/partitions/conversions/my%20app%2Fx-3/revert");
        assertThatThrownBy(() -> ConversionActs.path(null, null, "finish")).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> ConversionActs.path("app-3", "app-3", "finish"))
                .isInstanceOf(UsageException.class);
    }

    @Test
    void writesOverALineOnATerminalAndNowAndThenElsewhere() {
        AtomicLong nanos = new AtomicLong(-5);
        assertThat(written(true, nanos)).isEqualTo("\rone\033[K\rtwo\033[K\rthree\033[K" + System.lineSeparator());
        assertThat(written(false, nanos).lines()).containsExactly("one", "three");
    }

    private static String written(boolean terminal, AtomicLong nanos) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        LiveLine line = new LiveLine(new PrintStream(bytes, true, StandardCharsets.UTF_8), terminal, nanos::get);
        line.show("one");
        line.show("two");
        nanos.addAndGet(10_000_000_000L);
        line.show("three");
        line.end();
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
