// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.ProtocolFamily;
import java.util.UUID;

/**
 * What WSK can make sockets of, as WSK_TRANSPORT.
 *
 * @param version version of WSK, as {@code major.minor}
 * @param socketType 1 for streams, 2 for datagrams, 3 for raw sockets
 * @param protocol number of the IP protocol, 6 for TCP, 17 for UDP
 * @param family family of its addresses
 * @param providerId which provider it is of; all zero for the system's own
 */
public record WskTransport(String version, int socketType, int protocol, ProtocolFamily family, UUID providerId) {}
