/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket block: one WSK socket, its state, its operations in flight, and the resources for closing it.
 *
 * Lifetime. A block is non-paged pool with a reference count:
 *   - the owner's reference: held by the file object (from CREATE or ATTACH until EvtFileClose), or, for an
 *     accepted connection that is not attached yet, by its listener's list of unclaimed connections;
 *   - WSK's reference: from when the block gets a WSK socket until the IRP of WskCloseSocket is complete. It
 *     also covers the work item that may have to start the close.
 *
 * File object. While WSK holds its reference to the block, the block references a file object: its own, or
 * its listener's until it is attached. So the file object of a closed handle stays until WSK has closed the
 * socket; EvtFileClose and driver unload come after that. The close IRP's completion routine drops this
 * reference last; IoSetCompletionRoutineEx keeps the driver's code loaded until that routine has returned.
 *
 * Call guard. WskCloseSocket may be called only while no other call on the socket executes. Guard counts the
 * executing calls; its top bit, CLOSING, admits no more. The thread that leaves it at CLOSING with no calls
 * starts the close: the one that sets CLOSING, or the last call as it leaves. WskCloseSocket is called from
 * dispatch, cleanup or a work item, never from a completion routine.
 */
#pragma once

#include "driver.h"
#include "process.h"
#include "ring.h"
#include "waits.h"

/* Bits, so that an operation type can name a set of states. */
typedef enum _WSKB_SOCKET_STATE {
    WskbNew = 0x01, /* a block without a WSK socket: CREATE is in progress or has failed */
    WskbOpen = 0x02,
    WskbBinding = 0x04,
    WskbBound = 0x08, /* a listener listens, a datagram socket sends and receives */
    WskbConnecting = 0x10,
    WskbConnected = 0x20
} WSKB_SOCKET_STATE;

#define WSKB_UNBOUND_STATES (WskbOpen)
#define WSKB_CREATED_STATES (WskbOpen | WskbBinding | WskbBound | WskbConnecting | WskbConnected)
#define WSKB_BOUND_STATES   (WskbBound | WskbConnecting | WskbConnected)

/* Each kind of operation in flight has its own limit per socket, so control requests and disconnects are
 * possible no matter how many transfers are in flight. */
typedef enum _WSKB_OPERATION_KIND {
    WskbTransfer,      /* and ACCEPT: WSKB_MAXIMUM_OPERATIONS */
    WskbControl,       /* completes at once or changes the state, so there are few: no limit */
    WskbDisconnecting, /* may wait for the peer: WSKB_MAXIMUM_DISCONNECTS */
    WskbOperationKinds
} WSKB_OPERATION_KIND;

/* The direction of a transfer; ACCEPT counts as receiving. */
typedef enum _WSKB_DIRECTION { WskbNoDirection, WskbSending, WskbReceiving, WskbDirections } WSKB_DIRECTION;

/* One direction of a socket; socket's Lock. */
typedef struct _WSKB_DIRECTION_STATE {
    LIST_ENTRY Completed; /* WSKB_OPERATION.Link: completed by WSK, not yet finished; in WSK's order */
    BOOLEAN Finishing;    /* a thread is finishing them */
    BOOLEAN Ended;        /* of a stream: its position is unknown, so no more transfers */
    BOOLEAN CutOff;       /* operations were cancelled behind EndedBy */
    struct _WSKB_OPERATION* EndedBy; /* is being cancelled; Ended is final only if it is cut short. Or NULL */
} WSKB_DIRECTION_STATE, *PWSKB_DIRECTION_STATE;

/* The arguments of WskSocket for a category. */
typedef struct _WSKB_CATEGORY {
    USHORT SocketType;
    ULONG Protocol; /* the only one of the category */
    ULONG WskFlags;
    const VOID* ClientDispatch; /* WSK_CLIENT_..._DISPATCH with its event callbacks; NULL: none */
} WSKB_CATEGORY;

/* NULL if Category is not one of WSKB_CATEGORY_... */
const WSKB_CATEGORY* WskbFindCategory(_In_ ULONG Category);

/* An IRP that is prepared when the block is allocated, so that its use never depends on memory. */
typedef struct _WSKB_OWN_IRP {
    PIRP Irp;     /* in Storage; NULL until prepared */
    BOOLEAN Sent; /* WSK has or had it; written by the sending thread */
    UCHAR Storage[sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT];
} WSKB_OWN_IRP, *PWSKB_OWN_IRP;

