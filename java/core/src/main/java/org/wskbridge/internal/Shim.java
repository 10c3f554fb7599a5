// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The native library, loaded once, when it is first needed; or the reason why there is none. */
public final class Shim {
    /** Initialising this never fails: what goes wrong is kept. */
    private static final class Holder {
        static final NativeBinding BINDING;
        static final Throwable FAILURE;

        static {
            NativeBinding binding = null;
            Throwable failure = null;
            try {
                binding = NativeLoader.load();
                checkLayout(binding);
            } catch (IOException | RuntimeException | LinkageError e) {
                binding = null;
                failure = e;
            }
            BINDING = binding;
            FAILURE = failure;
        }
    }

    private Shim() {}

    static void checkLayout(NativeBinding binding) throws IOException {
        List<String> differences = Layout.differences(Scratch.text(binding::layout));
        if (!differences.isEmpty()) {
            throw new IOException("The native library isn't the one of this version of wskbridge: "
                    + String.join("; ", differences.subList(0, Math.min(5, differences.size()))));
        }
    }

    /** The functions of the library. */
    public static NativeBinding binding() throws IOException {
        if (Holder.FAILURE != null) {
            throw new IOException("wskbridge isn't available: " + Holder.FAILURE.getMessage(), Holder.FAILURE);
        }
        return Holder.BINDING;
    }

    /** Why no bridge can be opened now, if none can: finds out by opening a port. */
    public static Optional<Throwable> unavailabilityCause() {
        if (Holder.FAILURE != null) {
            return Optional.of(Holder.FAILURE);
        }
        try {
            NativeBinding binding = Holder.BINDING;
            long port = binding.portOpen(Layout.ABI_VERSION);
            if (port < 0) {
                return Optional.of(CompletionPort.openFailure(binding, (int) port));
            }
            binding.portClose(port);
            return Optional.empty();
        } catch (RuntimeException e) {
            return Optional.of(e);
        }
    }

    /** What the library says of itself. */
    public static Map<String, String> description(NativeBinding binding) {
        return pairs(Scratch.text(binding::describe));
    }

    static Map<String, String> pairs(String text) {
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
