// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.socket;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.wskbridge.WskQuotaException;
import org.wskbridge.internal.future.OperationFuture;
import org.wskbridge.internal.future.Outcome;
import org.wskbridge.internal.shim.CompletionRecord;
import org.wskbridge.internal.shim.SocketAddresses;
import org.wskbridge.internal.shim.Status;
import org.wskbridge.internal.shim.StatusMapping;
import org.wskbridge.internal.shim.Verb;

/**
 * WskAccept on a listen socket. The driver names an accepted connection by a token; a fresh handle takes it over. If
 * no handle can be opened, the token is kept for the next accept.
 *
 * @param <T> the API's type for a connection
 */
public final class Acceptor<T> {
    /** Makes the API's object of a connection; throws an IOException if the bridge is closing. */
    @FunctionalInterface
    public interface Maker<T> {
        T make(SocketHandle connection, InetSocketAddress remote) throws IOException;
    }

    private record Unclaimed(long token, InetSocketAddress remote) {}

    private final SocketHandle listener;
    private final Maker<T> maker;
    private final ConcurrentLinkedQueue<Unclaimed> unclaimed = new ConcurrentLinkedQueue<>();

    /** The acceptor of a listen socket, whose connections the maker makes known. */
    public Acceptor(SocketHandle listener, Maker<T> maker) {
        this.listener = listener;
        this.maker = maker;
    }

    private final class Accept extends UserOperation<T> {
        Accept(Outcome<T> outcome) {
            super(listener, Verb.ACCEPT, false, outcome);
        }

        @Override
        void ended(CompletionRecord record) {
            if (record.isError()) {
                fail(record.status());
            } else {
                finish(new Unclaimed(record.value(), record.address()));
            }
        }

        void finish(Unclaimed connection) {
            try {
                succeed(claim(connection));
            } catch (IOException e) {
                fail(e);
            }
        }
    }

    /** Accepts a connection. */
    public OperationFuture<T> accept(Deadline deadline) {
        OperationFuture<T> future = listener.newFuture();
        Accept operation = new Accept(future);
        operation.deadline = deadline;
        future.setCanceller(operation);
        Unclaimed connection = unclaimed.poll();
        if (connection != null) {
            operation.finish(connection);
        } else {
            listener.port().submit(operation, 0, 0, 0, SocketAddresses.NONE);
        }
        return future;
    }

    /** Three short requests to the driver, none of which waits for the network. */
    private T claim(Unclaimed connection) throws IOException {
        SocketHandle handle;
        try {
            handle = listener.port().openSocket();
        } catch (WskQuotaException e) {
            unclaimed.add(connection);
            throw e;
        }
        int status = handle.attach(connection.token());
        if (Status.isError(status)) {
            handle.close();
            Exception reason = listener.isOpen()
                    ? StatusMapping.exception(status, Verb.ATTACH, listener.subject())
                    : StatusMapping.closedMeanwhile(Verb.ACCEPT, listener.subject(), status);
            if (reason instanceof WskQuotaException) {
                unclaimed.add(connection);
            }
            throw reason instanceof IOException io ? io : new IOException(reason);
        }
        return maker.make(handle, connection.remote());
    }
}
