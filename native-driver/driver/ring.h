/* SPDX-License-Identifier: Apache-2.0
 *
 * The receive ring of a datagram socket: memory of a fixed size that holds datagrams, with their senders,
 * until a RECEIVE_MESSAGES takes them. ring.c has the memory, batch.c what fills and empties it.
 *
 * A record is reserved, written and then made ready; the payload is copied without the lock. Any number of
 * threads may fill the ring, one at a time empties it: the one that has set Serving. Records are taken in the
 * order in which they were reserved, so one that is still being written holds up those after it.
 */
#pragma once

#include "driver.h"

/* How a datagram socket receives; the first request that receives decides, for the socket's life. */
typedef enum _WSKB_RECEIVE_MODE {
    WskbReceiveUndecided,
    WskbReceiveEach,     /* RECEIVE_FROM */
    WskbReceiveStarting, /* SET_RECEIVE_RING is in progress */
    WskbReceiveRing      /* RECEIVE_MESSAGES */
} WSKB_RECEIVE_MODE;

/* A record begins at a multiple of 8 bytes; Bytes is one too. The payload follows the structure. */
typedef struct _WSKB_RECORD {
    ULONG Bytes;         /* with this structure and the payload; constant once reserved */
    volatile LONG State; /* WSKB_RECORD_...; interlocked */
    WSKB_DATAGRAM Datagram;
} WSKB_RECORD, *PWSKB_RECORD;

#define WSKB_RECORD_WRITING 0
#define WSKB_RECORD_READY   1
#define WSKB_RECORD_FILLER                                                                                   \
    2 /* the rest of the memory before the next record, which needs more; no Datagram */

typedef struct _WSKB_RING {
    volatile LONG Mode; /* WSKB_RECEIVE_MODE; interlocked */

    /* Protects the fields below, but not the contents of records. Taken at <= DISPATCH_LEVEL, held for a walk
     * over the records at most, and never while calling out of the driver. */
    KSPIN_LOCK Lock;
    UCHAR* Memory; /* non-paged pool, Size bytes; from SET_RECEIVE_RING until the block is freed */
    ULONG Size;
    ULONG MaximumDatagrams;
    ULONG Head; /* of the oldest record */
    ULONG Tail; /* where the next one is reserved */
    ULONG Used; /* bytes from Head to Tail */
    ULONG Datagrams;
    ULONG64 Overruns;  /* datagrams that were dropped */
    BOOLEAN HoldsBack; /* refuses datagrams when it is full, instead of dropping them */
    BOOLEAN Paused;    /* the last one was refused: WSK does not call until the event is enabled again */
    ULONG
    ResumeUsed; /* while Paused: it is enabled again when Used and Datagrams are no greater than these */
    ULONG ResumeDatagrams;
    BOOLEAN Resuming;   /* the work item that enables it is queued or running */
    BOOLEAN Serving;    /* a thread completes requests */
    LIST_ENTRY Waiting; /* IRP.Tail.Overlay.ListEntry of operations that wait */
    ULONG WaitingCount;
    NTSTATUS Ended; /* why no operation waits any more; STATUS_SUCCESS while they may */

    PIO_WORKITEM ResumeWorkItem; /* with HoldsBack; constant */
} WSKB_RING, *PWSKB_RING;

_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbRingInitialize(_Out_ PWSKB_RING Ring);

/* Chooses how the socket receives. FALSE: it is chosen already, and differently. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ BOOLEAN
    WskbRingChoose(_Inout_ PWSKB_RING Ring, _In_ WSKB_RECEIVE_MODE Mode);

/* The place where records stand, and how to go back there. */
typedef struct _WSKB_RING_MARK {
    ULONG Tail;
    ULONG Used;
    ULONG Datagrams;
} WSKB_RING_MARK;

/* Ring's lock held. The end of the ring now; and: forgets what was reserved since. */
_IRQL_requires_(DISPATCH_LEVEL) WSKB_RING_MARK WskbRingMarkLocked(_In_ PWSKB_RING Ring);
_IRQL_requires_(DISPATCH_LEVEL) VOID WskbRingReturnLocked(_Inout_ PWSKB_RING Ring, _In_ WSKB_RING_MARK Mark);

/* Ring's lock held. Reserves a record for a payload of Length bytes, at most WSKB_MAXIMUM_DATAGRAM. FALSE:
 * there is no room. */
_IRQL_requires_(DISPATCH_LEVEL) _Must_inspect_result_ BOOLEAN
    WskbRingReserveLocked(_Inout_ PWSKB_RING Ring, _In_ ULONG Length);

/* A position among the records. */
typedef struct _WSKB_RING_CURSOR {
    ULONG Offset;
    ULONG Left; /* bytes that follow */
} WSKB_RING_CURSOR;

/* Ring's lock held. The oldest record; and: the first of those reserved since the mark. */
_IRQL_requires_(DISPATCH_LEVEL) WSKB_RING_CURSOR WskbRingHeadLocked(_In_ PWSKB_RING Ring);
_IRQL_requires_(DISPATCH_LEVEL) WSKB_RING_CURSOR
    WskbRingSinceLocked(_In_ PWSKB_RING Ring, _In_ WSKB_RING_MARK Mark);

/* The record at the cursor, or NULL at the end; fillers are passed over. No lock is needed for records that
 * the caller reserved, or may take. */
_IRQL_requires_max_(DISPATCH_LEVEL) PWSKB_RECORD
    WskbRingAt(_In_ PWSKB_RING Ring, _Inout_ WSKB_RING_CURSOR* Cursor);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbRingAdvance(_In_ PWSKB_RING Ring, _In_ PWSKB_RECORD Record, _Inout_ WSKB_RING_CURSOR* Cursor);

/* Ring's lock held. Frees the records before the cursor, Datagrams in number. */
_IRQL_requires_(DISPATCH_LEVEL) VOID
    WskbRingFreeLocked(_Inout_ PWSKB_RING Ring, _In_ WSKB_RING_CURSOR Cursor, _In_ ULONG Datagrams);

/* Bytes that a payload takes where records or entries follow each other. */
FORCEINLINE ULONG WskbRingAlign(ULONG Length)
{
    return (Length + 7) & ~7u;
}
