// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.util.Optional;

/** Whether this Windows is Wine. */
final class Wine {
    private Wine() {}

    /** The version of Wine, by the function that Wine's ntdll.dll has for this; empty on Windows and elsewhere. */
    static Optional<String> version() {
        if (!Platform.isWindows()) {
            return Optional.empty();
        }
        try {
            Function function = NativeLibrary.getInstance("ntdll").getFunction("wine_get_version");
            return Optional.of(function.invokeString(new Object[0], false));
        } catch (UnsatisfiedLinkError e) {
            return Optional.empty();
        }
    }
}
