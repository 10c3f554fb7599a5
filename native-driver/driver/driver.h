/* SPDX-License-Identifier: Apache-2.0
 *
 * What every file of the driver shares: the headers it may use, pool tags, the driver's context, and the
 * context of a file object. socket.h and operation.h describe the two objects that do the work.
 */
#pragma once

#include <ntifs.h>
#include <bcrypt.h>
#include <wdf.h>
#include <wsk.h>

#include <wskbridge/ioctl.h>

#include "provider.h"

#define WSKB_TAG_SOCKET  'SksW'
#define WSKB_TAG_PROCESS 'PksW'

typedef struct _WSKB_SOCKET WSKB_SOCKET, *PWSKB_SOCKET;

/* Totals for GET_STATISTICS. Interlocked, never reset. */
typedef struct _WSKB_COUNTERS {
    volatile LONG64 ControlRequests;
    volatile LONG64 CompletedRequests;
    volatile LONG64 StartedIrps;
    volatile LONG64 CompletedIrps;
    volatile LONG64 CancelledRequests;
    volatile LONG64 SentDatagrams;
    volatile LONG64 ReceivedDatagrams;
    volatile LONG64 SentBytes;
    volatile LONG64 ReceivedBytes;
    volatile LONG64 AcceptedConnections;
    volatile LONG OpenSockets;
    volatile LONG LingeringSockets;
} WSKB_COUNTERS;

/* IoCleanupIrp gives back what the kernel hung on an IRP that was not made by IoAllocateIrp. Not every
 * Windows that the driver runs on has it, so it is not imported but looked up. */
typedef VOID NTAPI WSKB_CLEANUP_IRP(_In_ PIRP Irp);

/* A power of two. Tokens are random, so that a chain is short even when thousands are unclaimed. */
#define WSKB_TOKEN_CHAINS 256

/* Context of the WDFDRIVER, and with that the root of everything: made by DriverEntry, gone after
 * EvtDriverUnload. */
typedef struct _WSKB_DRIVER {
    WDFDEVICE Device;
    WSKB_PROVIDER Provider;
    WSKB_COUNTERS Counters;
    WDFTIMER LingerTimer;     /* runs while Lingering is not empty */
    volatile LONG LastSocket; /* the number of the block made last; interlocked */

    /* The source of accept tokens. Of the kind for DISPATCH_LEVEL, where a request may be presented. */
    BCRYPT_ALG_HANDLE Random;

    /* IoCleanupIrp, or NULL where the kernel has none. */
    WSKB_CLEANUP_IRP* CleanupIrp;

    /* Guards the fields below, WSKB_FILE.Socket against being set twice, and the fields that socket.h says.
     * Held for no longer than a walk over one of the lists, never over a call out of the driver. */
    KSPIN_LOCK Lock;
    LIST_ENTRY Processes;                 /* WSKB_PROCESS.Link */
    LIST_ENTRY Tokens[WSKB_TOKEN_CHAINS]; /* WSKB_SOCKET.TokenLink: unclaimed connections, by their token */
    LIST_ENTRY Lingering;                 /* WSKB_SOCKET.Linger.Link */
    volatile LONG UnclaimedCount;         /* their number; interlocked, read without Lock */
} WSKB_DRIVER, *PWSKB_DRIVER;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(WSKB_DRIVER, WskbGetDriver)

/* Context of a WDFFILEOBJECT. Socket is set once, by CREATE or ATTACH, under the driver's lock, and stays
 * until the file object closes; requests of the file may therefore use it without a reference of their own.
 */
typedef struct _WSKB_FILE {
    PWSKB_DRIVER Driver;
    PWSKB_SOCKET Socket;
    BOOLEAN CleanedUp; /* the last handle is gone: nothing may be attached any more. Driver's lock. */
} WSKB_FILE, *PWSKB_FILE;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(WSKB_FILE, WskbGetFile)

/* Non-paged memory; NULL when there is none. */
_IRQL_requires_max_(DISPATCH_LEVEL) PVOID WskbAllocateZeroed(_In_ SIZE_T Length, _In_ ULONG Tag);

DRIVER_INITIALIZE DriverEntry;
EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL WskbEvtIoDeviceControl;
