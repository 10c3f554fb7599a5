// SPDX-License-Identifier: Apache-2.0

/**
 * Datagrams and connections through Windows' kernel socket layer, Winsock Kernel (WSK).
 *
 * <p>{@link org.wskbridge} is the whole API; {@link org.wskbridge.WskBridge} is where to start.
 */
module org.wskbridge {
    requires com.sun.jna;
    requires jdk.net;

    exports org.wskbridge;

// The packages below org.wskbridge.internal are this module's own. Another artifact of the project is let into the one
// that it needs by a qualified export, never into all: a binding into shim, a test harness into embedded, what hands
// leased memory on into memory.
}
