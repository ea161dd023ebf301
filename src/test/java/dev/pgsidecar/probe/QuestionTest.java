package dev.pgsidecar.probe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgsidecar.config.ByteSize;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuestionTest {

    @Test
    void readsEveryParameter() {
        Question question = Question.parse("lag=16MB&lag-time=5s&replication_state=streaming&mode=write&tag_dc=a");
        assertThat(question.lag()).contains(ByteSize.parse("16MB"));
        assertThat(question.lagTime()).contains(Duration.ofSeconds(5));
        assertThat(question.streaming()).isTrue();
        assertThat(question.received()).isTrue();
        assertThat(question.tag()).contains("tag_dc");
        assertThat(Question.parse("mode=apply")).isEqualTo(Question.PLAIN);
        assertThat(Question.parse(null)).isEqualTo(Question.PLAIN);
        assertThat(Question.parse("")).isEqualTo(Question.PLAIN);
        assertThat(Question.parse("lag=16%4DB").lag()).contains(ByteSize.parse("16MB"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            lag=banana                 | not a size
            lag=                       | not a size
            lag                        | not a size
            lag=-1                     | not a size
            lag=99999999999999999999   | not a size
            lag=9999999TB              | beyond
            lag=1&lag=2                | given twice
            lag-time=5                 | not a time
            lag-time=-5s               | not a time
            lag-time=9999999999h       | not a time
            replication_state=asleep   | not one of streaming
            mode=read                  | not one of write, apply
            lagg=1MB                   | unknown parameter "lagg"
            lag=%zz                    | invalid
            a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r | more than 16
            """)
    void refusesTheRest(String query, String why) {
        assertThatThrownBy(() -> Question.parse(query))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why);
    }
}
