package dev.pgsidecar.observe;

import jakarta.inject.Singleton;

/** The clocks of the operating system. */
@Singleton
final class SystemClock implements HostClock {

    @Override
    public Moment now() {
        return Moment.now();
    }
}
