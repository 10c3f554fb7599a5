// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

/**
 * The driver's counters: totals of all processes since it was loaded, and what is open now.
 *
 * @param controlRequests requests (IOCTLs) that reached the driver
 * @param completedRequests requests that the driver completed
 * @param startedIrps IRPs that the driver handed to WSK
 * @param completedIrps IRPs that WSK completed
 * @param cancelledRequests requests that ended cancelled
 * @param sentDatagrams datagrams handed to the network
 * @param receivedDatagrams datagrams handed to programs
 * @param sentBytes bytes of payload sent
 * @param receivedBytes bytes of payload received
 * @param acceptedConnections connections accepted
 * @param openSockets WSK sockets that are not closed yet
 * @param unclaimedSockets of these, accepted connections that no program has taken over yet
 * @param operationsInFlight operations that WSK is working on
 * @param lingeringSockets of the open sockets, closed connections that the driver goes on with until everything is
 *     delivered
 * @param droppedDatagrams datagrams for which a receive ring had no room
 */
public record BridgeStatistics(
        long controlRequests,
        long completedRequests,
        long startedIrps,
        long completedIrps,
        long cancelledRequests,
        long sentDatagrams,
        long receivedDatagrams,
        long sentBytes,
        long receivedBytes,
        long acceptedConnections,
        int openSockets,
        int unclaimedSockets,
        int operationsInFlight,
        int lingeringSockets,
        long droppedDatagrams) {}
