// SPDX-License-Identifier: Apache-2.0

/**
 * What only the embedded host has: fault injection, and accounts of what exists. For tests, and for a test harness, to
 * which only this package is opened. The library itself doesn't use it.
 *
 * <p>Internal packages that this uses: shim for the library's functions, memory for the leases.
 */
package org.wskbridge.internal.embedded;
