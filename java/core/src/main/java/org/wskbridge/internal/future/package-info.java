// SPDX-License-Identifier: Apache-2.0

/**
 * Futures that end in two steps, known and then public; on which thread their dependents run; and the threads and the timer
 * that the library has for that. It says nothing of sockets or native code: whoever performs an operation records its
 * outcome, and a poller takes part in waiting.
 *
 * <p>Internal packages that this uses: none.
 */
package org.wskbridge.internal.future;
