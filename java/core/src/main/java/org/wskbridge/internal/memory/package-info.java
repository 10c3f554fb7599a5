// SPDX-License-Identifier: Apache-2.0

/**
 * Memory that the driver reads and writes: leased from a pool, or a user's own, with what is known of its lifetime. Also
 * the watch over what a program drops without closing it. Code that passes leased memory on needs this package.
 *
 * <p>Internal packages that this uses: shim for addresses, future for threads to close on.
 */
package org.wskbridge.internal.memory;
