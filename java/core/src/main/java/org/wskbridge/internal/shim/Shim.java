// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The native library, loaded once, when it is first needed; or the reason why there is none. */
public final class Shim {
    /** The library, or the reason why there is none, whichever the first attempt to load it gave. */
    private static NativeBinding loaded;

    private static IOException failure;

    private Shim() {}

    /**
     * Loads the library once. A failure is kept, because JNA is never started twice; so every caller gets the same one. A
     * failure for lack of memory or by an interrupt is not kept, because it passes.
     */
    private static synchronized NativeBinding load() throws IOException {
        if (failure != null) {
            throw failure;
        }
        if (loaded == null) {
            boolean interrupted = Thread.interrupted(); // would close the files that are read and written
            try {
                NativeBinding binding = NativeLoader.load();
                checkLayout(binding);
                DriverLog.start(binding);
                loaded = binding;
            } catch (OutOfMemoryError e) {
                throw new IOException("there is too little memory to load the native library: " + e.getMessage(), e);
            } catch (ClosedByInterruptException e) {
                interrupted = true;
                throw e;
            } catch (IOException e) {
                failure = e;
                throw e;
            } catch (RuntimeException | Error e) {
                failure = new IOException(JnaStart.rootMessage(e), e);
                throw failure;
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
        return loaded;
    }

    /** The message has the first differences, the cause all of them. */
    static void checkLayout(NativeBinding binding) throws IOException {
        List<String> differences = Layout.differences(Scratch.text(binding::layout));
        if (!differences.isEmpty()) {
            int shown = Math.min(5, differences.size());
            String more = shown == differences.size() ? "" : "; and " + (differences.size() - shown) + " more";
            throw new IOException(
                    "The native library isn't the one of this version of wskbridge: "
                            + String.join("; ", differences.subList(0, shown)) + more,
                    new IllegalStateException(String.join("\n", differences)));
        }
    }

    /** The functions of the library. */
    public static NativeBinding binding() throws IOException {
        try {
            return load();
        } catch (IOException e) {
            throw new IOException("wskbridge isn't available: " + e.getMessage(), e);
        }
    }

    /** By what native code is called: jna, or the name of another binding. */
    public static String bindingName() {
        return Bindings.provider().name();
    }

    /** Why no bridge can be opened now, if none can: finds out by opening a port. */
    public static Optional<Throwable> unavailabilityCause() {
        try {
            NativeBinding binding = load();
            long port = binding.portOpen(Layout.ABI_VERSION);
            if (port < 0) {
                return Optional.of(openFailure(binding, (int) port));
            }
            binding.portClose(port);
            return Optional.empty();
        } catch (IOException | RuntimeException e) {
            return Optional.of(e);
        }
    }

    /** The exception for a port that could not be opened: with what the library says of it. */
    public static IOException openFailure(NativeBinding binding, int status) {
        String said = Scratch.text(binding::lastError);
        return StatusMapping.thrown(status, Verb.PORT_OPEN, said.isEmpty() ? "no more is known" : said);
    }

    /** What the library says of itself. */
    public static Map<String, String> description(NativeBinding binding) {
        return pairs(Scratch.text(binding::describe));
    }

    /** Lines of the form name=value, in their order. */
    public static Map<String, String> pairs(String text) {
        Map<String, String> pairs = new LinkedHashMap<>();
        for (String line : text.split("\n")) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                pairs.put(
                        line.substring(0, equals).strip(),
                        line.substring(equals + 1).strip());
            }
        }
        return pairs;
    }
}