/* How a connection outlives its handle: see linger.c. */
typedef struct _WSKB_LINGER {
    volatile LONG Seconds;     /* the limit; 0: it does not outlive its handle. Interlocked */
    volatile LONG Disconnects; /* graceful DISCONNECTs in progress or succeeded. Interlocked */
    volatile LONG Begun;       /* the handle was closed. Interlocked */
    volatile LONG Broken;      /* the connection must be reset. Interlocked */
    LIST_ENTRY Link;           /* in WSKB_DRIVER.Lingering while Listed; driver's lock, as the next two */
    BOOLEAN Listed;
    ULONGLONG Deadline; /* interrupt time */
    WSK_BUF Nothing;    /* the empty buffer of the drain */
    WSKB_OWN_IRP Disconnect;
    WSKB_OWN_IRP Drain;
} WSKB_LINGER;

/* Fields of datagram sockets. */
typedef struct _WSKB_DATAGRAM_SOCKET {
    volatile LONG FixedAddress; /* WSKB_FIXED_... and so on; interlocked */
    volatile LONG NeedsControl; /* an option was set without whose control information a receive can't be
                                   understood; interlocked */
    WSKB_RING Ring;
} WSKB_DATAGRAM_SOCKET;

#define WSKB_FIXED_REMOTE  0x1  /* SET_REMOTE_ADDRESS */
#define WSKB_FIXED_SENDTO  0x2  /* SET_SENDTO_ADDRESS */
#define WSKB_FIXING        0x4  /* one of the two is in progress; one at a time */
#define WSKB_MAPPED_REMOTE 0x8  /* the address that is or was fixed last is an IPv4-mapped one */
#define WSKB_MAPPED_SENDTO 0x10 /* likewise */

/* Fields of connections. */
typedef struct _WSKB_CONNECTION_SOCKET {
    SOCKADDR_INET RemoteAddress; /* the peer; constant once State is Connected */
    volatile LONG NoDelay;       /* WSKB_OPTION_NO_DELAY; interlocked */
    BOOLEAN SendRefused; /* a SEND was refused for a limit: see WSKB_SEND_AFTER_REFUSAL; socket's Lock */

    /* Of an accepted connection. The token is constant; the driver's lock protects the rest. */
    ULONGLONG Token;
    LIST_ENTRY TokenLink;     /* in WSKB_DRIVER.Tokens */
    LIST_ENTRY UnclaimedLink; /* in its listener's Unclaimed */
    PWSKB_SOCKET Listener;    /* valid until attached: a listener empties its list before it is freed */

    WSKB_LINGER Linger;
    WSKB_WAITING Waiting;
} WSKB_CONNECTION_SOCKET;

/* Fields of listeners; driver's lock. */
typedef struct _WSKB_LISTEN_SOCKET {
    LIST_ENTRY Unclaimed;    /* WSKB_CONNECTION_SOCKET.UnclaimedLink: accepted, waiting for ATTACH */
    ULONG UnclaimedCount;    /* their number, plus ACCEPTs in flight that may add one */
    BOOLEAN RefusesAccepted; /* it is closing: connections accepted from now on are closed at once */
} WSKB_LISTEN_SOCKET;

struct _WSKB_SOCKET {
    PWSKB_DRIVER Driver;
    PWSKB_PROCESS Process;
    PIO_WORKITEM CloseWorkItem;
    volatile LONG References;
    volatile LONG Guard;
    volatile LONG Dead; /* 1: WSK returned STATUS_FILE_FORCED_CLOSED */
    ULONG Number;       /* its name in trace lines, from 1; constant */

    /* Constant from the end of CREATE, or from ACCEPT. */
    PWSK_SOCKET WskSocket;
    union { /* the provider's dispatch table, by Category */
        const WSK_PROVIDER_BASIC_DISPATCH* Basic;
        const WSK_PROVIDER_DATAGRAM_DISPATCH* Datagram;
        const WSK_PROVIDER_CONNECTION_DISPATCH* Connection;
        const WSK_PROVIDER_LISTEN_DISPATCH* Listen;
    } Wsk;
    USHORT Category;
    USHORT Family;

    /* Referenced while WSK holds the block, else NULL; driver's lock. */
    PFILE_OBJECT FileObject;

    /* Protects the fields below. Taken at <= DISPATCH_LEVEL, never held while calling out of the driver. */
    KSPIN_LOCK Lock;
    LIST_ENTRY InFlight;                  /* WSKB_OPERATION.Link */
    ULONG Operations[WskbOperationKinds]; /* their number, by kind */
    WSKB_DIRECTION_STATE Directions[WskbDirections];
    ULONGLONG NextSequence; /* of operations */
    SIZE_T SendBytes;       /* payload of the sends in flight */
    volatile LONG State;    /* WSKB_SOCKET_STATE; written under Lock, read anywhere */

    volatile LONG SendBuffer; /* WSKB_OPTION_SEND_BUFFER; interlocked */

    BOOLEAN DrainNext; /* the work item drains instead of closing; written by the thread that queues it */

