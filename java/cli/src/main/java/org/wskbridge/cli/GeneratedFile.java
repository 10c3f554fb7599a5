// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** A temporary file full of data that does not repeat, the same in every run. It goes with the process at the latest. */
final class GeneratedFile {

    private static final int MEBIBYTE = 1 << 20;

    private GeneratedFile() {}

    static Path create(int mebibytes) throws IOException {
        Path file = Files.createTempFile("wskbridge-demo", ".bin");
        file.toFile().deleteOnExit();
        Random random = new Random(mebibytes);
        byte[] block = new byte[MEBIBYTE];
        try (OutputStream out = Files.newOutputStream(file)) {
            for (int i = 0; i < mebibytes; i++) {
                random.nextBytes(block);
                out.write(block);
            }
        }
        return file;
    }
}
