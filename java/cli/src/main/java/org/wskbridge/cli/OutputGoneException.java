// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;

/** Whoever read our standard output has gone. It ends a command, and nobody has to be told. */
final class OutputGoneException extends IOException {
    private static final long serialVersionUID = 1L;

    private OutputGoneException(IOException cause) {
        super(cause.getMessage(), cause);
    }

    /** Writes, and tells a reader that has gone from other failures: Java has the system's words for it only. */
    static void write(OutputStream output, byte[] data, int offset, int length) throws IOException {
        try {
            output.write(data, offset, length);
        } catch (IOException e) {
            String message = String.valueOf(e.getMessage());
            if (message.toLowerCase(Locale.ROOT).contains("pipe")) {
                throw new OutputGoneException(e);
            }
            throw new IOException("standard output: " + message, e);
        }
    }
}
