// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

/**
 * What a socket's receive ring holds now.
 *
 * @param bytes the size of the ring
 * @param usedBytes how many of them are in use
 * @param datagrams how many datagrams wait to be received
 * @param dropped how many datagrams were dropped for lack of room, since the ring was set
 */
public record ReceiveRingState(long bytes, long usedBytes, int datagrams, long dropped) {}
