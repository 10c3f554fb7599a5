// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A way to call native code. JNA is there always; another artifact may offer a further one as a service, which
 * {@link Bindings} then prefers.
 */
public interface BindingProvider {
    /** The name by which the system property wskbridge.binding chooses it. */
    String name();

    /** Why it can't be used in this JVM; empty if it can. */
    Optional<String> obstacle();

    /** Whether it has native code of its own that needs a directory, which the user did not choose. */
    boolean needsDirectory();

    /**
     * Loads its own native code, if it has any and that was not loaded before.
     *
     * @param directory where the code may be put
     * @throws IOException if that can't be loaded, with the reason
     */
    void start(Path directory) throws IOException;

    /**
     * Loads wskshim and binds its functions; once in a process.
     *
     * @param library an absolute path
     * @throws UnsatisfiedLinkError if the library can't be loaded or lacks a function
     * @throws IOException if this JVM lets the provider call no native code
     */
    NativeBinding bind(Path library) throws IOException;

    /** The address of the byte at index 0 of a direct buffer that has bytes. */
    long address(ByteBuffer direct);
}
