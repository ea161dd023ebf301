package dev.pgsidecar.partition;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgsidecar.operation.Check;
import dev.pgsidecar.postgres.catalog.Contents;
import dev.pgsidecar.postgres.catalog.Contents.Range;
import dev.pgsidecar.postgres.catalog.PartitionSet;
import dev.pgsidecar.postgres.catalog.Partman;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What is said of a set before and after maintenance. */
class JudgementTest {

    private static final long DAY = 86_400_000_000L;

    /** A set by day whose partitions begin at these days. */
    private static PartitionSet days(JsonObject config, long... days) {
        return set("timestamptz", config, DAY, days);
    }

    private static PartitionSet numbers(JsonObject config, long... tens) {
        return set("int8", config, 10, tens);
    }

    private static PartitionSet set(String type, JsonObject config, long length, long... begins) {
        JsonArray partitions = new JsonArray();
        LongStream.of(begins)
                .forEach(begin -> partitions.add(new JsonObject()
                        .put("oid", begin + 1)
                        .put("name", "public.t_p" + begin)
                        .put("quoted", "public.t_p" + begin)
                        .put("is_default", false)
                        .put("bytes", 1)
                        .put("from", begin * length)
                        .put("to", (begin + 1) * length)));
        partitions.add(new JsonObject()
                .put("oid", 999)
                .put("name", "public.t_default")
                .put("quoted", "public.t_default")
                .put("is_default", true)
                .put("bytes", 1));
        JsonObject all = new JsonObject()
                .put("parent_table", "public.t")
                .put("partition_interval", "1")
                .put("premake", 2)
                .put("automatic_maintenance", "on")
                .put("ignore_default_data", true)
                .mergeIn(config);
        JsonObject row = new JsonObject()
                .put("config", all)
                .put("control_type", type)
                .put("quoted", "public.t")
                .put("control_quoted", "at")
                .put("partitioned", true)
                .put("owned", true)
                .put("partitions", partitions);
        return Partman.sets(new JsonObject().put("sets", new JsonArray().add(row)))
                .getFirst();
    }

    /** What is in a set by day at noon of day 3. */
    private static Contents contents(int empty, Range... ranges) {
        long rows = List.of(ranges).stream().mapToLong(Range::rows).sum();
        OptionalLong farthest = List.of(ranges).stream().mapToLong(Range::from).max();
        return new Contents(
                3 * DAY + DAY / 2,
                empty,
                OptionalLong.empty(),
                OptionalLong.empty(),
                rows,
                0,
                farthest,
                List.of(ranges),
                false,
                false);
    }

    private static Contents retaining(long edge, Range... ranges) {
        Contents of = contents(2, ranges);
        return new Contents(
                of.now(),
                of.emptyAtTheEnd(),
                of.largest(),
                OptionalLong.of(edge),
                of.defaultRows(),
                of.strayRows(),
                of.farthest(),
                of.ranges(),
                of.moreRanges(),
                false);
    }

    private static Range day(long day, long rows) {
        return new Range(day * DAY, (day + 1) * DAY, rows);
    }

    @Test
    void isDueBehindTheNewestRow() {
        PartitionSet set = days(new JsonObject(), 1, 2, 3, 4, 5);
        assertThat(Judgement.isDue(set, contents(2))).isFalse();
        assertThat(Judgement.isDue(set, contents(1))).isTrue();
        assertThat(Judgement.tooFew(set, contents(1))).hasValueSatisfying(why -> assertThat(why)
                .contains("public.t_p5")
                .contains("1 empty")
                .contains("required: 2"));
        assertThat(Judgement.isDue(days(new JsonObject().put("sub_partition_set_full", true), 1), contents(0)))
                .as("it has reached its end")
                .isFalse();
        assertThat(Judgement.isDue(days(new JsonObject(), 1), contents(1)))
                .as("without a row pg_partman makes none")
                .isFalse();
    }

    @Test
    void isDueBehindThePresentInASetThatGoesOnForEver() {
        JsonObject infinite = new JsonObject().put("infinite_time_partitions", true);
        assertThat(Judgement.isDue(days(infinite, 1, 2, 3, 4, 5), contents(0))).isFalse();
        assertThat(Judgement.isDue(days(infinite, 1, 2, 3, 4), contents(4))).isTrue();
    }

