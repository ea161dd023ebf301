package dev.pgsidecar.bench;

/** The agent has ended. An Error, so that no code of the agent takes it for the failure of a step. */
public final class AgentKilled extends Error {

    private static final long serialVersionUID = 1;

    private AgentKilled(String where) {
        super(where, null, false, false);
    }

    /** For the current thread, which it ends without a trace where that is one of the agent's. */
    static AgentKilled here(String where) {
        Thread thread = Thread.currentThread();
        if (thread.isVirtual()) {
            thread.setUncaughtExceptionHandler(AgentKilled::ignore);
        }
        return new AgentKilled(where);
    }

    private static void ignore(Thread thread, Throwable thrown) {
        if (!(thrown instanceof AgentKilled)) {
            thread.getThreadGroup().uncaughtException(thread, thrown);
        }
    }
}
