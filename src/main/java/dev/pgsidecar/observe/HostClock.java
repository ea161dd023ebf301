package dev.pgsidecar.observe;

/** The clocks of this host, for code that judges how much time has passed. */
public interface HostClock {

    /** This moment. */
    Moment now();
}
