// SPDX-License-Identifier: Apache-2.0

/**
 * Datagrams and connections through Windows' kernel socket layer, Winsock Kernel (WSK).
 *
 * <p>{@link org.wskbridge} is the whole API; {@link org.wskbridge.WskBridge} is where to start.
 */
module org.wskbridge {
    requires com.sun.jna;

    exports org.wskbridge;
}
