// SPDX-License-Identifier: Apache-2.0

/**
 * Datagrams and TCP connections through Windows' kernel socket layer, Winsock Kernel (WSK).
 *
 * <p>A {@link org.wskbridge.WskBridge} connects a program to the driver. It opens sockets of WSK's three categories:
 * {@link org.wskbridge.WskDatagramSocket}, {@link org.wskbridge.WskConnectionSocket} and
 * {@link org.wskbridge.WskListenSocket}. They are {@link java.nio.channels.NetworkChannel}s; their operations return
 * {@link java.util.concurrent.CompletableFuture}s. All types here may be used by several threads at once.
 *
 * <h2>Futures</h2>
 *
 * <p>A future that an operation returned differs from an ordinary {@code CompletableFuture} in four ways:
 *
 * <ul>
 *   <li><b>Done means done in the driver.</b> It completes only when the driver no longer uses the operation's
 *       buffer. A program must not touch a buffer that it gave to an operation before the future is done. After that
 *       it may, whatever the outcome.
 *   <li><b>{@code cancel} reaches the driver</b> and waits for the operation's end, which comes soon. It returns
 *       {@code true} if the operation ended cancelled, and {@code false} if its result came first. An
 *       operation that ended cancelled had no effect, with two exceptions: {@code receiveFully} may have taken a part,
 *       and then nothing can be received any more; and of a stream's send, a part may have gone
 *       out, because WSK does not promise to report how much. If WSK reports it, the send completes with that number
 *       of bytes, which is less than what was asked for. Either way nothing can be sent behind such a send, unless it
 *       was still waiting in the library.
 *   <li><b>{@code orTimeout} and {@code completeOnTimeout} reach the driver</b> in the same way: at the deadline the
 *       operation is cancelled; if it ends cancelled the future completes with a
 *       {@link java.util.concurrent.TimeoutException} or the given value, otherwise with its result.
 *   <li><b>Only the driver completes it.</b> {@code complete}, {@code completeExceptionally}, {@code completeAsync}
 *       and {@code obtrude...} throw {@link java.lang.UnsupportedOperationException}.
 * </ul>
 *
 * <p>Dependents ({@code thenApply} and the like) carry the operation with them: cancelling one, or letting one time
 * out, first cancels the operation it came from, waits for that, and then ends the dependent unless the operation's
 * result has completed it by then.
 *
 * <p>Dependents run on the bridge's executor, or on a thread that waits for the same future in {@code get},
 * {@code join} or {@code cancel} and finds its result first; on the bridge's poller only if
 * {@link org.wskbridge.WskBridge.Builder#completeOnPoller()} asked for that. Dependents of different operations may run
 * at the same time and in any order. {@code get} and {@code join} don't wait for the executor.
 *
 * <p>User code of one operation never delays the delivery of another, as long as the executor has a free thread. With
 * {@code completeOnPoller}, or an executor that runs tasks on its caller, there is only that one thread. Dependents never
 * run within the call that starts the operation, and those that are added to a future that is done don't run within that
 * call either: they run where all dependents run. So a loop of operations that end at once doesn't grow the stack.
 *
 * <p>A deadline of a dependent fires at its time, whatever the executor is doing; what depends on that dependent then runs
 * on a thread of the library. Only with {@code completeOnPoller} does it wait for user code on the poller.
 *
 * <p>User code may wait for a future of this library on the poller: the thread does the poller's work while it waits.
 *
 * <h2>Dropped objects</h2>
 *
 * <p>Close sockets and bridges. If a program drops one instead, the library closes it some time after the garbage
 * collector has found it, and logs the first of each kind with the stack that opened it. A socket with operations
 * under way isn't garbage, nor is its bridge.
 *
 * <p>The library can't be unloaded with its class loader: JNA keeps the native library loaded, and two threads stay, one
 * for deadlines and one that watches for dropped objects. Closing all bridges frees everything else.
 *
 * <h2>Buffers</h2>
 *
 * <p>Every kind of {@link java.nio.ByteBuffer} can be used. Direct ones are passed to the driver without a copy. Others
 * are copied through pooled direct memory, and so are views of memory segments whose arena may be closed (JDK 22 and
 * later). An
 * operation uses the bytes between position and limit as they are at the call, and moves the position behind the bytes
 * transferred when it completes. A program must not move position or limit before the future is done. If it does, the
 * bytes and the position are where they would have been otherwise, unless the limit was lowered below that position.
 *
 * <p>When an arena is closed while an operation has a buffer of its memory, that operation fails with an
 * {@link java.io.IOException}. If it had received bytes from a connection, these are lost, and all receives behind it
 * fail too. Other operations are not affected. Memory of a confined arena is refused in the same way, as
 * {@link java.nio.channels.AsynchronousSocketChannel} does. An operation on a mapped file that was
 * truncated fails in the same way. The library can't recognize memory that native code lends as a direct buffer; native
 * code must not free it before the future is done.
 *
 * <h2>Streams</h2>
 *
 * <p>Sends of a connection go out in the order of the calls, and succeed in that order. Once one has failed, or was
 * cancelled when the driver had a part of it, all behind it fail with a {@link java.net.SocketException} whose cause is
 * that failure: those that wait, those in the driver, and later ones. After that {@code close} resets the
 * connection, because the peer would take an orderly end for the end of the whole stream. After a failure
 * {@code disconnect} fails for the same reason. After a cancellation, which the program itself asked for,
 * {@code disconnect} ends the stream.
 *
 * <p>Receives get their bytes in the order of the calls. One that fails, or is cancelled, has taken none, unless it is a
 * {@code receiveFully}.
 *
 * <p>Operations of one kind on one socket, datagram sockets included, end in the order of the calls. Their dependents
 * may run at the same time, on several threads.
 *
 * <p>A connection takes any number of operations. What exceeds {@link org.wskbridge.BridgeLimits the driver's limits}
 * waits in order in the library; a waiting one can be cancelled like any other. One exception: when other sockets have
 * used up the bytes that the process may have in flight, and the driver reports that only after the call, as on Windows,
 * a receive fails with a {@link org.wskbridge.WskQuotaException}.
 *
 * <h2>Errors</h2>
 *
 * <p>A programming error makes the call throw an unchecked exception of {@link java.nio.channels}. Every other failure,
 * also of an operation on a closed socket, completes the future with the exceptions of {@link java.net} and
 * {@link java.nio.channels} that a channel would report. Their message names the NTSTATUS, the WSK function and the
 * socket; {@link org.wskbridge.NtStatusException#statusOf} reads the NTSTATUS of any of them.
 * {@link org.wskbridge.WskQuotaException} says that a limit of the driver, or memory, was reached and that the operation
 * may be tried again once others have completed.
 *
 * <p>Methods take and return no {@code null}, with exceptions that {@link java.nio.channels} prescribes: {@code bind(null)}
 * binds to an address that the system picks; {@code getLocalAddress} of an unbound socket is {@code null}, and so are the
 * {@code sourceAddress} of a membership for any source and the value of an option for an interface that isn't set.
 */
package org.wskbridge;
