package dev.pgsidecar.operation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ParametersTest {

    private static final Duration USUAL = Duration.ofSeconds(60);
    private static final Duration LEAST = Duration.ofSeconds(2);
    private static final Duration MOST = Duration.ofHours(1);

    @Test
    void knowFieldsByName() {
        assertThat(Parameters.of(new JsonObject(), Set.of()).text("it")).isEmpty();
        assertThatThrownBy(() -> Parameters.of(new JsonObject().put("generatoin", 7), Set.of("target", "generation")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("unknown field \"generatoin\"; known are generation, target");
        assertThatThrownBy(() -> Parameters.of(new JsonObject().putNull("more"), Set.of()))
                .as("null is a value of a field that is not known")
                .hasMessageContaining("\"more\"");
    }

    @Test
    void takeNullForAbsent() {
        Parameters parameters = read("null");
        assertThat(parameters.text("it")).isEmpty();
        assertThat(parameters.number("it")).isEmpty();
        assertThat(parameters.flag("it")).isFalse();
        assertThat(parameters.names("it")).isEmpty();
        assertThat(duration(parameters)).isEqualTo(USUAL);
        assertThat(word(parameters)).isEqualTo("limit");
        assertThat(inner(parameters).text("inner")).isEmpty();
    }

    @Test
    void readATextThatIsNotBlank() {
        assertThat(read("\"pg-1\"").text("it")).contains("pg-1");
        assertThat(read("\" pg-1 \"").text("it")).as("as it was given").contains(" pg-1 ");
        refuse("\"\"", "it: it is empty", parameters -> parameters.text("it"));
        refuse("\" \\t\"", "it: it is empty", parameters -> parameters.text("it"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "true", "[\"pg-1\"]", "{}", "1.5"})
    void refuseWhatIsNoText(String value) {
        refuse(value, "it: not a text", parameters -> parameters.text("it"));
        refuse(value, "it: not a text", ParametersTest::duration);
        refuse(value, "it: not a text", ParametersTest::word);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "7", "2147483648", "9223372036854775807"})
    void readAWholeNumberFromOneOn(String value) {
        assertThat(read(value).number("it")).contains(Long.parseLong(value));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"0", "-1", "7.0", "7.5", "1e3", "9223372036854775808", "\"7\"", "\"\"", "true", "[7]", "{}"})
    void refuseAnyOtherNumber(String value) {
        refuse(value, "it: not a whole number from 1 on", parameters -> parameters.number("it"));
    }

    @Test
    void readAFlag() {
        assertThat(read("true").flag("it")).isTrue();
        assertThat(read("false").flag("it")).isFalse();
        assertThat(Parameters.of(new JsonObject(), Set.of("it")).flag("it")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"true\"", "\"\"", "1", "0", "[true]", "{}"})
    void refuseAnyOtherFlag(String value) {
        refuse(value, "it: not true or false", parameters -> parameters.flag("it"));
    }

    @Test
    void readNames() {
        assertThat(read("[\"app\"]").names("it").orElseThrow()).containsExactly("app");
        assertThat(read("[\"b\", \"a\", \"A\"]").names("it").orElseThrow()).containsExactly("b", "a", "A");
        assertThat(Parameters.of(new JsonObject(), Set.of("it")).names("it"))
                .as("not the same as none")
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "\"app\"",
                "\"\"",
                "7",
                "true",
                "{}",
                "[\"app\", 7]",
                "[\"app\", null]",
                "[\"app\", \"\"]",
                "[\" \"]",
                "[[\"app\"]]",
                "[{}]",
                "[\"app\", \"app\"]"
            })
    void refuseAnyOtherNames(String value) {
        refuse(value, "it: not a list of different names", parameters -> parameters.names("it"));
    }

    @ParameterizedTest
    @CsvSource({"30s, 30", "30, 30", "PT30S, 30", "2s, 2", "2000ms, 2", "1h, 3600", "60m, 3600"})
    void readALengthOfTime(String text, long seconds) {
        assertThat(duration(read('"' + text + '"'))).isEqualTo(Duration.ofSeconds(seconds));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1s",
                "1999ms",
                "0s",
                "0",
                "PT-30S",
                "-30s",
                "3601s",
                "61m",
                "2h",
                "1d",
                "999999d",
                "9999999999999999m"
            })
    void refuseALengthOutOfRange(String text) {
        assertThatThrownBy(() -> duration(read('"' + text + '"')))
                .isInstanceOf(Parameters.OutOfRange.class)
                .hasMessage("it: %s is not within 2s and 3600s", text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "soon",
                "30x",
                "1.5",
                "s",
                "30 parsecs",
                "PT",
                "99999999999999999999",
                "99999999999999999999ms",
                "9999999999999999h",
                "9999999999999999d",
                "PT9999999999999999H"
            })
    void refuseWhatIsNoTime(String text) {
        assertThatThrownBy(() -> duration(read('"' + text + '"')))
                .isInstanceOf(IllegalArgumentException.class)
                .isNotInstanceOf(Parameters.OutOfRange.class)
                .hasMessage("it: not a time such as 30s or PT30S");
    }

    @Test
    void refuseABlankTime() {
        refuse("\"\"", "it: it is empty", ParametersTest::duration);
        refuse("\"  \"", "it: it is empty", ParametersTest::duration);
    }

    @Test
    void readOneOfTheWords() {
        assertThat(word(read("\"close\""))).isEqualTo("close");
        assertThat(word(Parameters.of(new JsonObject(), Set.of("it")))).isEqualTo("limit");
        refuse("\"kill\"", "it: \"kill\" is none of close, limit", ParametersTest::word);
        refuse("\"Close\"", "it: \"Close\" is none of close, limit", ParametersTest::word);
        refuse("\"\"", "it: it is empty", ParametersTest::word);
    }

    @Test
    void readAnObjectsFieldsByTheirWholeName() {
        assertThat(inner(read("{\"inner\": \"x\"}")).text("inner")).contains("x");
        refuse("{\"other\": 1}", "unknown field \"it.other\"; known are inner", ParametersTest::inner);
        refuse("{\"inner\": 1}", "it.inner: not a text", parameters -> inner(parameters)
                .text("inner"));
        refuse("{\"inner\": \" \"}", "it.inner: it is empty", parameters -> inner(parameters)
                .text("inner"));
        refuse("{\"inner\": 0}", "it.inner: not a whole number from 1 on", parameters -> inner(parameters)
                .number("inner"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"x\"", "\"\"", "7", "true", "[]"})
    void refuseWhatIsNoObject(String value) {
        refuse(value, "it: not an object such as {\"inner\": 1}", ParametersTest::inner);
    }

    private static void refuse(String value, String message, Consumer<Parameters> reader) {
        Parameters parameters = read(value);
        assertThatThrownBy(() -> reader.accept(parameters))
                .isInstanceOf(IllegalArgumentException.class)
                .isNotInstanceOf(Parameters.OutOfRange.class)
                .hasMessage(message);
    }

    private static Parameters read(String value) {
        return Parameters.of(new JsonObject("{\"it\": " + value + "}"), Set.of("it"));
    }

    private static Duration duration(Parameters parameters) {
        return parameters.duration("it", USUAL, LEAST, MOST);
    }

    private static String word(Parameters parameters) {
        return parameters.word("it", "limit", Set.of("limit", "close"));
    }

    private static Parameters inner(Parameters parameters) {
        return parameters.object("it", Set.of("inner"), "{\"inner\": 1}");
    }
}
