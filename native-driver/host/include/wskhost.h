/* SPDX-License-Identifier: Apache-2.0
 *
 * Fault injection and accounting of the host's WSK provider, for tests and driver harnesses. Every function
 * may be called from any thread at PASSIVE_LEVEL.
 */
#ifndef WSKHOST_H
#define WSKHOST_H

#include <ntddk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the Nth call from now on of a WSK dispatch function complete its IRP with Status and do nothing else,
 * once; WskCloseSocket still closes. Nth 0 turns it off. Status must be an error. */
void WskHostFailCall(ULONG Nth, NTSTATUS Status);

/* From now on every successful transfer reports this many bytes too many. 0 turns it off. */
void WskHostOverstate(ULONG Bytes);

/* While on (off at start), WskCloseSocket does everything but complete its IRP, like a slow transport.
 * Turning it off completes the held IRPs. */
void WskHostHoldCloses(BOOLEAN Hold);

/* Makes every open socket unusable, as when its transport goes away: its pending IRPs complete with
 * STATUS_FILE_FORCED_CLOSED, and so does every later call except WskCloseSocket. */
void WskHostForceClose(void);

/* While not available (available at start), WskCaptureProviderNPI waits up to its timeout and then returns
 * STATUS_DEVICE_NOT_READY. Existing captures stay valid. */
void WskHostSetAvailable(BOOLEAN Available);

typedef struct _WSKHOST_ACCOUNTING {
    ULONGLONG Registrations;
    ULONGLONG Captures;
    ULONGLONG Sockets;       /* created and not closed */
    ULONGLONG PendingIrps;   /* pending in a socket's queue */
    ULONGLONG CallsMade;     /* since the process started: calls of dispatch functions */
    ULONGLONG IrpsCompleted; /* since the process started */
} WSKHOST_ACCOUNTING, *PWSKHOST_ACCOUNTING;

void WskHostQueryAccounting(PWSKHOST_ACCOUNTING Accounting);

#ifdef __cplusplus
}
#endif

#endif
