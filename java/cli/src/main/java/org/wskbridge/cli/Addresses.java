// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnknownHostException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Names, addresses and families. */
final class Addresses {

    private static final Pattern ZEROS = Pattern.compile("(?<![0-9a-f])0(:0)+(?![0-9a-f])");
    private static final Pattern IPV4 = Pattern.compile("((25[0-5]|2[0-4]\\d|1?\\d?\\d)(\\.(?!$)|$)){4}");

    private Addresses() {}

    /** The addresses of a host in a family, or in any when it is null. Never empty. */
    static List<InetAddress> all(String host, StandardProtocolFamily family) throws UnknownHostException {
        InetAddress[] found;
        try {
            found = InetAddress.getAllByName(host);
        } catch (UnknownHostException e) {
            throw new UnknownHostException("host '" + host + "' is not known");
        }
        List<InetAddress> matching = Stream.of(found)
                .filter(address -> family == null || familyOf(address) == family)
                .toList();
        if (matching.isEmpty()) {
            String version = family == StandardProtocolFamily.INET6 ? "IPv6" : "IPv4";
            throw new UnknownHostException("host '" + host + "' has no " + version + " address");
        }
        return matching;
    }

    /** The like for a host that has to be an address itself: no name service is asked. */
    static List<InetAddress> numeric(String host, StandardProtocolFamily family) throws UnknownHostException {
        if (host.indexOf(':') < 0 && !IPV4.matcher(host).matches()) {
            throw new UnknownHostException("host '" + host + "' is not an address, and -n looks up no names");
        }
        return all(host, family);
    }

    static InetAddress first(String host, StandardProtocolFamily family) throws UnknownHostException {
        return all(host, family).get(0);
    }

    static InetAddress wildcard(StandardProtocolFamily family) throws UnknownHostException {
        return InetAddress.getByName(family == StandardProtocolFamily.INET6 ? "::" : "0.0.0.0");
    }

    static StandardProtocolFamily familyOf(InetAddress address) {
        return address instanceof Inet6Address ? StandardProtocolFamily.INET6 : StandardProtocolFamily.INET;
    }

    /** An address in the short form that people write: RFC 5952 for IPv6. */
    static String text(InetAddress address) {
        String host = address.getHostAddress();
        if (address instanceof Inet4Address) {
            return host;
        }
        int scope = host.indexOf('%');
        return scope < 0 ? shortened(host) : shortened(host.substring(0, scope)) + host.substring(scope);
    }

    /** Puts two colons for the longest run of two groups or more that are 0, the first of equals. */
    private static String shortened(String groups) {
        String longest = "";
        Matcher zeros = ZEROS.matcher(groups);
        while (zeros.find()) {
            if (zeros.group().length() > longest.length()) {
                longest = zeros.group();
            }
        }
        if (longest.isEmpty()) {
            return groups;
        }
        int start = groups.indexOf(longest) == 0 ? 0 : (":" + groups).indexOf(":" + longest);
        String before = groups.substring(0, start);
        String after = groups.substring(start + longest.length());
        return before.replaceFirst(":$", "") + "::" + after.replaceFirst("^:", "");
    }

    static String text(InetAddress address, int port) {
        String host = text(address);
        return (address instanceof Inet4Address ? host : "[" + host + "]") + ":" + port;
    }

    static String text(InetSocketAddress address) {
        return text(address.getAddress(), address.getPort());
    }
}
