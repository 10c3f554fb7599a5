/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by all files of the driver: system headers, pool tags, the contexts of the driver and of file
 * objects. socket.h and operation.h describe the two main objects.
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
#define WSKB_TAG_MESSAGE 'MksW'
#define WSKB_TAG_OPTION  'OksW'
#define WSKB_TAG_RING    'RksW'
#define WSKB_TAG_LIST    'LksW'
#define WSKB_TAG_CONTROL 'CksW'

/* Features that depend on WSK: see features.c. */
#define WSKB_PROBED_FEATURES                                                                                 \
    (WSKB_FEATURE_SEND_TRAFFIC_CLASS | WSKB_FEATURE_SEND_SEGMENTS | WSKB_FEATURE_RECEIVE_COALESCED)

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
    volatile LONG64 DroppedDatagrams;
    volatile LONG OpenSockets;
    volatile LONG LingeringSockets;
} WSKB_COUNTERS;

/* IoCleanupIrp frees what the kernel attached to an IRP that did not come from IoAllocateIrp. Not every
 * supported Windows version has it, so it is looked up at run time. */
typedef VOID NTAPI WSKB_CLEANUP_IRP(_In_ PIRP Irp);

/* The deadlines of operations in flight: see deadline.c. */
#define WSKB_DEADLINE_SLOTS 1024
typedef struct _WSKB_DEADLINES {
    WDFTIMER Timer; /* set while an operation has a deadline */

    /* Protects the fields below, and the fields of operations that operation.h names. Held for a walk over
     * one slot or over the heads of all, and never while calling out of the driver. */
    KSPIN_LOCK Lock;
    LIST_ENTRY Slots[WSKB_DEADLINE_SLOTS]; /* WSKB_OPERATION.DeadlineLink, by its tick modulo their number */
    ULONGLONG Tick;                        /* the first that was not looked at completely */
    ULONGLONG Due; /* the tick for which the timer is to be set; MAXULONGLONG: not set */
} WSKB_DEADLINES, *PWSKB_DEADLINES;

/* A power of two. Tokens are random, so chains are short even with thousands of unclaimed connections. */
#define WSKB_TOKEN_CHAINS 256

/* A version of Windows. */
typedef struct _WSKB_SYSTEM {
    ULONG Major;
    ULONG Minor;
    ULONG Build;
} WSKB_SYSTEM;

/* Context of the WDFDRIVER, the root of all data: valid from DriverEntry until EvtDriverUnload has
 * returned. */
typedef struct _WSKB_DRIVER {
    WDFDEVICE Device;
    WSKB_PROVIDER Provider;
    WSKB_COUNTERS Counters;
    WDFTIMER LingerTimer; /* runs while Lingering is not empty */
    WSKB_DEADLINES Deadlines;
    volatile LONG LastSocket; /* the number of the block made last; interlocked */
    volatile LONG Features;   /* of WSKB_PROBED_FEATURES those that WSK has; 0 until Probed. Interlocked */
    volatile LONG Probed;     /* WSK was asked for them; interlocked */

    /* Generates accept tokens. Opened for use at DISPATCH_LEVEL, where requests may be presented. */
    BCRYPT_ALG_HANDLE Random;

    /* IoCleanupIrp, or NULL where the kernel has none. */
    WSKB_CLEANUP_IRP* CleanupIrp;

    WSKB_SYSTEM System; /* constant */
    ULONG MissingGates; /* constant: bit WSKB_GATE_...: System is below what that gate needs */

    /* Protects the fields below, the setting of WSKB_FILE.Socket, and the fields that socket.h names. Held at
     * most for a walk over one of the lists, and never while calling out of the driver. */
    KSPIN_LOCK Lock;
    LIST_ENTRY Processes;                 /* WSKB_PROCESS.Link */
    LIST_ENTRY Tokens[WSKB_TOKEN_CHAINS]; /* WSKB_SOCKET.TokenLink: unclaimed connections, hashed by token */
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
    BOOLEAN CleanedUp; /* the last handle was closed: no socket may be attached any more. Driver's lock. */
} WSKB_FILE, *PWSKB_FILE;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(WSKB_FILE, WskbGetFile)

/* Asks WSK for the features that depend on it, unless that is done. WSK must be captured. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbProbeFeatures(_Inout_ PWSKB_DRIVER Driver);

/* Non-paged pool; NULL on failure. */
_IRQL_requires_max_(DISPATCH_LEVEL) PVOID WskbAllocateZeroed(_In_ SIZE_T Length, _In_ ULONG Tag);

DRIVER_INITIALIZE DriverEntry;
EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL WskbEvtIoDeviceControl;
