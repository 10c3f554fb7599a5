// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import java.io.Closeable;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** As many connections as the JDK's channels make with the same local ports, in a network with few of them. */
@Tag("linux")
@Timeout(180)
class LocalPortTest {
    private static final int PORTS = 200;
    private static final int SERVERS = 3;
    private static final int FIRST_PORT = 20_000;

    /** Root has a network namespace; others in a user namespace. */
    private static List<String> namespace() throws Exception {
        Process probe = new ProcessBuilder("unshare", "--net", "true").start();
        return probe.waitFor() == 0 ? List.of("unshare", "--net") : List.of("unshare", "--map-root-user", "--net");
    }

    @Test
    void onePortServesSeveralServers() throws Exception {
        List<String> options = new ArrayList<>();
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("wskbridge."))
                .forEach(name -> options.add("-D" + name + "=" + System.getProperty(name)));
        List<String> command = new ArrayList<>(namespace());
        command.addAll(Fork.onClassPath(Connections.class, options).command());
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, SECONDS));
        assertEquals(
                "channels " + PORTS * SERVERS + " ports " + PORTS + "\nbridge " + PORTS * SERVERS + " ports " + PORTS
                        + "\n",
                said);
        assertEquals(0, process.exitValue());
    }

    /** What the program needs of the system to have a network. */
    static final class Network {
        private static final int REQUEST_SIZE = 40;
        private static final int FLAGS = 16;
        private static final byte UP_LOOPBACK_RUNNING = 0x49;
        private static final int SET_FLAGS = 0x8914;

        static {
            Native.register(Network.class, "c");
        }

        private Network() {}

        static native int socket(int domain, int type, int protocol);

        static native int ioctl(int socket, NativeLong code, byte[] request);

        static void start() throws IOException {
            byte[] request = new byte[REQUEST_SIZE];
            request[0] = 'l';
            request[1] = 'o';
            request[FLAGS] = UP_LOOPBACK_RUNNING;
            if (ioctl(socket(2, 2, 0), new NativeLong(SET_FLAGS), request) != 0) {
                throw new IOException("no loopback interface");
            }
            Files.writeString(
                    Path.of("/proc/sys/net/ipv4/ip_local_port_range"), FIRST_PORT + " " + (FIRST_PORT + PORTS - 1));
        }
    }

    /** The program that runs there. */
    static final class Connections {
        private Connections() {}

        private interface Maker {
            /** @return the local port */
            int connect(SocketAddress server) throws Exception;
        }

        public static void main(String[] arguments) throws Exception {
            Network.start();
            InetAddress loopback = InetAddress.getByName("127.0.0.1");
            List<SocketAddress> servers = new ArrayList<>();
            List<Closeable> opened = new ArrayList<>();
            for (int i = 0; i < SERVERS; i++) {
                ServerSocket server = new ServerSocket(FIRST_PORT + PORTS + i, 2 * PORTS, loopback);
                opened.add(server);
                servers.add(server.getLocalSocketAddress());
            }
            List<SocketChannel> channels = new ArrayList<>();
            report("channels", servers, server -> {
                SocketChannel channel = SocketChannel.open();
                channels.add(channel);
                channel.setOption(StandardSocketOptions.SO_LINGER, 0).connect(server);
                return ((InetSocketAddress) channel.getLocalAddress()).getPort();
            });
            for (SocketChannel channel : channels) {
                channel.close();
            }
            for (Closeable server : opened) {
                server.close();
            }
            servers.clear();
            for (int i = 0; i < SERVERS; i++) {
                servers.add(new ServerSocket(FIRST_PORT + PORTS + SERVERS + i, 2 * PORTS, loopback)
                        .getLocalSocketAddress());
            }
            try (WskBridge bridge = WskBridge.open()) {
                report("bridge", servers, server -> connect(bridge.openConnection(INET), server));
            }
            System.exit(0);
        }

        private static int connect(WskConnectionSocket socket, SocketAddress server) throws Exception {
            socket.setOption(StandardSocketOptions.SO_LINGER, 0);
            try {
                socket.connect(server).get(20, SECONDS);
            } catch (ExecutionException e) {
                throw (IOException) e.getCause();
            }
            return socket.getLocalAddress().getPort();
        }

        /** Makes connections to one server after the other until there is no port. */
        private static void report(String name, List<SocketAddress> servers, Maker maker) throws Exception {
            Set<Integer> ports = new HashSet<>();
            int made = 0;
            try {
                while (true) {
                    ports.add(maker.connect(servers.get(made % SERVERS)));
                    made++;
                }
            } catch (BindException e) {
                System.out.print(name + " " + made + " ports " + ports.size() + "\n");
            }
        }
    }
}
