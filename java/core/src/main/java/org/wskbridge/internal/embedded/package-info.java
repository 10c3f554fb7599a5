// SPDX-License-Identifier: Apache-2.0

/**
 * What only the embedded host has: faults to order, and accounts of what exists. For tests, and for a test harness that is
 * let into this room and no other; the library itself does without it.
 *
 * <p>Knows of the other rooms: shim for the library's functions, memory for the leases.
 */
package org.wskbridge.internal.embedded;