    @Test
    void knowsHowLongItLasts() {
        assertThat(contents(2).timeLeft(days(new JsonObject(), 1, 2, 3, 4, 5))).contains(Duration.ofHours(60));
        assertThat(contents(2).timeLeft(days(new JsonObject(), 1, 2, 3, 5)))
                .as("up to the gap")
                .contains(Duration.ofHours(12));
        PartitionSet behind = days(new JsonObject(), 1, 2);
        assertThat(contents(2).timeLeft(behind)).contains(Duration.ZERO);
        assertThat(Judgement.remark(behind, contents(2))).isPresent();
        assertThat(Judgement.remark(days(new JsonObject(), 3), contents(2))).isEmpty();
    }

    @Test
    void refusesWhatOneRowWouldDraw() {
        PartitionSet looks = days(new JsonObject().put("ignore_default_data", false), 1, 2, 3);
        assertThat(Judgement.refusal(looks, contents(0, day(103, 1)), "4.7.4")).isEmpty();
        assertThat(Judgement.refusal(looks, contents(0, day(104, 1)), "4.7.4"))
                .hasValueSatisfying(refusal ->
                        assertThat(refusal.why()).contains("101 partitions").contains("1970-04-15"));
        PartitionSet ignores = days(new JsonObject(), 1, 2, 3);
        assertThat(Judgement.refusal(ignores, contents(0, day(104, 1)), "5.2.4"))
                .isEmpty();
        assertThat(Judgement.refusal(numbers(new JsonObject(), 1, 2), contents(0, new Range(5000, 5010, 1)), "4.7.4"))
                .as("version 4 looks there in sets by number, whatever was set")
                .isPresent();
    }

    @Test
    void refusesBoundsOfAnotherTimeZone() {
        Contents berlin = new Contents(
                0, 0, OptionalLong.empty(), OptionalLong.empty(), 0, 0, OptionalLong.empty(), List.of(), false, true);
        assertThat(Judgement.refusal(days(new JsonObject(), 1, 2, 3), berlin, "5.2.4"))
                .hasValueSatisfying(
                        refusal -> assertThat(refusal.why()).contains("public.t_p3 begins at 1970-01-04T00:00:00Z"));
    }

    @Test
    void movesWhatLiesNearAndIsKept() {
        PartitionSet set = days(new JsonObject(), 10, 11);
        Contents contents = retaining(5 * DAY, day(3, 1), day(8, 2), day(12, 3), day(200, 4));
        assertThat(Judgement.movable(set, contents)).containsExactly(day(8, 2), day(12, 3));
        assertThat(Judgement.isBlocked(set, contents)).isTrue();
        assertThat(Judgement.isBlocked(set, retaining(5 * DAY, day(8, 2), day(200, 1))))
                .isFalse();
        RescueChecks checks = new RescueChecks(set, contents);
        assertThat(checks.judge()).extracting(Check::failed).containsExactly(false, false, false);
        assertThat(checks.left()).extracting(RescueChecks.LeftRows::rows).containsExactly(1L, 4L);
        assertThat(new RescueChecks(set, retaining(5 * DAY, day(200, 4)))
                        .judge()
                        .get(1)
                        .failed())
                .isTrue();
        assertThat(new RescueChecks(set, retaining(5 * DAY, day(12, 2_000_000)))
                        .judge()
                        .get(2)
                        .waivable())
                .isTrue();
    }

    @Test
    void namesTheNextCommand() {
        PartitionSet set = days(new JsonObject(), 10, 11);
        assertThat(Judgement.hint("app", set, Optional.of(contents(0)), "must be owner of table t", "partman"))
                .contains("caretaker.sql");
        assertThat(Judgement.hint("app", set, Optional.of(contents(0, day(12, 1))), "check", "partman"))
                .isEqualTo("pgsidecar partitions rescue --database app --set public.t");
        assertThat(Judgement.hint("app", set, Optional.of(contents(0)), "lock timeout", "partman"))
                .contains("partman.run_maintenance('public.t')");
    }
}
