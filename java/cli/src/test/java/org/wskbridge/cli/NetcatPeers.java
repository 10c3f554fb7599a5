// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** What a netcat under test talks to on the loopback interface, and ports at which nobody is. */
final class NetcatPeers implements AutoCloseable {

    private static final int MILLISECONDS = 20_000;

    /** A daemon for each task. */
    static final Executor THREADS = task -> {
        Thread thread = new Thread(task, "peer");
        thread.setDaemon(true);
        thread.start();
    };

    /** What a peer does with each connection. Each of these closes it at the end. */
    enum Manner {
        /** Reads to the end. */
        SINK,
        /** The like, at the port of a service that the system has a name for. */
        SERVICE,
        /** Reads to the end, then answers with what it read. */
        ANSWERS_AT_END,
        /** Answers a line with that line. */
        ANSWERS_LINE,
        /** Answers a line, then waits for the end. */
        ANSWERS_LINE_AND_STAYS,
        /** Says hello and ends its side, then reads to the end. */
        GREETS,
        /** Takes a line and resets the connection. */
        RESETS,
        /** Sends a line, and when told much more; reads to the end then. */
        FLOODS_WHEN_TOLD,
        /** Of datagrams: takes them without an answer. All others answer each with itself. */
        SILENT
    }

    private final Manner manner;
    private final List<String> received = new CopyOnWriteArrayList<>();
    private final CountDownLatch told = new CountDownLatch(1);
    private final CompletableFuture<Void> served = new CompletableFuture<>();
    private volatile int lastPort;
    private ServerSocket server;
    private DatagramSocket datagrams;
    private final Socket closed = new Socket();
    private final Socket next = new Socket();
    private final DatagramSocket closedDatagrams;
    private String service = "";

    private NetcatPeers(Manner manner, boolean udp, boolean ipv6) throws IOException {
        this.manner = manner;
        InetAddress address = InetAddress.getByName(ipv6 ? "::1" : "127.0.0.1");
        closed.bind(new InetSocketAddress("127.0.0.1", 0));
        closedDatagrams = new DatagramSocket(new InetSocketAddress("127.0.0.1", 0));
        closedDatagrams.connect(new InetSocketAddress("127.0.0.1", 9)); // takes nothing from anybody else
        if (udp) {
            datagrams = new DatagramSocket(new InetSocketAddress(address, 0));
            datagrams.setSoTimeout(MILLISECONDS);
            THREADS.execute(this::serveDatagrams);
        } else {
            listen(address);
            server.setSoTimeout(MILLISECONDS);
            THREADS.execute(this::serve);
        }
    }

    static NetcatPeers open(Manner manner, boolean udp, boolean ipv6) throws IOException {
        return new NetcatPeers(manner, udp, ipv6);
    }

    /** Listens so that the next port belongs to nobody who listens, or at the port of a service. */
    private void listen(InetAddress address) throws IOException {
        if (manner == Manner.SERVICE) {
            listenAsService(address);
            return;
        }
        while (server == null) {
            ServerSocket candidate = new ServerSocket(0, 10, address);
            try {
                next.bind(new InetSocketAddress(address, candidate.getLocalPort() + 1));
                server = candidate;
            } catch (BindException | IllegalArgumentException e) {
                candidate.close();
            }
        }
    }

    private void listenAsService(InetAddress address) throws IOException {
        for (String line : Files.readAllLines(Path.of("/etc/services"))) {
            String[] words = line.split("\\s+");
            if (words.length > 1 && words[1].matches("\\d{4,5}/tcp")) {
                try {
                    server = new ServerSocket(Integer.parseInt(words[1].replace("/tcp", "")), 10, address);
                    service = words[0];
                    return;
                } catch (BindException e) {
                    // Somebody has it; there are more.
                }
            }
        }
        throw new IOException("no service's port is free");
    }

    /** Puts ports in the place of their names. */
    String fill(String text) {
        return text.replace("{port}", Integer.toString(port()))
                .replace("{next}", Integer.toString(port() + 1))
                .replace("{closed}", Integer.toString(closedPort()))
                .replace("{service}", service);
    }

