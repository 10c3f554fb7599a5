// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;

/** What netcat does over one protocol. Each method returns the exit status. */
interface Netcat {

    /** Connects to one port of the target after the other, and joins each with input and output. */
    int connect() throws IOException;

    /** Finds out which ports of the target answer: 0 if one does. */
    int scan() throws IOException;

    /**
     * Waits for a peer and joins it with input and output.
     *
     * @param keep whether others are served after it
     */
    int listen(boolean keep) throws IOException;
}
