package dev.pgsidecar.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.cluster.TestTools;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** deploy/prometheus: every alert is tested, has a runbook, and rests on metrics that there are. */
class PrometheusRulesIT {

    private static final Path FOLDER = Path.of("deploy/prometheus");
    private static final String RULES = "pgsidecar.rules.yml";
    private static final List<String> TESTS = List.of("pgsidecar.rules.test.yml", "pgsidecar.rules.days.test.yml");
    private static final Path RUNBOOKS = Path.of("docs/runbooks");
    private static final Pattern METRIC = Pattern.compile("\\bpg(sidecar)?_[a-z_]+");
    private static final Pattern TIME = Pattern.compile("(\\d+)([hms])");

    /** An alert of the rules. */
    private record Alert(String name, String expression, String severity, Map<String, String> annotations) {}

    /** What a test expects of one alert at one moment. */
    private record Expected(Duration at, boolean fires) {}

    @Test
    void promtoolFindsNoFault() throws Exception {
        promtool("check", "rules", RULES);
        promtool("check", "config", "prometheus.yml");
    }

    @Test
    void doWhatTheirTestsSay() throws Exception {
        promtool(Stream.concat(Stream.of("test", "rules"), TESTS.stream()).toArray(String[]::new));
    }

    @Test
    void areTestedToStaySilentThenToFireThenToClear() throws IOException {
        for (Alert alert : alerts()) {
            List<List<Expected>> groups = new ArrayList<>();
            for (String file : TESTS) {
                for (Map<String, Object> group : maps(yaml(FOLDER.resolve(file)).get("tests"))) {
                    groups.add(maps(group.get("alert_rule_test")).stream()
                            .filter(test -> test.get("alertname").equals(alert.name()))
                            .map(test -> new Expected(
                                    time(test.get("eval_time").toString()), test.containsKey("exp_alerts")))
                            .toList());
                }
            }
            assertThat(groups)
                    .as("%s has a group of tests in which it does all three, in this order", alert.name())
                    .anyMatch(PrometheusRulesIT::silentThenFiresThenClears);
        }
    }

    private static boolean silentThenFiresThenClears(List<Expected> group) {
        return group.stream()
                .filter(Expected::fires)
                .anyMatch(firing -> group.stream()
                                .anyMatch(
                                        before -> !before.fires() && before.at().compareTo(firing.at()) < 0)
                        && group.stream()
                                .anyMatch(after -> !after.fires() && after.at().compareTo(firing.at()) > 0));
    }

    @Test
    void haveARunbookEach() throws IOException {
        String index = Files.readString(RUNBOOKS.resolve("README.md"));
        String table = Files.readString(Path.of("docs/monitoring.md"));
        for (Alert alert : alerts()) {
            Path runbook = Path.of(alert.annotations().getOrDefault("runbook_url", "none"));
            assertThat(runbook).as(alert.name()).exists();
            assertThat(runbook.getFileName().toString())
                    .isEqualTo(alert.name().replaceAll("(?<=.)([A-Z])", "-$1").toLowerCase(Locale.ROOT) + ".md");
            List<String> lines = Files.readAllLines(runbook);
            assertThat(lines.getFirst()).startsWith("# " + alert.name());
            assertThat(lines).as("%s is read at night", runbook).hasSizeLessThanOrEqualTo(45);
            assertThat(index).contains("[%s](%s)".formatted(alert.name(), runbook.getFileName()));
            assertThat(table)
                    .contains("| [%s](runbooks/%s) | %s |"
                            .formatted(alert.name(), runbook.getFileName(), alert.severity()));
        }
    }

    @Test
    void restOnMetricsThatAreDocumented() throws IOException {
        Set<String> documented = metrics(Files.readString(Path.of("docs/metrics.md")));
        for (Alert alert : alerts()) {
            assertThat(documented).as(alert.name()).containsAll(metrics(alert.expression()));
            assertThat(documented)
                    .as(alert.name())
                    .containsAll(metrics(alert.annotations().toString()));
        }
    }

    @Test
    void sayWhatIsWrongAndHowBad() throws IOException {
        assertThat(alerts()).hasSizeGreaterThan(25).allSatisfy(alert -> {
            assertThat(alert.severity()).isIn("critical", "warning");
            assertThat(alert.annotations()).containsOnlyKeys("summary", "description", "runbook_url");
        });
        assertThat(alerts().stream().map(Alert::name)).doesNotHaveDuplicates();
    }

    private static Set<String> metrics(String text) {
        return METRIC.matcher(text).results().map(MatchResult::group).collect(Collectors.toCollection(TreeSet::new));
    }

    private static List<Alert> alerts() throws IOException {
        return maps(yaml(FOLDER.resolve(RULES)).get("groups")).stream()
                .flatMap(group -> maps(group.get("rules")).stream())
                .map(rule -> new Alert(
                        rule.get("alert").toString(),
                        rule.get("expr").toString(),
                        strings(rule.get("labels")).get("severity"),
                        strings(rule.get("annotations"))))
                .toList();
    }

    private static Map<String, Object> yaml(Path file) throws IOException {
        return new Yaml().load(Files.readString(file));
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> maps(Object list) {
        return (List<Map<String, Object>>) list;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, String> strings(Object map) {
        return (Map<String, String>) map;
    }

    private static Duration time(String text) {
        return TIME.matcher(text)
                .results()
                .map(part -> Duration.parse("PT" + part.group()))
                .reduce(Duration.ZERO, Duration::plus);
    }

    private static void promtool(String... arguments) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of(TestTools.program("promtool").toString()));
        command.addAll(Arrays.asList(arguments));
        Process process = new ProcessBuilder(command)
                .directory(FOLDER.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("%s: %s", command, output).isZero();
    }
}
