/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation engine. An operation is one request of the device from dispatch to completion, and the
 * context of its WDFREQUEST. What is the same for all operations of one control code is in its type: a row
 * that stands beside the routines that it names. The rows' table is in dispatch.c.
 *
 * A request takes three steps, of which a type may leave some out:
 *   - Prepare checks the input. It answers the request, or prepares the arguments of a call into WSK;
 *   - Call makes that call, with an IRP of the operation's own;
 *   - Finish turns WSK's result into the request's. Once Prepare asked for the call, Finish runs exactly
 * once: with WSK's result, or with the reason why the call was not made.
 *
 * Three parties hold an operation that calls WSK, each with one of its references:
 *   - the submitter, until the WSK call returned (its return value is not looked at: WSK completes the IRP in
 * every case, and what it completes it with is the result);
 *   - the completion routine of the IRP, until it ran;
 *   - the cancel callback, until it ran or WdfRequestUnmarkCancelable said that it never will.
 * Whoever cancels the operations of a socket takes a fourth for as long as it cancels the IRP. An operation
 * is ready when its last reference is dropped; then it is finished and its request completed. The request's
 * memory, its MDL and the IRP are therefore valid for each party.
 *
 * Order. Operations that have a direction are finished in the order in which WSK completed their IRPs: one
 * that is ready waits until those before it are, and one thread at a time finishes them.
 *
 * Bytes that moved beat a cancellation: a transfer that WSK ends as cancelled after moving bytes succeeds
 * with them.
 */
#pragma once

#include "socket.h"

typedef struct _WSKB_OPERATION WSKB_OPERATION, *PWSKB_OPERATION;

/* What Prepare returns when the call into WSK follows. Every other status answers the request, with
 * Operation->Information bytes of output unless it is an error. At <= DISPATCH_LEVEL, since another driver
 * may send requests there, and without waiting. Input and Output of buffered codes are the same memory: what
 * Prepare writes there it writes last. */
#define WSKB_CALL_FOLLOWS STATUS_MORE_PROCESSING_REQUIRED
typedef NTSTATUS WSKB_OPERATION_PREPARE(_Inout_ PWSKB_OPERATION Operation);

/* Calls into WSK with Operation->Irp. At the submitter's IRQL, inside the call guard. */
typedef VOID WSKB_OPERATION_CALL(_Inout_ PWSKB_OPERATION Operation);

/* Turns the result (Operation->Status, Information) into the request's, in the same fields. At <=
 * DISPATCH_LEVEL, in any thread; makes no call into WSK, but may cancel IRPs. */
typedef VOID WSKB_OPERATION_FINISH(_Inout_ PWSKB_OPERATION Operation);

/* For inputs that have no flags. */
#define WSKB_NO_FLAGS MAXULONG

typedef struct _WSKB_OPERATION_TYPE {
    ULONG Flags;      /* the second field of the input may have these bits; WSKB_NO_FLAGS: it is no flags */
    ULONG Categories; /* of sockets, WSKB_CATEGORY_ bits; 0: it needs no socket */
    ULONG States;     /* of the socket, WSKB_SOCKET_STATE bits: in which it may begin */
    WSKB_SOCKET_STATE Via; /* while it is under way, from the one state of States; 0: it changes no state */
    WSKB_SOCKET_STATE To;  /* after success; after failure the socket is where it was */
    WSKB_OPERATION_KIND Kind;
    WSKB_DIRECTION Direction;
    BOOLEAN StaysInOrder;       /* after one was refused for a limit, those behind are refused too */
    BOOLEAN OutlivesHandle;     /* goes on when its socket lingers */
    BOOLEAN GuardUntilFinished; /* the guard is held until Finish ran: WskSocket has no socket before that */
    WSKB_OPERATION_PREPARE* Prepare; /* NULL: there is nothing to prepare */
    WSKB_OPERATION_CALL* Call;       /* NULL: Prepare answers */
    WSKB_OPERATION_FINISH* Finish;   /* NULL only without Call */
} WSKB_OPERATION_TYPE;

struct _WSKB_OPERATION {
    WDFREQUEST Request;
    const WSKB_OPERATION_TYPE* Type;
    PWSKB_DRIVER Driver;
    PWSKB_FILE File;
    PWSKB_SOCKET Socket; /* held by the file object, which the request holds; NULL before CREATE and ATTACH */

    /* The request's memory, checked against the protocol's sizes; valid until the request completes. */
    const VOID* Input; /* NULL if the code has none */
    PVOID Output;      /* the same; of direct codes mapped by Prepare */
    PMDL Payload;      /* direct codes only: the caller's locked buffer, NULL when it is empty */
    ULONG PayloadLength;
    ULONG Flags; /* as the caller gave them */

    /* The result: WSK's once the completion routine ran, the request's after Finish. */
    NTSTATUS Status;
    ULONG_PTR Information;

