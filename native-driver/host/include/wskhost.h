/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults and accounting of the host's WSK provider, for tests and for harnesses around a driver. Every
 * function may be called from any thread at PASSIVE_LEVEL.
 */
#ifndef WSKHOST_H
#define WSKHOST_H

#include <ntddk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The Nth call from now on of a function in a WSK dispatch table completes its IRP with Status and does
 * nothing else, once; WskCloseSocket still closes. Nth 0 turns it off. Status must be an error. */
void WskHostFailCall(ULONG Nth, NTSTATUS Status);

/* From now on every transfer that does not fail says that so many more bytes moved than did. 0 turns it off.
 */
void WskHostOverstate(ULONG Bytes);

/* While on (it is not at start), WskCloseSocket does everything but complete its IRP, as when a transport
 * takes its time. Turning it off completes them all. */
void WskHostHoldCloses(BOOLEAN Hold);

/* Every socket that is open now becomes dead, as when its transport goes away: what waits completes with
 * STATUS_FILE_FORCED_CLOSED, and so does every later call but WskCloseSocket. */
void WskHostForceClose(void);

/* While not available (it is at start), WskCaptureProviderNPI waits as long as it may and then returns
 * STATUS_DEVICE_NOT_READY. Existing captures stay valid. */
void WskHostSetAvailable(BOOLEAN Available);

typedef struct _WSKHOST_ACCOUNTING {
    ULONGLONG Registrations;
    ULONGLONG Captures;
    ULONGLONG Sockets;       /* made and not closed */
    ULONGLONG PendingIrps;   /* waiting in a socket's queue */
    ULONGLONG CallsMade;     /* since the process started: calls of dispatch functions */
    ULONGLONG IrpsCompleted; /* since the process started */
} WSKHOST_ACCOUNTING, *PWSKHOST_ACCOUNTING;

void WskHostQueryAccounting(PWSKHOST_ACCOUNTING Accounting);

#ifdef __cplusplus
}
#endif

#endif
