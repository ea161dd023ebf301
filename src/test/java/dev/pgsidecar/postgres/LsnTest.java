package dev.pgsidecar.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LsnTest {

    @ParameterizedTest
    @ValueSource(strings = {"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "0/1"})
    void writesWhatItRead(String text) {
        assertThat(Lsn.parse(text)).hasToString(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "/", "0/", "/0", "G/0", "1/2/3", "123456789/0", "0/-1", " 0/0"})
    void refusesTheRest(String text) {
        assertThatThrownBy(() -> Lsn.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void countsAndComparesBytes() {
        Lsn earlier = Lsn.parse("1/FFFFFFFF");
        Lsn later = Lsn.parse("2/0");
        assertThat(later.minus(earlier)).isEqualTo(1);
        assertThat(earlier.minus(later)).isEqualTo(-1);
        assertThat(earlier.max(later)).isEqualTo(later);
        assertThat(Lsn.parse("80000000/0")).isGreaterThan(Lsn.parse("7FFFFFFF/FFFFFFFF"));
    }
}