    volatile LONG References;
    volatile LONG CancelRequested; /* someone asked: the IRP is cancelled again once the WSK call returned */
    LIST_ENTRY Link;    /* Socket->InFlight until WSK completes the IRP, then Completed; Socket->Lock */
    ULONGLONG Sequence; /* of those linked on the socket; Socket->Lock */
    BOOLEAN Linked;     /* in Completed; Socket->Lock */
    BOOLEAN Ready;      /* nobody holds it any more; Socket->Lock */
    BOOLEAN Doomed;     /* somebody cancels it, or will; Socket->Lock */
    BOOLEAN Changing;   /* it has taken the socket to Type->Via */
    BOOLEAN Started;    /* it was in flight, though perhaps cancelled before WSK saw it */
    BOOLEAN ReachedWsk; /* set before the call */
    struct _WSKB_OPERATION* NextDoomed; /* belongs to who doomed it */

    /* Arguments and results of the WSK call; valid until the IRP is complete, as WSK demands. */
    WSK_BUF Buffer; /* what moves; its length counts on the process */
    union {
        SOCKADDR_INET Address; /* BIND, CONNECT, GET_LOCAL_ADDRESS, GET_REMOTE_ADDRESS, SEND_TO */
        struct {
            SOCKADDR_INET Address; /* of family AF_UNSPEC: the fixed one is cleared */
            ULONG Fixed;           /* WSKB_FIXED_REMOTE or WSKB_FIXED_SENDTO */
            ULONG FixedBefore;     /* the same, or 0 */
        } Fix;                     /* SET_REMOTE_ADDRESS, SET_SENDTO_ADDRESS */
        struct {
            SOCKADDR_INET RemoteAddress;
            ULONG ControlLength;
            ULONG ControlFlags; /* MSG_... */
        } Datagram;             /* RECEIVE_FROM */
        struct {
            const struct _WSKB_OPTION_ENTRY* Entry;
            ULONG Value;
        } Option; /* GET_OPTION, SET_OPTION */
        struct {
            PWSKB_SOCKET Socket; /* the connection's block */
            SOCKADDR_INET LocalAddress;
            SOCKADDR_INET RemoteAddress;
        } Accepted; /* ACCEPT */
    };

    PIRP Irp; /* in IrpStorage: a request context is aligned to 8 bytes only, an IRP wants 16 */
    UCHAR IrpStorage[sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT];
};

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(WSKB_OPERATION, WskbGetOperation)

/* Runs the operation, which dispatch filled up to Flags. STATUS_PENDING: the request is complete or will be.
 * Any other status: the caller completes the request with it and Information. Those of the engine:
 * STATUS_FILE_CLOSED, STATUS_FILE_FORCED_CLOSED, STATUS_QUOTA_EXCEEDED, STATUS_CONNECTION_ABORTED,
 * STATUS_INVALID_DEVICE_STATE. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbOperationRun(_Inout_ PWSKB_OPERATION Operation);

/* Cancels every operation in flight on the socket. New ones are shut out by the call guard. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationCancelAll(_Inout_ PWSKB_SOCKET Socket);

/* The same, but for those that outlive the handle of a socket that lingers. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationCancelReceives(_Inout_ PWSKB_SOCKET Socket);

/* Completes the request and counts it. Every request of the driver ends here. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbCompleteRequest(_In_ PWSKB_DRIVER Driver, _In_ WDFREQUEST Request, _In_ NTSTATUS Status,
                        _In_ ULONG_PTR Information);

/* ---- for Prepare ------------------------------------------------------------------------------------- */

/* The process that sent the request. From the IRP, because the framework may present a request in any thread;
 * NULL for an IRP of a driver that names no thread, which can't own a socket. */
_IRQL_requires_max_(DISPATCH_LEVEL) PEPROCESS WskbOperationProcess(_In_ PWSKB_OPERATION Operation);

/* The file object that the request was sent to, which holds it until it is complete. */
_IRQL_requires_max_(DISPATCH_LEVEL) PFILE_OBJECT WskbOperationFile(_In_ PWSKB_OPERATION Operation);

/* Makes the payload, but for its first Offset bytes, the operation's buffer; without an MDL when nothing is
 * left. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbOperationSetBuffer(_Inout_ PWSKB_OPERATION Operation, _In_ ULONG Offset);

/* ---- for Finish -------------------------------------------------------------------------------------- */

/* Of operations that have no output. */
WSKB_OPERATION_FINISH WskbFinishWithoutInformation;

/* Of transfers. WSK may say that more moved than the buffer holds, as the length of a datagram that was cut
 * off. And bytes that moved make a cancelled transfer a success. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationClampInformation(_Inout_ PWSKB_OPERATION Operation);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationPreferBytes(_Inout_ PWSKB_OPERATION Operation);

/* Ends the operation's direction of a stream. What is in flight behind the operation is cancelled, and from
 * now on transfers are refused with STATUS_CONNECTION_ABORTED. FALSE: it was ended before. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WskbOperationEndDirection(_Inout_ PWSKB_OPERATION Operation);

/* Whether the operation's direction has ended. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WskbOperationHasEnded(_In_ PWSKB_OPERATION Operation);

/* ---- IRPs of the driver's own ------------------------------------------------------------------------- */

/* Prepares storage of at least sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT bytes as
 * an IRP. */
_IRQL_requires_max_(DISPATCH_LEVEL) PIRP
    WskbInitializeIrp(_Out_writes_bytes_(Length) UCHAR* Storage, _In_ SIZE_T Length);

/* For an IRP of WskbInitializeIrp that nobody uses any more, once, before its memory goes. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbCleanUpIrp(_In_ PWSKB_DRIVER Driver, _Inout_ PIRP Irp);
