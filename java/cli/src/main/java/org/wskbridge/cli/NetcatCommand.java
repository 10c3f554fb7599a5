// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.wskbridge.WskBridge;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code wskbridge nc}: reads its arguments and hands over to {@link TcpNetcat} or {@link UdpNetcat}. */
@Command(
        name = "nc",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Netcat: connects standard input and output with a TCP connection or a UDP port.",
        customSynopsis = {
            "wskbridge nc [-46uv] [-s SOURCE] [-p PORT] [-w SECONDS] HOST PORT",
            "       wskbridge nc -l [-46kuv] [-w SECONDS] [HOST] PORT"
        },
        footer = {
            "",
            "At the end of input a TCP connection is closed for sending and goes on receiving until the other side has"
                    + " ended too; with UDP only -w or Ctrl-C ends the command. Each read of the input becomes one"
                    + " datagram, of at most 16 KiB. With -u -k whatever arrives is printed, whoever sent it, and"
                    + " nothing is sent."
        },
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:the connection ended in order", "1:failed", "2:bad arguments", "130:stopped by Ctrl-C"})
final class NetcatCommand implements Callable<Integer> {

    /** How long a peer that does not end its side may hold up the end of the command. */
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

    private final Streams streams;

    @Spec
    private CommandSpec spec;

    @Option(names = "-l", description = "Listen for a connection, or for datagrams, instead of connecting.")
    private boolean listen;

    @Option(names = "-k", description = "With -l: take the next connection when one has ended.")
    private boolean keep;

    @Option(names = "-u", description = "UDP instead of TCP.")
    private boolean datagram;

    @Option(names = "-v", description = "Tell on standard error what happens.")
    private boolean verbose;

    @Option(
            names = "-w",
            paramLabel = "SECONDS",
            description = "Give up connecting, and end a connection on which nothing moves, after so long.")
    private Integer wait;

    @Option(names = "-s", paramLabel = "SOURCE", description = "Address to send from.")
    private String source;

    @Option(names = "-p", paramLabel = "PORT", description = "Port to send from; with -l, to listen on.")
    private Integer localPort;

    @ArgGroup(exclusive = true)
    private FamilyChoice familyChoice;

    @Parameters(
            arity = "0..2",
            paramLabel = "[HOST] PORT",
            hideParamSyntax = true,
            description = "Whom to connect to; with -l, where to listen (default: every address of this machine).")
    private List<String> arguments = List.of();

    private static final class FamilyChoice {
        @Option(names = "-4", description = "IPv4 only.")
        boolean ipv4;

        @Option(names = "-6", description = "IPv6 only.")
        boolean ipv6;
    }

    NetcatCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException {
        NetcatTarget target = listen ? listenTarget() : connectTarget();
        try (WskBridge bridge =
                WskBridge.builder().name("nc").closeTimeout(CLOSE_LIMIT).open()) {
            return run(bridge, target);
        }
    }

    private int run(WskBridge bridge, NetcatTarget target) throws IOException {
        PrintWriter log = verbose ? streams.errWriter() : new PrintWriter(PrintWriter.nullWriter());
        InputChunks input = new InputChunks(streams.in(), datagram ? UdpNetcat.CHUNK : TcpNetcat.CHUNK);
        if (datagram) {
            UdpNetcat netcat = new UdpNetcat(bridge, target, input, streams.out(), log);
            return listen ? netcat.listen(keep) : netcat.connect();
        }
        TcpNetcat netcat = new TcpNetcat(bridge, target, input, streams, log);
        return listen ? netcat.listen(keep) : netcat.connect();
    }

    private NetcatTarget connectTarget() throws IOException {
        if (keep) {
            throw usage("-k needs -l.");
        }
        if (arguments.size() != 2) {
            throw usage("Name a host and a port.");
        }
        InetAddress from = source == null ? null : Addresses.first(source, family());
        InetSocketAddress local = from == null && localPort == null
                ? null
                : new InetSocketAddress(from, localPort == null ? 0 : port(localPort.toString(), 0));
        int port = port(arguments.get(1), 1);
        return new NetcatTarget(Addresses.all(arguments.get(0), family()), port, local, limit());
    }

    private NetcatTarget listenTarget() throws IOException {
        if (source != null) {
            throw usage("-s can't be used with -l; name the address to listen on before the port.");
        }
        int expected = localPort == null ? 1 : 0;
        if (arguments.size() < expected || arguments.size() > expected + 1) {
            throw usage("Name the port to listen on, once.");
        }
        String portText = localPort == null ? arguments.get(arguments.size() - 1) : localPort.toString();
        int port = port(portText, 0);
        StandardProtocolFamily family = family();
        InetAddress address = arguments.size() > expected
                ? Addresses.first(arguments.get(0), family)
                : Addresses.wildcard(family == null ? StandardProtocolFamily.INET : family);
        return new NetcatTarget(List.of(address), port, null, limit());
    }

    private StandardProtocolFamily family() {
        if (familyChoice == null) {
            return null;
        }
        return familyChoice.ipv6 ? StandardProtocolFamily.INET6 : StandardProtocolFamily.INET;
    }

    private Duration limit() {
        if (wait == null) {
            return null;
        }
        if (wait <= 0) {
            throw usage("-w takes a number of seconds above 0.");
        }
        return Duration.ofSeconds(wait);
    }

    private int port(String text, int lowest) {
        try {
            int port = Integer.parseInt(text);
            if (port >= lowest && port <= 65_535) {
                return port;
            }
        } catch (NumberFormatException e) {
            throw usage("'" + text + "' is not a port number.");
        }
        throw usage("Port " + text + " is out of range: " + lowest + " to 65535.");
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
