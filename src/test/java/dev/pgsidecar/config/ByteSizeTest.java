package dev.pgsidecar.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0B",
        "1024, 1024, 1kB",
        "1000, 1000, 1000B",
        "16MB, 16777216, 16MB",
        "16 MB, 16777216, 16MB",
        "10kB, 10240, 10kB",
        "10KB, 10240, 10kB",
        "1.5GB, 1610612736, 1536MB",
        "2TB, 2199023255552, 2TB",
        "unlimited, 9223372036854775807, unlimited"
    })
    void readsWhatPostgresqlWrites(String text, long bytes, String written) {
        assertThat(ByteSize.parse(text).bytes()).isEqualTo(bytes);
        assertThat(ByteSize.parse(text)).hasToString(written);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "banana",
                "-1",
                "-16MB",
                "16mb",
                "16 MB ",
                "1e9",
                "MB",
                "0x10",
                "9223372036854775807",
                "99999999TB",
                "99999999999999999999",
                "1,5GB",
                "\u0661\u0662",
                "NaN"
            })
    void refusesTheRest(String text) {
        assertThatThrownBy(() -> ByteSize.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }
}