    WSKB_OWN_IRP Close; /* of WskCloseSocket */

    /* By Category. */
    union {
        WSKB_DATAGRAM_SOCKET Datagram;
        WSKB_CONNECTION_SOCKET Connection;
        WSKB_LISTEN_SOCKET Listen;
    };
};

/* Allocates a block in state New with one reference, the caller's, and counts it for the process.
 * STATUS_QUOTA_EXCEEDED, STATUS_INSUFFICIENT_RESOURCES. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbSocketAllocate(_In_ PWSKB_DRIVER Driver, _In_ PEPROCESS Process, _In_ USHORT Category,
                       _In_ USHORT Family, _Out_ PWSKB_SOCKET* Socket);

_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketDereference(_In_ PWSKB_SOCKET Socket);

/* From now on the block has a WSK socket, WSK references the block, and the block references FileObject. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbSocketOpened(_Inout_ PWSKB_SOCKET Socket, _In_ PWSK_SOCKET WskSocket, _In_ PFILE_OBJECT FileObject,
                     _In_ WSKB_SOCKET_STATE State);

/* Driver's lock held. Makes the block reference FileObject, unless WSK has closed its socket already. Returns
 * the file object that it referenced before, which the caller dereferences after releasing the lock, or NULL.
 */
_IRQL_requires_(DISPATCH_LEVEL) PFILE_OBJECT
    WskbSocketMoveToFileLocked(_Inout_ PWSKB_SOCKET Socket, _In_ PFILE_OBJECT FileObject);

/* Enter fails with STATUS_FILE_CLOSED once the socket is closing, with STATUS_FILE_FORCED_CLOSED when it is
 * dead. Leave is for the thread that made the call, LeaveInCompletion for completion routines. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbSocketEnter(_Inout_ PWSKB_SOCKET Socket);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketLeave(_Inout_ PWSKB_SOCKET Socket);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketLeaveInCompletion(_Inout_ PWSKB_SOCKET Socket);

/* Admits no more calls. TRUE for the one caller that must start the close. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WskbSocketForbidCalls(_Inout_ PWSKB_SOCKET Socket);

/* When a block is allocated and freed. Discard completes an IRP that was not sent, because
 * IoSetCompletionRoutineEx allocated memory that is freed when the routine is called. Such a call, with Sent
 * FALSE, the routine must ignore. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbSocketPrepareIrp(_In_ PWSKB_SOCKET Socket, _Inout_ PWSKB_OWN_IRP Own,
                         _In_ PIO_COMPLETION_ROUTINE Routine);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbSocketDiscardIrp(_In_ PWSKB_SOCKET Socket, _Inout_ PWSKB_OWN_IRP Own);

/* Queues the work item, which calls WskbLingerDrain. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketDrainInWorkItem(_Inout_ PWSKB_SOCKET Socket);

/* Admits no more calls, cancels the operations in flight, and closes the WSK socket as soon as no call is
 * executing. A connection that lingers keeps its sends and is closed later. A listener closes its unclaimed
 * connections first. Does not wait; later calls do nothing. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbSocketClose(_Inout_ PWSKB_SOCKET Socket);

/* Closes the listener's unclaimed connections; those accepted later are closed at once. */
_IRQL_requires_(PASSIVE_LEVEL) VOID WskbListenerCloseUnclaimed(_Inout_ PWSKB_SOCKET Listener);

/* For completion routines: admits no more calls; a work item closes the WSK socket when no call is
 * executing. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketCloseInCompletion(_Inout_ PWSKB_SOCKET Socket);

/* WSK returned STATUS_FILE_FORCED_CLOSED: a work item closes the socket, and later requests on its handle
 * fail with that status. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketDied(_Inout_ PWSKB_SOCKET Socket);

/* Changes one of the states in From (bits) to To, or returns STATUS_INVALID_DEVICE_STATE. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbSocketChangeState(_Inout_ PWSKB_SOCKET Socket, _In_ ULONG From, _In_ WSKB_SOCKET_STATE To);

/* Ends a change of state that is in progress. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbSocketSetState(_Inout_ PWSKB_SOCKET Socket, _In_ ULONG State);

/* Driver's lock held. Sets the file's socket; the caller's reference becomes the file's.
 * STATUS_INVALID_DEVICE_STATE when it has a socket already, STATUS_FILE_CLOSED when the file was cleaned
 * up. */
_IRQL_requires_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbFileSetSocketLocked(_Inout_ PWSKB_FILE File, _In_ PWSKB_SOCKET Socket);

/* Prevents attaching a socket from now on; returns the socket that the file has. */
_IRQL_requires_max_(DISPATCH_LEVEL) PWSKB_SOCKET WskbFileCleanUp(_Inout_ PWSKB_FILE File);