    /** Puts names in the place of ports. */
    String unfill(String text) {
        return text.replaceAll("\\b" + port() + "\\b", "{port}")
                .replaceAll("\\b" + (port() + 1) + "\\b", "{next}")
                .replaceAll("\\b" + closedPort() + "\\b", "{closed}")
                .replaceAll("(\\{port\\} port \\[\\w+/)" + (service.isEmpty() ? "[^\\]]+" : "(?!)"), "$1?");
    }

    private int port() {
        return server == null ? datagrams.getLocalPort() : server.getLocalPort();
    }

    private int closedPort() {
        return server == null ? closedDatagrams.getLocalPort() : closed.getLocalPort();
    }

    /** Tells a peer that waits for it. */
    void goOn() {
        told.countDown();
    }

    /**
     * What each connection, or all datagrams, brought. Called when the command has ended: a connection of our own is
     * the last in the queue then.
     */
    List<String> received() throws Exception {
        if (server != null) {
            try (Socket last = new Socket()) {
                last.bind(null);
                lastPort = last.getLocalPort();
                last.connect(server.getLocalSocketAddress());
                served.get(MILLISECONDS, TimeUnit.MILLISECONDS);
            }
        }
        return List.copyOf(received);
    }

    private void serve() {
        try {
            while (true) {
                try (Socket socket = server.accept()) {
                    if (socket.getPort() == lastPort) {
                        served.complete(null);
                        return;
                    }
                    socket.setSoTimeout(MILLISECONDS);
                    serve(socket);
                }
            }
        } catch (IOException | InterruptedException e) {
            served.completeExceptionally(e);
        }
    }

    private void serve(Socket socket) throws IOException, InterruptedException {
        InputStream in = socket.getInputStream();
        OutputStream out = socket.getOutputStream();
        switch (manner) {
            case RESETS -> {
                line(in);
                socket.setSoLinger(true, 0);
            }
            case ANSWERS_LINE -> {
                String line = line(in);
                received.add(line);
                out.write(line.getBytes(UTF_8));
            }
            case ANSWERS_LINE_AND_STAYS -> {
                String line = line(in);
                out.write(line.getBytes(UTF_8));
                received.add(line + rest(in));
            }
            case GREETS -> {
                out.write("hello\n".getBytes(UTF_8));
                socket.shutdownOutput();
                received.add(rest(in));
            }
            case ANSWERS_AT_END -> {
                String question = rest(in);
                received.add(question);
                out.write(("answer to " + question).getBytes(UTF_8));
            }
            case FLOODS_WHEN_TOLD -> flood(in, out);
            default -> received.add(rest(in));
        }
    }

    private void flood(InputStream in, OutputStream out) throws IOException, InterruptedException {
        out.write("line\n".getBytes(UTF_8));
        told.await(MILLISECONDS, TimeUnit.MILLISECONDS);
        try {
            out.write("more\n".repeat(1000).getBytes(UTF_8));
            received.add(rest(in));
        } catch (IOException e) {
            received.add(""); // one that ends while more is on the way may reset the connection
        }
    }

    private static String line(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int next;
        while ((next = in.read()) >= 0) {
            line.write(next);
            if (next == '\n') {
                break;
            }
        }
        return line.toString(UTF_8);
    }

    private static String rest(InputStream in) throws IOException {
        return new String(in.readAllBytes(), UTF_8);
    }

    private void serveDatagrams() {
        try {
            while (true) {
                DatagramPacket packet = new DatagramPacket(new byte[65_536], 65_536);
                datagrams.receive(packet);
                if (manner != Manner.SILENT) {
                    received.add(new String(packet.getData(), 0, packet.getLength(), UTF_8));
                    datagrams.send(packet);
                }
            }
        } catch (IOException e) {
            if (!datagrams.isClosed()) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public void close() throws IOException {
        told.countDown();
        closed.close();
        next.close();
        closedDatagrams.close();
        if (server != null) {
            server.close();
        }
        if (datagrams != null) {
            datagrams.close();
        }
    }
}
