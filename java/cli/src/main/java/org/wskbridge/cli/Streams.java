// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a command reads and writes. Data goes through {@code in} and {@code out} as it is, unbuffered; text goes
 * through the printers.
 *
 * @param in standard input
 * @param out standard output, for data
 * @param err standard error
 * @param interactive whether the input is a terminal
 */
record Streams(InputStream in, OutputStream out, PrintStream err, boolean interactive) {

    static Streams ofProcess() {
        return new Streams(
                new FileInputStream(FileDescriptor.in),
                new FileOutputStream(FileDescriptor.out),
                System.err,
                inputIsTerminal());
    }

    /** Java tells only whether input and output both are a terminal; Linux tells about the input alone. */
    private static boolean inputIsTerminal() {
        try {
            String file = Files.readSymbolicLink(Path.of("/proc/self/fd/0")).toString();
            return file.startsWith("/dev/pts/") || file.startsWith("/dev/tty") || file.equals("/dev/console");
        } catch (IOException | UnsupportedOperationException e) {
            return System.console() != null;
        }
    }

    PrintWriter outWriter() {
        return new PrintWriter(out, true, StandardCharsets.UTF_8);
    }

    PrintWriter errWriter() {
        return new PrintWriter(err, true, StandardCharsets.UTF_8);
    }
}
