/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket block: one WSK socket with its state, its operations in flight and what closing it needs.
 *
 * Lifetime. A block is non-paged pool, counted by references:
 *   - the owner's: the file object (from CREATE or ATTACH until EvtFileClose), or, for an accepted connection
 * that nobody attached yet, its listener's list of unclaimed connections;
 *   - WSK's: from the moment the block has a WSK socket until the IRP of WskCloseSocket is complete. It
 * covers the work item that may have to start the close.
 *
 * File object. For as long as WSK has its reference to the block, the block has one to a file object: its own
 * file's, or its listener's while nobody attached it. So a closed handle's file object stays until WSK has
 * closed the socket, EvtFileClose comes after that, and the I/O manager does not unload the driver before. It
 * is the last thing that the close IRP's completion routine drops. IoSetCompletionRoutineEx keeps the
 * driver's code there until that routine has returned.
 *
 * Call guard. WskCloseSocket may be called only while no other call on the socket executes. Guard counts the
 * calls that execute; its top bit says CLOSING and admits no more. Whoever takes it to CLOSING with no calls
 * left starts the close: the closer itself, or the last call as it leaves. WskCloseSocket is called from
 * dispatch, cleanup or a work item, never from a completion routine.
 */
#pragma once

#include "driver.h"
#include "process.h"

/* As bits, so that the dispatch table can name sets of them. */
typedef enum _WSKB_SOCKET_STATE {
    WskbNew = 0x01, /* a block without a WSK socket: CREATE is under way or failed */
    WskbOpen = 0x02,
    WskbBinding = 0x04,
    WskbBound = 0x08, /* a listener listens, a datagram socket sends and receives */
    WskbConnecting = 0x10,
    WskbConnected = 0x20
} WSKB_SOCKET_STATE;

#define WSKB_UNBOUND_STATES (WskbOpen)
#define WSKB_CREATED_STATES (WskbOpen | WskbBinding | WskbBound | WskbConnecting | WskbConnected)
#define WSKB_BOUND_STATES   (WskbBound | WskbConnecting | WskbConnected)

/* How an operation in flight is counted on its socket. Each kind has its own limit. So control requests and
 * disconnects are possible however many transfers are in flight. */
typedef enum _WSKB_OPERATION_KIND {
    WskbTransfer,      /* and ACCEPT: WSKB_MAXIMUM_OPERATIONS */
    WskbControl,       /* ends at once or changes the state, so a socket has few: no limit */
    WskbDisconnecting, /* may wait for the peer: WSKB_MAXIMUM_DISCONNECTS */
    WskbOperationKinds
} WSKB_OPERATION_KIND;

/* Which way an operation moves things; ACCEPT receives connections. */
typedef enum _WSKB_DIRECTION { WskbNoDirection, WskbSending, WskbReceiving, WskbDirections } WSKB_DIRECTION;

/* One direction of a socket; socket's Lock. */
typedef struct _WSKB_DIRECTION_STATE {
    LIST_ENTRY Completed; /* WSKB_OPERATION.Link: WSK completed them, they are not finished; in WSK's order */
    BOOLEAN Finishing;    /* a thread finishes them */
    BOOLEAN Ended;        /* of a stream: its position is unknown, so nothing moves any more */
} WSKB_DIRECTION_STATE, *PWSKB_DIRECTION_STATE;

/* What WSK is told of a category. */
typedef struct _WSKB_CATEGORY {
    USHORT SocketType;
    ULONG Protocol; /* its only one */
    ULONG WskFlags;
    const VOID* ClientDispatch; /* WSK_CLIENT_..._DISPATCH of its event callbacks; NULL: it has none */
} WSKB_CATEGORY;

/* NULL for a number that is none of WSKB_CATEGORY_... */
const WSKB_CATEGORY* WskbFindCategory(_In_ ULONG Category);

/* An IRP of the block's own, ready from the beginning. */
typedef struct _WSKB_LINGER_IRP {
    PIRP Irp;     /* in Storage; NULL when it could not be made */
    BOOLEAN Sent; /* WSK has or had it; written by the one who sends it */
    UCHAR Storage[sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT];
} WSKB_LINGER_IRP, *PWSKB_LINGER_IRP;

