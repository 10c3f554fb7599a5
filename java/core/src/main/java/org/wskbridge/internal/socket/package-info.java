// SPDX-License-Identifier: Apache-2.0

/**
 * Handles to the device, their operations, and the port that completes them: what the public types are made of. The order of
 * sends and receives, and what closing means, are decided here.
 *
 * <p>Internal packages that this uses: shim, memory, future.
 */
package org.wskbridge.internal.socket;
