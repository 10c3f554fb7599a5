// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;

/** Calls native code by JNA, which every JVM that the library supports can do. */
final class JnaProvider implements BindingProvider {
    @Override
    public String name() {
        return "jna";
    }

    @Override
    public Optional<String> obstacle() {
        return Optional.empty();
    }

    @Override
    public boolean needsDirectory() {
        return !JnaStart.isPlaceChosen();
    }

    @Override
    public void start(Path directory) throws IOException {
        JnaStart.in(directory);
    }

    @Override
    public NativeBinding bind(Path library) {
        return ShimLibrary.load(library);
    }

    @Override
    public long address(ByteBuffer direct) {
        return Pointer.nativeValue(Native.getDirectBufferPointer(direct));
    }
}
