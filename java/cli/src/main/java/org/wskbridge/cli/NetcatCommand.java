// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.net.StandardProtocolFamily;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
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
            "wskbridge nc [-46dNnuvz] [-p PORT] [-q SECONDS] [-s SOURCE] [-w SECONDS]",
            "                    HOST PORT...",
            "       wskbridge nc -l [-46dkNnuv] [-q SECONDS] [-w SECONDS] [HOST] PORT"
        },
        footer = {
            "",
            "A port is a number or a service's name; a range, as 20-25, stands for several, which are taken one after"
                    + " the other.",
            "",
            "The end of input ends nothing by itself: add -N for peers that wait for it, or -q. A TCP connection is"
                    + " over when the peer has ended it and the input has ended too; with -l, or when the input is a"
                    + " terminal, the peer's end is enough, and input that is there is still sent. With UDP only"
                    + " -q, -w or Ctrl-C ends the command. Each read of the input becomes one datagram, of at most"
                    + " 16 KiB. With -u -k whatever arrives is printed, whoever sent it, and nothing is sent.",
            "",
            "When nobody reads the output any more, as in '| head -1', the rest of the input is still sent; with -l the"
                    + " command ends. It says nothing about it and its exit status is 0."
        },
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:the connection ended in order; with several ports, there was one",
            "1:failed",
            "2:bad arguments",
            "130:stopped by Ctrl-C"
        })
final class NetcatCommand implements Callable<Integer> {

    /** How long a peer that does not end its side may hold up the end of the command. */
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

    private static final Duration SCAN_CLOSE_LIMIT = Duration.ofMillis(100);

    private final Streams streams;

    @Spec
    private CommandSpec spec;

    @Option(names = "-l", description = "Listen for a connection, or for datagrams, instead of connecting.")
    private boolean listen;

    @Option(names = "-k", description = "With -l: take the next connection when one has ended.")
    private boolean keep;

    @Option(names = "-u", description = "UDP instead of TCP.")
    private boolean datagram;

    @Option(
            names = "-z",
            description = "Only find out which ports take connections; nothing is sent. With -u a little is sent, and"
                    + " a port counts unless the host says that it is nobody's.")
    private boolean scan;

    @Option(names = "-N", description = "At the end of input, close a TCP connection for sending.")
    private boolean halfClose;

    @Option(
            names = "-q",
            paramLabel = "SECONDS",
            description = "End so long after the end of input; implies -N. Below 0: never, and without -N.")
    private Integer quit;

    @Option(names = "-d", description = "Don't read standard input.")
    private boolean detached;

    @Option(
            names = "-n",
            description = "Look up no names: HOST and SOURCE are addresses, and messages give numbers only.")
    private boolean numeric;

    @Option(names = "-v", description = "Tell on standard error what happens.")
    private boolean verbose;

    @Option(
            names = "-w",
            paramLabel = "SECONDS",
            description = "Give up connecting, and end a connection on which nothing moves, after so long.")
    private Integer wait;

    @Option(names = "-s", paramLabel = "SOURCE", description = "Address to send from; with -l and -p, to listen on.")
    private String source;

    @Option(names = "-p", paramLabel = "PORT", description = "Port to send from; with -l, to listen on.")
    private String localPort;

    @ArgGroup(exclusive = true)
    private FamilyChoice familyChoice;

    @Parameters(
            arity = "0..*",
            paramLabel = "[HOST] PORT...",
            hideParamSyntax = true,
            description = "Whom to connect to; with -l, where to listen (default: every IPv4 address of this machine,"
                    + " with -6 every IPv6 address).")
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
        checkCombination();
        Services services = Services.ofSystem();
        Ports ports = new Ports(services, protocol());
        NetcatTarget target = listen ? listenTarget(ports) : connectTarget(ports);
        Duration closing = scan ? SCAN_CLOSE_LIMIT : CLOSE_LIMIT;
        try (WskBridge bridge = WskBridge.builder()
                .name("nc")
                .closeTimeout(closing)
                .lingerLimit(closing)
                .open()) {
            return run(bridge, target, services);
        }
    }

    private int run(WskBridge bridge, NetcatTarget target, Services services) throws IOException {
        NetcatLog log =
                new NetcatLog(streams.errWriter(), spec.qualifiedName(), protocol(), verbose, numeric, services);
        InputChunks input = new InputChunks(streams.in(), datagram ? UdpNetcat.CHUNK : TcpNetcat.CHUNK);
        Netcat netcat = datagram
                ? new UdpNetcat(bridge, target, input, inputRules(), streams.out(), log)
                : new TcpNetcat(bridge, target, input, inputRules(), streams.out(), log);
        return listen ? netcat.listen(keep) : scan ? netcat.scan() : netcat.connect();
    }

    private String protocol() {
        return datagram ? "udp" : "tcp";
    }

    private InputRules inputRules() {
        boolean timed = quit != null && quit >= 0;
        InputRules.AfterPeer afterPeer = streams.interactive()
                ? InputRules.AfterPeer.NOTHING
                : listen ? InputRules.AfterPeer.WHAT_IS_THERE : InputRules.AfterPeer.ALL;
        return new InputRules(!detached, halfClose || timed, timed ? Duration.ofSeconds(quit) : null, afterPeer);
    }

    private void checkCombination() {
        if (keep && !listen) {
            throw usage("-k needs -l.");
        }
        if (scan && listen) {
            throw usage("-z can't be used with -l.");
        }
    }

    private NetcatTarget connectTarget(Ports ports) throws IOException {
        if (arguments.size() < 2) {
            throw usage("Name a host and a port.");
        }
        List<Integer> remote = parsed(() -> ports.all(arguments.subList(1, arguments.size())));
        int local = localPort == null ? 0 : parsed(() -> ports.one(localPort, 0));
        Duration limit = limit();
        LocalEnd from = new LocalEnd(source == null ? List.of() : resolve(source), local);
        String host = arguments.get(0);
        return new NetcatTarget(host, from.reachable(resolve(host)), remote, from, limit);
    }

    private NetcatTarget listenTarget(Ports ports) throws IOException {
        int expected = localPort == null ? 1 : 0;
        if (arguments.size() < expected || arguments.size() > expected + 1) {
            throw usage("Name the port to listen on, once.");
        }
        boolean named = arguments.size() > expected;
        if (source != null && (named || localPort == null)) {
            throw usage("With -l, -s needs -p and no other address; or name the address before the port.");
        }
        int port = parsed(() -> ports.one(localPort == null ? arguments.get(arguments.size() - 1) : localPort, 0));
        Duration limit = limit();
        String host = named ? arguments.get(0) : source;
        StandardProtocolFamily family = family();
        InetAddress address = host != null
                ? resolve(host).get(0)
                : Addresses.wildcard(family == null ? StandardProtocolFamily.INET : family);
        return new NetcatTarget("", List.of(address), List.of(port), new LocalEnd(List.of(), 0), limit);
    }

    private List<InetAddress> resolve(String host) throws IOException {
        return numeric ? Addresses.numeric(host, family()) : Addresses.all(host, family());
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

    private <T> T parsed(Supplier<T> argument) {
        try {
            return argument.get();
        } catch (IllegalArgumentException e) {
            throw usage(e.getMessage());
        }
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
