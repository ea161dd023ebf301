package dev.pgsidecar.observe;

import java.time.Duration;
import java.util.Optional;

/**
 * What is known of a configured peer.
 *
 * @param at when it was last asked; absent before the first answer or failure
 * @param now what it said then; empty if it, or its server, did not answer
 * @param before the last that it ever said, for what only a server that is gone knew
 * @param failure why there is nothing now
 */
public record Peer(
        String name,
        Optional<Moment> at,
        Optional<PeerInstance> now,
        Optional<PeerInstance> before,
        Optional<String> failure) {

    static Peer unasked(String name) {
        return new Peer(name, Optional.empty(), Optional.empty(), Optional.empty(), Optional.of("not asked yet"));
    }

    Peer said(PeerInstance instance) {
        return new Peer(
                name, Optional.of(Moment.now()), Optional.of(instance), Optional.of(instance), Optional.empty());
    }

    Peer silent(String why) {
        return new Peer(name, Optional.of(Moment.now()), Optional.empty(), before, Optional.of(why));
    }

    /** What it says, if that is the truth still. */
    public Optional<PeerInstance> fresh(Moment moment, Duration staleAfter) {
        return now.filter(
                instance -> at.orElseThrow().ageAt(moment).plus(instance.age()).compareTo(staleAfter) <= 0);
    }
}
