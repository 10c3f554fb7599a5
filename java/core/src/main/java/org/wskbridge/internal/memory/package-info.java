// SPDX-License-Identifier: Apache-2.0

/**
 * Memory that the driver reads and writes: leased from a pool or a user's own, whose lifetime is found out; and the watch
 * over what a program drops without closing it. Whoever hands leased memory on needs this room.
 *
 * <p>Knows of the other rooms: shim for addresses, future for threads to close on.
 */
package org.wskbridge.internal.memory;
