// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.future;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeoutException;

/** A stage that depends on an operation: cancelling it, or letting it time out, cancels the operation first. */
final class DependentFuture<T> extends WskFuture<T> {
    private final OperationFuture<?> origin;

    DependentFuture(OperationFuture<?> origin) {
        super(origin.dispatcher);
        this.origin = origin;
    }

    @Override
    OperationFuture<?> origin() {
        return origin;
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        if (!isDone()) {
            origin.endFor(() -> super.cancel(false));
            origin.awaitEnd();
            origin.runEndings();
            super.cancel(false);
        }
        return isCancelled();
    }

    /** Runs on a spare thread, and what depends on this runs there too: a busy executor or poller doesn't delay it. */
    @Override
    void expire(Expiry<T> expiry) {
        origin.endFor(() -> timeOut(expiry));
        origin.awaitRecord();
        timeOut(expiry); // whoever delivers the operation does the same before the cancellation reaches this
    }

    private void timeOut(Expiry<T> expiry) {
        if (expiry.hasValue()) {
            complete(expiry.value());
        } else {
            completeExceptionally(new TimeoutException(expiry.message()));
        }
    }

    @Override
    void forgetWhenDone(ScheduledFuture<?> timer) {
        if (isDone()) {
            timer.cancel(false);
            return;
        }
        whenComplete((value, failure) -> timer.cancel(false));
    }
}
