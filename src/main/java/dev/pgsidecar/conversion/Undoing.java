package dev.pgsidecar.conversion;

import dev.pgsidecar.operation.DatabaseTools;
import dev.pgsidecar.operation.StepFailed;
import dev.pgsidecar.postgres.ConversionWork.NotNow;
import dev.pgsidecar.postgres.ConversionWork.Why;

/** Takes everything back that a conversion has made before its swap. Once begun it is gone on with by whoever comes. */
final class Undoing implements AutoCloseable {

    private final Patience patience;
    private final ConversionName name;

    Undoing(DatabaseTools tools, ConversionName name, Patience.Rest rest) {
        this.patience = new Patience(tools, name, rest);
        this.name = name;
    }

    /**
     * Undoes it.
     *
     * @return whether clients use the old table for sure, and nothing is left; false if they use the new one already
     */
    boolean undo() throws StepFailed, InterruptedException {
        try {
            patience.act((_, tables) -> tables.cancel(name.id()));
            patience.act((_, tables) -> tables.detach(name.id()));
            patience.act((_, tables) -> tables.drop(name.id()));
            return true;
        } catch (NotNow e) {
            if (e.why() == Why.ELSEWHERE) {
                return gone();
            }
            throw StepFailed.because(e.getMessage(), "GET /v1/partitions");
        }
    }

    private boolean gone() throws StepFailed, InterruptedException {
        try {
            return patience.get((work, _) -> work.find(name.id())).isEmpty();
        } catch (NotNow e) {
            throw StepFailed.because(e.getMessage(), "GET /v1/partitions");
        }
    }

    @Override
    public void close() {
        patience.close();
    }
}
