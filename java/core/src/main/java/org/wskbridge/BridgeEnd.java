// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.WeakReference;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.wskbridge.internal.future.LibraryFuture;
import org.wskbridge.internal.future.Uninterruptibly;
import org.wskbridge.internal.shim.Verb;
import org.wskbridge.internal.socket.CompletionPort;
import org.wskbridge.internal.socket.ControlHandle;
import org.wskbridge.internal.socket.SocketHandle;

/**
 * How a bridge ends: asked to, because it can't go on, or dropped without being closed. It has all that is to be closed
 * and doesn't refer to the bridge or keep a socket's object, so that the garbage collector can find them dropped.
 */
final class BridgeEnd {
    private static final Logger LOGGER = System.getLogger(WskBridge.class.getName());
    private static final long ABORT_MILLIS = 2000;

    /** How often the closing thread looks whether the poller is in user code. */
    private static final int LOOK_MILLIS = 10;

    private final String name;
    private final CompletionPort port;
    private final ControlHandle control;
    private final Map<SocketHandle, WeakReference<WskSocket>> sockets = new ConcurrentHashMap<>();
    private final CompletableFuture<Void> closed;

    /** Guarded by this; sockets are registered holding the lock too, so none is missed by the close. */
    private boolean closing;

    /** The thread that closes. User code may run on it: dependents of what the end of the port completes. */
    private volatile Thread closer;

    BridgeEnd(String name, CompletionPort port, ControlHandle control) {
        this.name = name;
        this.port = port;
        this.control = control;
        this.closed = new LibraryFuture<>(port.dispatcher());
        port.onFailure(this::fail);
    }

    synchronized boolean isOpen() {
        return !closing;
    }

    /** Remembers a socket until it is closed; closes it if the bridge is closing. */
    void register(WskSocket socket) throws IOException {
        SocketHandle handle = socket.handle;
        synchronized (this) {
            if (!closing) {
                sockets.put(handle, new WeakReference<>(socket));
                handle.released().whenComplete((nothing, failure) -> sockets.remove(handle));
                return;
            }
        }
        socket.closeNow();
        throw control.closedFailure(Verb.OPEN);
    }

    CompletableFuture<Void> closed() {
        return closed;
    }

    /** Whether the calling thread is one that must not wait for the end. */
    boolean isOneOfItsThreads() {
        return port.isCurrentThread() || Thread.currentThread() == closer;
    }

    void start() {
        synchronized (this) {
            if (closing) {
                return;
            }
            closing = true;
        }
        try {
            Thread thread = new Thread(this::finish, name + "-closer");
            thread.setDaemon(true);
            closer = thread;
            thread.start();
        } catch (OutOfMemoryError e) { // no memory, or no thread, to close with: the caller may try again
            synchronized (this) {
                closing = false;
            }
            throw e;
        }
    }

    /** Completions can't be taken any more: nothing would ever end. */
    private void fail(Throwable cause) {
        port.runApart(this::start);
        LOGGER.log(Level.ERROR, name + " can't go on and is closed", cause);
    }

    private void finish() {
        try {
            closeSockets();
        } catch (OutOfMemoryError e) {
            LOGGER.log(Level.WARNING, "no memory to close the sockets of " + name + " one by one", e);
        }
        try {
            control.close();
            port.close();
        } finally {
            closed.complete(null);
        }
    }

    private void closeSockets() {
        if (port.failure().isPresent()) {
            closeAllNow();
            return;
        }
        long longest = 0;
        for (Map.Entry<SocketHandle, WeakReference<WskSocket>> entry : sockets.entrySet()) {
            WskSocket socket = entry.getValue().get();
            if (socket == null) {
                entry.getKey().closeNow();
            } else {
                socket.startClose();
                longest = Math.max(longest, socket.closeMillis());
            }
        }
        if (!awaitReleased(longest + ABORT_MILLIS)) {
            closeAllNow();
            awaitReleased(ABORT_MILLIS);
        }
    }

    private void closeAllNow() {
        sockets.keySet().forEach(SocketHandle::closeNow);
    }

    /** Waits until the driver let go of all sockets; user code that blocks the poller doesn't matter. */
    private boolean awaitReleased(long millis) {
        CompletableFuture<Void> all = CompletableFuture.allOf(
                sockets.keySet().stream().map(SocketHandle::released).toArray(CompletableFuture<?>[]::new));
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (!Uninterruptibly.await(all, LOOK_MILLIS)) {
            port.pollInPlace(LOOK_MILLIS);
            if (System.nanoTime() - deadline >= 0) {
                return false;
            }
        }
        return true;
    }
}
