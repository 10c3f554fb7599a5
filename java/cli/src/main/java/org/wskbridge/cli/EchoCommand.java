// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.wskbridge.WskBridge;
import org.wskbridge.WskDatagramSocket;
import org.wskbridge.WskListenSocket;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code wskbridge echo}: sends back what it gets until Ctrl-C, then tells how much that was. */
@Command(
        name = "echo",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Echo server: sends every datagram and every byte of a connection back to where it came from.",
        footer = {"", "Without --udp and --tcp it serves both. Ctrl-C ends it and prints what it did."},
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"1:failed", "2:bad arguments", "130:stopped by Ctrl-C, the usual end"})
final class EchoCommand implements Callable<Integer> {

    private final Streams streams;

    @Spec
    private CommandSpec spec;

    @Option(names = "--udp", description = "Serve UDP.")
    private boolean udp;

    @Option(names = "--tcp", description = "Serve TCP.")
    private boolean tcp;

    @Option(
            names = "--bind",
            paramLabel = "ADDRESS",
            defaultValue = "127.0.0.1",
            description = "Address to serve on; 0.0.0.0 or :: for every one. Default: ${DEFAULT-VALUE}")
    private String bind;

    @Option(
            names = "--port",
            paramLabel = "PORT",
            defaultValue = "0",
            description = "Port to serve on. Default: a free one, which is printed")
    private int port;

    EchoCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        if (port < 0 || port > 65_535) {
            throw new ParameterException(spec.commandLine(), "Port " + port + " is out of range: 0 to 65535.");
        }
        InetAddress address = Addresses.first(bind, null);
        PrintWriter out = streams.outWriter();
        EchoCounters counters = new EchoCounters();
        ExecutorService executor = Executors.newFixedThreadPool(2, EchoCommand::thread);
        try (WskBridge bridge =
                WskBridge.builder().name("echo").executor(executor).open()) {
            return Interruption.during(
                    () -> serve(bridge, address, counters, executor, out), () -> out.println(counters));
        } finally {
            executor.shutdownNow();
        }
    }

    private int serve(
            WskBridge bridge, InetAddress address, EchoCounters counters, ExecutorService executor, PrintWriter out)
            throws IOException {
        boolean both = udp == tcp;
        CompletableFuture<Void> udpEnd = both || udp ? serveUdp(bridge, address, counters, executor, out) : null;
        CompletableFuture<Void> tcpEnd = both || tcp ? serveTcp(bridge, address, counters, executor, out) : null;
        Await.result(firstOf(udpEnd, tcpEnd));
        return 0;
    }

    private CompletableFuture<Void> serveUdp(
            WskBridge bridge, InetAddress address, EchoCounters counters, ExecutorService executor, PrintWriter out)
            throws IOException {
        WskDatagramSocket socket = bridge.openDatagram(Addresses.familyOf(address));
        socket.bind(new InetSocketAddress(address, port));
        out.println("udp " + Addresses.text(socket.getLocalAddress()));
        return new UdpEcho(socket, counters, executor).start();
    }

    private CompletableFuture<Void> serveTcp(
            WskBridge bridge, InetAddress address, EchoCounters counters, ExecutorService executor, PrintWriter out)
            throws IOException {
        WskListenSocket listener = bridge.openListen(Addresses.familyOf(address));
        listener.bind(new InetSocketAddress(address, port));
        out.println("tcp " + Addresses.text(listener.getLocalAddress()));
        return new TcpEcho(listener, counters, executor).start();
    }

    private static CompletableFuture<Void> firstOf(CompletableFuture<Void> udpEnd, CompletableFuture<Void> tcpEnd) {
        if (udpEnd == null) {
            return tcpEnd;
        }
        return tcpEnd == null ? udpEnd : udpEnd.applyToEither(tcpEnd, end -> end);
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "echo");
        thread.setDaemon(true);
        return thread;
    }
}
