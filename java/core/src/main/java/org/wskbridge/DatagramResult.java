// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.InetSocketAddress;

/**
 * What the library knows about a datagram that was received into a buffer of the caller.
 *
 * @param sender where it came from
 * @param length bytes of payload that were stored
 * @param truncated whether it was longer than the buffer; the rest is lost
 * @param controlInfo what the options of the socket ask for
 */
public record DatagramResult(InetSocketAddress sender, int length, boolean truncated, ControlInfo controlInfo) {}
