// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** What netcat tells on standard error, in the form that scripts know from OpenBSD's. */
final class NetcatLog {

    private final PrintWriter err;
    private final String name;
    private final String protocol;
    private final boolean verbose;
    private final boolean numeric;
    private final Services services;

    /**
     * @param name of the command, before each failure
     * @param verbose whether more than failures is told
     * @param numeric whether services stay without names
     */
    NetcatLog(PrintWriter err, String name, String protocol, boolean verbose, boolean numeric, Services services) {
        this.err = err;
        this.name = name;
        this.protocol = protocol;
        this.verbose = verbose;
        this.numeric = numeric;
        this.services = services;
    }

    boolean isVerbose() {
        return verbose;
    }

    /** The beginning of a sentence about a connection that was not made. */
    String attempt(String host, InetAddress address, int port) {
        return "connect to " + named(host, address) + " port " + port + " (" + protocol + ")";
    }

    void failed(String message) {
        err.println(name + ": " + message);
    }

    void connected(String host, InetAddress address, int port) {
        if (verbose) {
            String service = numeric ? "*" : services.name(port, protocol).orElse("*");
            err.println("Connection to " + named(host, address) + " " + port + " port [" + protocol + "/" + service
                    + "] succeeded!");
        }
    }

    void listening(InetSocketAddress address) {
        told("Listening on ", address);
    }

    void bound(InetSocketAddress address) {
        told("Bound on ", address);
    }

    void received(InetSocketAddress peer) {
        told("Connection received on ", peer);
    }

    private void told(String what, InetSocketAddress address) {
        if (verbose) {
            err.println(what + Addresses.text(address.getAddress()) + " " + address.getPort());
        }
    }

    private String named(String host, InetAddress address) {
        String text = Addresses.text(address);
        return numeric || host.equals(text) ? host : host + " (" + text + ")";
    }
}
