// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.ffm;

import org.wskbridge.internal.shim.NativeBinding;

/** {@link NativeBinding} by the foreign function interface. */
final class FfmBinding implements NativeBinding {
    /** A method handle may throw anything, but one of a native function throws nothing of its own. */
    private static Error unexpected(Throwable failure) {
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        return failure instanceof Error e ? e : new AssertionError(failure);
    }

    @Override
    public long portOpen(int abiVersion) {
        try {
            return (long) Functions.PORT_OPEN.invokeExact(abiVersion);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int portClose(long port) {
        try {
            return (int) Functions.PORT_CLOSE.invokeExact(port);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public long socketOpen(long port) {
        try {
            return (long) Functions.SOCKET_OPEN.invokeExact(port);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int socketClose(long socket) {
        try {
            return (int) Functions.SOCKET_CLOSE.invokeExact(socket);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int control(long socket, int code, long in, int inLength, long out, int outLength, long returned) {
        try {
            return (int) Functions.CONTROL.invokeExact(socket, code, in, inLength, out, outLength, returned);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int submit(long port, long entries, long tokens, long completions, int count) {
        try {
            return (int) Functions.SUBMIT.invokeExact(port, entries, tokens, completions, count);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int waitInTurn(long port, long completions, int count, int timeoutMillis, boolean foreground) {
        try {
            return (int)
                    Functions.WAIT_IN_TURN.invokeExact(port, completions, count, timeoutMillis, foreground ? 1 : 0);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int endTurn(long port) {
        try {
            return (int) Functions.END_TURN.invokeExact(port);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int wake(long port) {
        try {
            return (int) Functions.WAKE.invokeExact(port);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int cancel(long port, long token) {
        try {
            return (int) Functions.CANCEL.invokeExact(port, token);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int lastError(long text, int length) {
        try {
            return (int) Functions.LAST_ERROR.invokeExact(text, length);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int describe(long text, int length) {
        try {
            return (int) Functions.DESCRIBE.invokeExact(text, length);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int layout(long text, int length) {
        try {
            return (int) Functions.LAYOUT.invokeExact(text, length);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int embeddedAccounting(long text, int length) {
        try {
            return (int) Functions.EMBEDDED_ACCOUNTING.invokeExact(text, length);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int embeddedFault(int fault, long argument, int status) {
        try {
            return (int) Functions.EMBEDDED_FAULT.invokeExact(fault, argument, status);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int embeddedTrace(int level) {
        try {
            return (int) Functions.EMBEDDED_TRACE.invokeExact(level);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public int embeddedTraceTake(long text, int length, int timeoutMillis) {
        try {
            return (int) Functions.EMBEDDED_TRACE_TAKE.invokeExact(text, length, timeoutMillis);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }
}
