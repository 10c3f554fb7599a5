// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.net.SocketException;

/**
 * A limit was reached: of operations in flight on a socket, of bytes locked by the process, of sockets, or of the
 * system's memory. Nothing has happened; the same call may succeed when other operations have completed or other
 * sockets are closed. {@link BridgeLimits} tells the limits.
 */
public final class WskQuotaException extends SocketException {
    private static final long serialVersionUID = 1L;

    /**
     * For the bridge.
     *
     * @param message what was refused
     */
    public WskQuotaException(String message) {
        super(message);
    }
}
