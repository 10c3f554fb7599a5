// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.ffm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import org.wskbridge.internal.shim.BindingProvider;
import org.wskbridge.internal.shim.NativeBinding;

/** Offers the foreign function interface to the library, which finds this by its name as a service. */
public final class FfmProvider implements BindingProvider {
    /** For the service loader. */
    public FfmProvider() {}

    @Override
    public String name() {
        return "ffm";
    }

    @Override
    public Optional<String> obstacle() {
        return Optional.empty();
    }

    @Override
    public boolean needsDirectory() {
        return false;
    }

    @Override
    public void start(Path directory) {}

    @Override
    @SuppressWarnings("restricted")
    public NativeBinding bind(Path library) throws IOException {
        try {
            System.load(library.toString());
            MethodHandles.lookup().ensureInitialized(Functions.class);
            return new FfmBinding();
        } catch (ExceptionInInitializerError e) {
            throw e.getCause() instanceof UnsatisfiedLinkError cause ? cause : e;
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        } catch (IllegalCallerException e) {
            Module module = FfmProvider.class.getModule();
            throw new IOException(
                    "Java doesn't let wskbridge load native code. Start it with the option --enable-native-access="
                            + (module.isNamed() ? module.getName() : "ALL-UNNAMED") + " (" + e.getMessage() + ")",
                    e);
        }
    }

    @Override
    public long address(ByteBuffer direct) {
        return MemorySegment.ofBuffer(direct).address() - direct.position();
    }
}
