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

    /** A call that does nothing tells whether restricted ones are allowed; where they are only warned of, it warns. */
    @Override
    @SuppressWarnings("restricted")
    public Optional<String> obstacle() {
        try {
            MemorySegment.NULL.reinterpret(0);
            return Optional.empty();
        } catch (IllegalCallerException e) {
            return Optional.of(denied(e));
        }
    }

    private static String denied(IllegalCallerException e) {
        Module module = FfmProvider.class.getModule();
        return "Java doesn't let it call native code. Start Java with the option --enable-native-access="
                + (module.isNamed() ? module.getName() : "ALL-UNNAMED") + " (" + e.getMessage() + ")";
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
            if (e.getCause() instanceof IllegalCallerException cause) {
                throw new IOException(denied(cause), e);
            }
            throw e.getCause() instanceof UnsatisfiedLinkError cause ? cause : e;
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        } catch (IllegalCallerException e) {
            throw new IOException(denied(e), e);
        }
    }

    @Override
    public long address(ByteBuffer direct) {
        ByteBuffer own = direct.duplicate(); // whose position nobody else moves
        return MemorySegment.ofBuffer(own).address() - own.position();
    }
}