/* How a connection outlives its handle: see linger.c. */
typedef struct _WSKB_LINGER {
    volatile LONG Seconds;     /* the limit; 0: it does not outlive its handle. Interlocked */
    volatile LONG Disconnects; /* DISCONNECTs, not abortive, that are under way or went well. Interlocked */
    volatile LONG Begun;       /* the handle is closed. Interlocked */
    volatile LONG Broken;      /* it is to be reset. Interlocked */
    LIST_ENTRY Link;           /* in WSKB_DRIVER.Lingering while Listed; driver's lock, as the next two */
    BOOLEAN Listed;
    ULONGLONG Deadline; /* interrupt time */
    WSK_BUF Nothing;    /* what a drain receives into */
    WSKB_LINGER_IRP Disconnect;
    WSKB_LINGER_IRP Drain;
} WSKB_LINGER;

/* What only datagram sockets have. */
typedef struct _WSKB_DATAGRAM_SOCKET {
    volatile LONG FixedAddress; /* WSKB_FIXED_...; interlocked */
} WSKB_DATAGRAM_SOCKET;

#define WSKB_FIXED_REMOTE 0x1 /* SET_REMOTE_ADDRESS */
#define WSKB_FIXED_SENDTO 0x2 /* SET_SENDTO_ADDRESS */
#define WSKB_FIXING       0x4 /* one of the two is under way; only one at a time is */

/* What only connections have. */
typedef struct _WSKB_CONNECTION_SOCKET {
    SOCKADDR_INET RemoteAddress; /* the peer; constant once State is Connected */
    volatile LONG NoDelay;       /* WSKB_OPTION_NO_DELAY; interlocked */
    BOOLEAN SendRefused;         /* a SEND, for a limit: see WSKB_SEND_AFTER_REFUSAL; socket's Lock */

    /* If it was accepted. The token is constant; the rest belongs to the driver's lock. */
    ULONGLONG Token;
    LIST_ENTRY TokenLink;     /* in WSKB_DRIVER.Tokens */
    LIST_ENTRY UnclaimedLink; /* in its listener's Unclaimed */
    PWSKB_SOCKET Listener;    /* valid until claimed: a listener empties its list before it goes */

    WSKB_LINGER Linger;
} WSKB_CONNECTION_SOCKET;

/* What only listeners have; driver's lock. */
typedef struct _WSKB_LISTEN_SOCKET {
    LIST_ENTRY Unclaimed;    /* WSKB_CONNECTION_SOCKET.UnclaimedLink: accepted, waiting for ATTACH */
    ULONG UnclaimedCount;    /* their number, and ACCEPTs in flight that may add one */
    BOOLEAN RefusesAccepted; /* it is closing: what is accepted from now on is closed at once */
} WSKB_LISTEN_SOCKET;

struct _WSKB_SOCKET {
    PWSKB_DRIVER Driver;
    PWSKB_PROCESS Process;
    PIO_WORKITEM CloseWorkItem;
    volatile LONG References;
    volatile LONG Guard;
    volatile LONG Dead; /* 1: WSK said STATUS_FILE_FORCED_CLOSED */
    ULONG Number;       /* its name in trace lines, from 1; constant */

    /* Constant from the end of CREATE, or from ACCEPT. */
    PWSK_SOCKET WskSocket;
    union { /* the provider's routines for it, by Category */
        const WSK_PROVIDER_BASIC_DISPATCH* Basic;
        const WSK_PROVIDER_DATAGRAM_DISPATCH* Datagram;
        const WSK_PROVIDER_CONNECTION_DISPATCH* Connection;
        const WSK_PROVIDER_LISTEN_DISPATCH* Listen;
    } Wsk;
    USHORT Category;
    USHORT Family;

    /* Referenced while WSK holds the block, else NULL; driver's lock. */
    PFILE_OBJECT FileObject;

    /* Guards the fields below. Taken at <= DISPATCH_LEVEL, never held over a call out of the driver. */
    KSPIN_LOCK Lock;
    LIST_ENTRY InFlight;                  /* WSKB_OPERATION.Link */
    ULONG Operations[WskbOperationKinds]; /* their number, by kind */
    WSKB_DIRECTION_STATE Directions[WskbDirections];
    ULONGLONG NextSequence; /* of operations */
    volatile LONG State;    /* WSKB_SOCKET_STATE; written under Lock, read anywhere */

