package dev.pgsidecar.observe;

import java.time.Duration;
import java.util.Optional;

/**
 * What is known of a configured peer.
 *
 * @param at when it was last asked; absent before the first answer or failure
 * @param now what it said then; empty if it, or its server, did not answer
 * @param operation what its agent carries out just now, such as {@code promote}, whatever its server says
 * @param before the last that it ever said, for what only a server that is gone knew
 * @param beforeAt when it said that
 * @param failure why there is nothing now
 */
public record Peer(
        String name,
        Optional<Moment> at,
        Optional<PeerInstance> now,
        Optional<String> operation,
        Optional<PeerInstance> before,
        Optional<Moment> beforeAt,
        Optional<String> failure) {

    static Peer unasked(String name) {
        return new Peer(
                name,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of("not asked yet"));
    }

    Peer said(PeerInstance instance, Optional<String> busyWith) {
        Optional<Moment> moment = Optional.of(Moment.now());
        return new Peer(name, moment, Optional.of(instance), busyWith, Optional.of(instance), moment, Optional.empty());
    }

    Peer silent(String why, Optional<String> busyWith) {
        return new Peer(
                name, Optional.of(Moment.now()), Optional.empty(), busyWith, before, beforeAt, Optional.of(why));
    }

    /** Whether its agent carries out just this. */
    public boolean carriesOut(String kind) {
        return operation.equals(Optional.of(kind));
    }

    /** What it last said, if that was on a newer timeline: a timeline never goes back, so a word of any age counts. */
    public Optional<PeerInstance> newerThan(int timeline) {
        return before.filter(last -> last.timeline() > timeline);
    }

    /** What it says, if that is the truth still, and it is a primary. */
    public Optional<PeerInstance> freshPrimary(Moment moment, Duration staleAfter) {
        return fresh(moment, staleAfter).filter(instance -> instance.role() == Role.PRIMARY);
    }

    /** What it says, if that is the truth still. */
    public Optional<PeerInstance> fresh(Moment moment, Duration staleAfter) {
        return now.filter(
                instance -> at.orElseThrow().ageAt(moment).plus(instance.age()).compareTo(staleAfter) <= 0);
    }
}
