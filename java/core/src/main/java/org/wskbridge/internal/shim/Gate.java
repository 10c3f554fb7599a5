// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.util.List;

/** What not every Windows has, and the version that has it at the earliest. */
public enum Gate {
    /** Several datagrams with one request. */
    SEND_MESSAGES(List.of(6, 2, 9200), "Windows 8", "sendMessages"),
    /** The number of keep-alive probes. */
    KEEP_COUNT(List.of(10, 0, 15063), "Windows 10, version 1703", "TCP_KEEPCOUNT"),
    /** The times between them. */
    KEEP_TIMES(List.of(10, 0, 16299), "Windows 10, version 1709", "TCP_KEEPIDLE and TCP_KEEPINTERVAL"),
    /** A connect that sends the first data. */
    CONNECT_DATA(List.of(10, 0, 15063), "Windows 10, version 1703", "connect with first data");

    private final List<Integer> needed;
    private final String product;
    private final String what;

    /**
     * @param needed major and minor version and build
     * @param product what that version is called
     * @param what the names by which programs know it
     */
    Gate(List<Integer> needed, String product, String what) {
        this.needed = needed;
        this.product = product;
        this.what = what;
        Layout.gate(name(), needed, product);
    }

    /** Whether a system has it. */
    public boolean isOpen(SystemVersion system) {
        return system.compareTo(new SystemVersion(needed.get(0), needed.get(1), needed.get(2))) >= 0;
    }

    /** The name of the version that it needs. */
    public String product() {
        return product;
    }

    /** The names by which programs know it. */
    public String what() {
        return what;
    }

    /** Why a system refuses it. */
    public String refusal(SystemVersion system) {
        return "needs " + product + " or later, this is " + system;
    }

    /** What a system lacks. */
    public static List<Gate> closed(SystemVersion system) {
        return List.of(values()).stream().filter(gate -> !gate.isOpen(system)).toList();
    }
}
