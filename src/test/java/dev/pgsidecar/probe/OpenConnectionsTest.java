package dev.pgsidecar.probe;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OpenConnectionsTest {

    private final OpenConnections<String> connections = new OpenConnections<>(3);

    @Test
    void makesRoomByTheOneThatWaitedLongest() {
        assertThat(connections.add("a", 10)).isEmpty();
        assertThat(connections.add("b", 10)).isEmpty();
        assertThat(connections.add("c", 10)).isEmpty();
        connections.touch("a", 30);
        assertThat(connections.add("d", 40)).containsExactly("b");
        assertThat(connections.size()).isEqualTo(3);
    }

    @Test
    void knowsWhoseTimeIsUp() {
        connections.add("a", 10);
        connections.add("b", 20);
        assertThat(connections.overdue(10)).isEmpty();
        assertThat(connections.overdue(15)).containsExactly("a");
        connections.remove("a");
        connections.touch("a", 99);
        assertThat(connections.size()).isEqualTo(1);
        assertThat(connections.overdue(21)).containsExactly("b");
    }
}
