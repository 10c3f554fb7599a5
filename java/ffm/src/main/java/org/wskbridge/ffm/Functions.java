// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * The functions of wskshim.h as method handles. They are constants, so that the compiler can inline calls through them;
 * therefore this class must not be used before the library is loaded.
 */
final class Functions {
    static final MethodHandle PORT_OPEN = returningLong("wskshim_port_open", JAVA_INT);
    static final MethodHandle PORT_CLOSE = returningInt("wskshim_port_close", JAVA_LONG);
    static final MethodHandle SOCKET_OPEN = returningLong("wskshim_socket_open", JAVA_LONG);
    static final MethodHandle SOCKET_CLOSE = returningInt("wskshim_socket_close", JAVA_LONG);
    static final MethodHandle CONTROL =
            returningInt("wskshim_control", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG);
    static final MethodHandle SUBMIT =
            returningInt("wskshim_submit", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    static final MethodHandle WAIT_IN_TURN =
            returningInt("wskshim_wait_in_turn", JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT);
    static final MethodHandle END_TURN = returningInt("wskshim_end_turn", JAVA_LONG);
    static final MethodHandle WAKE = returningInt("wskshim_wake", JAVA_LONG);
    static final MethodHandle CANCEL = returningInt("wskshim_cancel", JAVA_LONG, JAVA_LONG);
    static final MethodHandle LAST_ERROR = returningInt("wskshim_last_error", JAVA_LONG, JAVA_INT);
    static final MethodHandle DESCRIBE = returningInt("wskshim_describe", JAVA_LONG, JAVA_INT);
    static final MethodHandle LAYOUT = returningInt("wskshim_layout", JAVA_LONG, JAVA_INT);
    static final MethodHandle EMBEDDED_ACCOUNTING = returningInt("wskshim_embedded_accounting", JAVA_LONG, JAVA_INT);
    static final MethodHandle EMBEDDED_FAULT = returningInt("wskshim_embedded_fault", JAVA_INT, JAVA_LONG, JAVA_INT);
    static final MethodHandle EMBEDDED_TRACE = returningInt("wskshim_embedded_trace", JAVA_INT);
    static final MethodHandle EMBEDDED_TRACE_TAKE =
            returningInt("wskshim_embedded_trace_take", JAVA_LONG, JAVA_INT, JAVA_INT);

    private Functions() {}

    private static MethodHandle returningInt(String name, MemoryLayout... parameters) {
        return function(name, FunctionDescriptor.of(JAVA_INT, parameters));
    }

    private static MethodHandle returningLong(String name, MemoryLayout... parameters) {
        return function(name, FunctionDescriptor.of(JAVA_LONG, parameters));
    }

    @SuppressWarnings("restricted")
    private static MethodHandle function(String name, FunctionDescriptor type) {
        return Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.loaderLookup()
                                .find(name)
                                .orElseThrow(() -> new UnsatisfiedLinkError("undefined symbol: " + name)),
                        type);
    }
}
