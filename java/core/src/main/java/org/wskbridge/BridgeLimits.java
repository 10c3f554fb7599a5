// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

/**
 * The limits that a driver sets. Beyond one of them an operation fails with a {@link WskQuotaException}; sends and
 * receives of a connection wait instead.
 *
 * @param maximumDatagram bytes of payload in one datagram; IPv4 allows 20 less than IPv6
 * @param maximumTransfer bytes that one request to the driver moves on a connection; longer sends are split
 * @param maximumOperations operations in flight on one socket
 * @param maximumSockets sockets of one process
 * @param maximumUnclaimed connections of one listen socket that are accepted or being waited for
 * @param maximumBytes bytes of buffers in flight of one process
 */
public record BridgeLimits(
        int maximumDatagram,
        int maximumTransfer,
        int maximumOperations,
        int maximumSockets,
        int maximumUnclaimed,
        long maximumBytes) {}
