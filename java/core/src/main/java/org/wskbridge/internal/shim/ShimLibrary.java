// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import java.nio.file.Path;
import java.util.Map;

/** {@link NativeBinding} by JNA direct mapping of libwskshim. */
final class ShimLibrary implements NativeBinding {
    private ShimLibrary() {}

    /** Loads the library from an absolute path and binds the native methods to it. */
    static NativeBinding load(Path library) {
        NativeLibrary loaded = NativeLibrary.getInstance(
                library.toString(), Map.of("classloader", ShimLibrary.class.getClassLoader()));
        Native.register(ShimLibrary.class, loaded);
        return new ShimLibrary();
    }

    private static native long wskshim_port_open(int abiVersion);

    private static native int wskshim_port_close(long port);

    private static native long wskshim_socket_open(long port);

    private static native int wskshim_socket_close(long socket);

    private static native int wskshim_control(
            long socket, int code, long in, int inLength, long out, int outLength, long returned);

    private static native int wskshim_submit(long port, long entries, long tokens, long completions, int count);

    private static native int wskshim_wait_in_turn(
            long port, long completions, int count, int timeoutMillis, int foreground);

    private static native int wskshim_end_turn(long port);

    private static native int wskshim_wake(long port);

    private static native int wskshim_cancel(long port, long token);

    private static native int wskshim_last_error(long text, int length);

    private static native int wskshim_describe(long text, int length);

    private static native int wskshim_layout(long text, int length);

    private static native int wskshim_embedded_accounting(long text, int length);

    private static native int wskshim_embedded_fault(int fault, long argument, int status);

    private static native int wskshim_embedded_trace(int level);

    private static native int wskshim_embedded_trace_take(long text, int length, int timeoutMillis);

    @Override
    public long portOpen(int abiVersion) {
        return wskshim_port_open(abiVersion);
    }

    @Override
    public int portClose(long port) {
        return wskshim_port_close(port);
    }

    @Override
    public long socketOpen(long port) {
        return wskshim_socket_open(port);
    }

    @Override
    public int socketClose(long socket) {
        return wskshim_socket_close(socket);
    }

    @Override
    public int control(long socket, int code, long in, int inLength, long out, int outLength, long returned) {
        return wskshim_control(socket, code, in, inLength, out, outLength, returned);
    }

    @Override
    public int submit(long port, long entries, long tokens, long completions, int count) {
        return wskshim_submit(port, entries, tokens, completions, count);
    }

    @Override
    public int waitInTurn(long port, long completions, int count, int timeoutMillis, boolean foreground) {
        return wskshim_wait_in_turn(port, completions, count, timeoutMillis, foreground ? 1 : 0);
    }

    @Override
    public int endTurn(long port) {
        return wskshim_end_turn(port);
    }

    @Override
    public int wake(long port) {
        return wskshim_wake(port);
    }

    @Override
    public int cancel(long port, long token) {
        return wskshim_cancel(port, token);
    }

    @Override
    public int lastError(long text, int length) {
        return wskshim_last_error(text, length);
    }

    @Override
    public int describe(long text, int length) {
        return wskshim_describe(text, length);
    }

    @Override
    public int layout(long text, int length) {
        return wskshim_layout(text, length);
    }

    @Override
    public int embeddedAccounting(long text, int length) {
        return wskshim_embedded_accounting(text, length);
    }

    @Override
    public int embeddedFault(int fault, long argument, int status) {
        return wskshim_embedded_fault(fault, argument, status);
    }

    @Override
    public int embeddedTrace(int level) {
        return wskshim_embedded_trace(level);
    }

    @Override
    public int embeddedTraceTake(long text, int length, int timeoutMillis) {
        return wskshim_embedded_trace_take(text, length, timeoutMillis);
    }
}
