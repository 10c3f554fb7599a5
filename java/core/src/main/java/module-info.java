// SPDX-License-Identifier: Apache-2.0

/**
 * Datagrams and connections through Windows' kernel socket layer, Winsock Kernel (WSK).
 *
 * <p>{@link org.wskbridge} is the whole API; {@link org.wskbridge.WskBridge} is where to start.
 */
@SuppressWarnings("module") // org.wskbridge.ffm is compiled later
module org.wskbridge {
    requires com.sun.jna;

    uses org.wskbridge.internal.shim.BindingProvider;

    exports org.wskbridge;
    exports org.wskbridge.internal.shim to
            org.wskbridge.ffm;

// The packages below org.wskbridge.internal are this module's own. Another artifact of the project is let into the one
// that it needs by a qualified export, never into all: a binding into shim, a test harness into embedded, what hands
// leased memory on into memory.
}