    BOOLEAN DrainNext; /* what the work item has to do; written by the thread that queues it */

    /* The IRP of WskCloseSocket, ready from the beginning, so that closing never depends on memory. */
    PIRP CloseIrp;
    UCHAR CloseIrpStorage[sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT];

    /* By Category. */
    union {
        WSKB_DATAGRAM_SOCKET Datagram;
        WSKB_CONNECTION_SOCKET Connection;
        WSKB_LISTEN_SOCKET Listen;
    };
};

/* Makes a block in state New with one reference, the caller's, and counts it on the process.
 * STATUS_QUOTA_EXCEEDED, STATUS_INSUFFICIENT_RESOURCES. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbSocketAllocate(_In_ PWSKB_DRIVER Driver, _In_ PEPROCESS Process, _In_ USHORT Category,
                       _In_ USHORT Family, _Out_ PWSKB_SOCKET* Socket);

_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketDereference(_In_ PWSKB_SOCKET Socket);

/* The block now has a WSK socket, WSK a reference to the block, and the block one to FileObject. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbSocketOpened(_Inout_ PWSKB_SOCKET Socket, _In_ PWSK_SOCKET WskSocket, _In_ PFILE_OBJECT FileObject,
                     _In_ WSKB_SOCKET_STATE State);

/* From now on the block refers to FileObject, unless WSK has closed its socket already. Returns the file
 * object that it referred to, which the caller dereferences after releasing the driver's lock, which is held;
 * or NULL.
 */
_IRQL_requires_(DISPATCH_LEVEL) PFILE_OBJECT
    WskbSocketMoveToFileLocked(_Inout_ PWSKB_SOCKET Socket, _In_ PFILE_OBJECT FileObject);

/* Enter fails with STATUS_FILE_CLOSED once the socket is closing, with STATUS_FILE_FORCED_CLOSED when it is
 * dead. Leave is for the thread that made the call, LeaveInCompletion for completion routines. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbSocketEnter(_Inout_ PWSKB_SOCKET Socket);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketLeave(_Inout_ PWSKB_SOCKET Socket);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketLeaveInCompletion(_Inout_ PWSKB_SOCKET Socket);

/* Admits no more calls. TRUE for the one caller that has to start the close. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WskbSocketForbidCalls(_Inout_ PWSKB_SOCKET Socket);

/* Has the work item call WskbLingerDrain. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketDrainInWorkItem(_Inout_ PWSKB_SOCKET Socket);

/* Admits no more calls, cancels what is in flight and closes the WSK socket as soon as no call executes. A
 * connection that is to outlive its handle keeps its sends and is closed later.
 * Returns at once; later calls do nothing. A listener closes its unclaimed connections first. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbSocketClose(_Inout_ PWSKB_SOCKET Socket);

/* Closes the listener's unclaimed connections, and lets no more become so. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbListenerCloseUnclaimed(_Inout_ PWSKB_SOCKET Listener);

/* The same as WskbSocketClose for completion routines: a work item does it. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketCloseInCompletion(_Inout_ PWSKB_SOCKET Socket);

/* WSK said that the socket is dead: it is closed from a work item, and its handle's later calls fail with
 * STATUS_FILE_FORCED_CLOSED. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketDied(_Inout_ PWSKB_SOCKET Socket);

/* From one of the states in From (bits) to To, or STATUS_INVALID_DEVICE_STATE. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbSocketChangeState(_Inout_ PWSKB_SOCKET Socket, _In_ ULONG From, _In_ WSKB_SOCKET_STATE To);

/* Ends a change that is under way. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketSetState(_Inout_ PWSKB_SOCKET Socket, _In_ ULONG State);

/* Gives the file its socket and the caller's reference to it: STATUS_INVALID_DEVICE_STATE when it has one,
 * STATUS_FILE_CLOSED when the file was cleaned up. The driver's lock is held. */
_IRQL_requires_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbFileSetSocketLocked(_Inout_ PWSKB_FILE File, _In_ PWSKB_SOCKET Socket);

/* From now on nothing is attached to the file; returns what was. */
_IRQL_requires_max_(DISPATCH_LEVEL) PWSKB_SOCKET WskbFileCleanUp(_Inout_ PWSKB_FILE File);
