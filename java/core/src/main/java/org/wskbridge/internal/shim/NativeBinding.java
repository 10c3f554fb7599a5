// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

/**
 * The functions of wskshim.h, with addresses as {@code long}. Nothing but primitives crosses this line, so that the
 * calls need no conversion and another {@link BindingProvider} can stand in for JNA.
 *
 * <p>Negative results are NTSTATUS codes.
 */
public interface NativeBinding {
    long portOpen(int abiVersion);

    int portClose(long port);

    long socketOpen(long port);

    int socketClose(long socket);

    int control(long socket, int code, long in, int inLength, long out, int outLength, long returned);

    int submit(long port, long entries, long tokens, long completions, int count);

    int waitInTurn(long port, long completions, int count, int timeoutMillis, boolean foreground);

    int endTurn(long port);

    int wake(long port);

    int cancel(long port, long token);

    int lastError(long text, int length);

    int describe(long text, int length);

    int layout(long text, int length);

    int embeddedAccounting(long text, int length);

    int embeddedFault(int fault, long argument, int status);

    int embeddedTrace(int level);

    int embeddedTraceTake(long text, int length, int timeoutMillis);
}
