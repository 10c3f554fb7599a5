// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waits for operations of the bridge, with their failures as plain exceptions. */
final class Await {

    private Await() {}

    static <T> T result(Future<T> operation) throws IOException {
        try {
            return operation.get();
        } catch (ExecutionException e) {
            throw unwrap(e);
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    /** Waits at most so long, cancels then, and says that {@code what} took too long. */
    static <T> T result(Future<T> operation, Duration limit, String what) throws IOException {
        try {
            return operation.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw unwrap(e);
        } catch (InterruptedException e) {
            throw interrupted();
        } catch (TimeoutException e) {
            operation.cancel(true);
            throw new SocketTimeoutException(what + ": no answer within " + seconds(limit));
        }
    }

    /** Waits at most so long for an end of whatever kind. The operation goes on. */
    static void within(Future<?> operation, Duration limit) throws IOException {
        try {
            operation.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException | TimeoutException e) {
            // Whoever asks for the result gets to know.
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    private static String seconds(Duration limit) {
        return limit.toSeconds() == 1 ? "1 second" : limit.toSeconds() + " seconds";
    }

    private static IOException unwrap(ExecutionException failure) {
        Throwable cause = failure.getCause();
        if (cause instanceof IOException io) {
            return io;
        }
        if (cause instanceof RuntimeException runtime) {
            throw runtime;
        }
        if (cause instanceof Error error) {
            throw error;
        }
        return new IOException(cause);
    }

    private static InterruptedIOException interrupted() {
        Thread.currentThread().interrupt();
        return new InterruptedIOException("interrupted");
    }
}
