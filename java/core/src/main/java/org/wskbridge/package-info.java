// SPDX-License-Identifier: Apache-2.0

/**
 * Datagrams and TCP connections through Windows' kernel socket layer, Winsock Kernel (WSK).
 *
 * <p>A {@link org.wskbridge.WskBridge} is the way to the driver. It opens sockets of WSK's three categories:
 * {@link org.wskbridge.WskDatagramSocket}, {@link org.wskbridge.WskConnectionSocket} and
 * {@link org.wskbridge.WskListenSocket}. They are {@link java.nio.channels.NetworkChannel}s; their operations return
 * {@link java.util.concurrent.CompletableFuture}s. All types here may be used by several threads at once.
 *
 * <h2>Futures</h2>
 *
 * <p>A future that an operation returned differs from an ordinary {@code CompletableFuture} in four ways:
 *
 * <ul>
 *   <li><b>Done means done in the driver.</b> It completes only when the driver has let go of the operation's buffer.
 *       A buffer given to an operation is not to be touched before the future is done, and is the caller's again as
 *       soon as it is, whatever the outcome.
 *   <li><b>{@code cancel} reaches the driver</b> and waits for the operation's end, which is prompt. It returns
 *       {@code true} if the operation ended cancelled, and {@code false} if its result came first. Then there was no
 *       effect, but for a stream's send: WSK need not tell how much of one went out. When it tells, the send completes
 *       with the number of bytes that went, which is less than what was asked for. Either way nothing can be sent
 *       behind it, unless it was still waiting in the library.
 *   <li><b>{@code orTimeout} and {@code completeOnTimeout} reach the driver</b> in the same way: at the deadline the
 *       operation is cancelled; if it ends cancelled the future completes with a
 *       {@link java.util.concurrent.TimeoutException} or the given value, otherwise with its result.
 *   <li><b>It is the driver's to complete.</b> {@code complete}, {@code completeExceptionally}, {@code completeAsync}
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
 * {@code completeOnPoller}, or an executor that runs tasks on its caller, there is just that one thread. Dependents never
 * run within the call that starts the operation, and those that are registered on a future that is done don't run within
 * that call either: they go where all dependents go. So a loop of operations that end at once doesn't grow the stack.
 *
 * <p>A deadline of a dependent fires at its time, whatever the executor is doing; what depends on that dependent then runs
 * on a thread of the library's own. Only with {@code completeOnPoller} does it wait for user code on the poller.
 *
 * <p>Waiting for a future of this library on the poller works: the thread goes on with the poller's work meanwhile.
 *
 * <h2>Dropped objects</h2>
 *
 * <p>Sockets and bridges are to be closed. One that a program has dropped instead is closed some time after the garbage
 * collector has found it, and the first of each kind is logged with the stack that opened it. A socket with operations
 * under way isn't garbage, nor is its bridge.
 *
 * <p>The library isn't made to be unloaded with its class loader: JNA keeps the native library, and a thread for deadlines
 * and one that watches for dropped objects stay. Closing all bridges frees everything else.
 *
 * <h2>Buffers</h2>
 *
 * <p>Every kind of {@link java.nio.ByteBuffer} is welcome. Direct ones are passed to the driver as they are; others go
 * through pooled direct memory, and so do views of memory segments that their arena may free (JDK 22 and later). An
 * operation uses the bytes between position and limit as they are at the call, and moves the position behind the bytes
 * transferred when it completes. A program is not to move position or limit meanwhile. If it does, the bytes are where
 * they would have been otherwise, and the position is set likewise, unless the limit was lowered below it.
 *
 * <p>When an arena is closed while an operation has a buffer of its memory, nothing but that operation is affected: it
 * fails with an {@link java.io.IOException}, and if it received bytes from a connection, which are lost, so do all
 * receives behind it. Memory of a confined arena is refused in the same way, as
 * {@link java.nio.channels.AsynchronousSocketChannel} does. An operation on a mapped file that was cut fails likewise.
 * Memory that native code lends as a direct buffer can't be told from ordinary one; whoever lends it must not free it
 * before the future is done.
 *
 * <h2>Streams</h2>
 *
 * <p>Sends of a connection go out in the order of the calls, and succeed in that order. Once one has failed, or was
 * cancelled when the driver had a part of it, all behind it fail with a {@link java.net.SocketException} whose cause is
 * that failure: those that wait, those that the driver has, and those to come. After that {@code close} resets the
 * connection, because the peer would take its end for that of the whole stream; for that reason {@code disconnect}
 * fails too after a failure. After a cancellation, which the program knows of, it ends the stream.
 *
 * <p>Receives get their bytes in the order of the calls. One that fails, or is cancelled, has taken none.
 *
 * <p>Operations of one kind on one socket, datagram sockets included, end in the order of the calls. Their dependents
 * may run at the same time, on several threads.
 *
 * <p>A connection takes any number of operations. What exceeds {@link org.wskbridge.BridgeLimits the driver's limits}
 * waits in order in the library; a waiting one can be cancelled like any other. One exception: when other sockets of
 * the process have all the bytes that it may have, and the driver says so only after the call, as on Windows, a receive
 * fails with a {@link org.wskbridge.WskQuotaException}.
 *
 * <h2>Errors</h2>
 *
 * <p>Programming errors are thrown at once, as the unchecked exceptions of {@link java.nio.channels}. What goes wrong
 * later, and operations on a socket that is closed, complete the future with the exceptions of {@link java.net} and
 * {@link java.nio.channels} that a channel would report. Their message names the NTSTATUS, the WSK function and the
 * socket; {@link org.wskbridge.NtStatusException#statusOf} reads the NTSTATUS of any of them.
 * {@link org.wskbridge.WskQuotaException} says that a limit of the driver, or memory, was reached and that the operation
 * may be tried again once others have completed.
 *
 * <p>Methods take and return no {@code null}, with two exceptions that {@link java.nio.channels.NetworkChannel}
 * prescribes: {@code bind(null)} binds to an address that the system picks, and {@code getLocalAddress} of an unbound
 * socket is {@code null}.
 */
package org.wskbridge;
