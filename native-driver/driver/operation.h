/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation engine: one request, one call into WSK, one IRP of our own, finished exactly once.
 *
 * An operation is the context of its WDFREQUEST. Three parties hold it, each with one of its references:
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

#include "driver.h"
#include "socket.h"

typedef struct _WSKB_OPERATION WSKB_OPERATION, *PWSKB_OPERATION;

/* Calls into WSK with Operation's IRP. At the submitter's IRQL, inside the call guard. */
typedef VOID WSKB_OPERATION_CALL(_In_ PWSKB_OPERATION Operation);

/* Turns WSK's result (Operation->Status, Information) into the request's, in the same fields, and moves the
 * socket's state on. At <= DISPATCH_LEVEL, in any thread; makes no call into WSK, but may cancel IRPs. */
typedef VOID WSKB_OPERATION_FINISH(_Inout_ PWSKB_OPERATION Operation);

typedef struct _WSKB_OPERATION_ROUTINES {
    WSKB_OPERATION_CALL* Call;
    WSKB_OPERATION_FINISH* Finish;
    WSKB_OPERATION_KIND Kind;
    WSKB_DIRECTION Direction;
    BOOLEAN GuardUntilFinished; /* the guard is held until Finish ran: WskSocket has no socket before that */
} WSKB_OPERATION_ROUTINES;

struct _WSKB_OPERATION {
    WDFREQUEST Request;
    PWSKB_SOCKET Socket; /* held by the file object, which the request holds */
    const WSKB_OPERATION_ROUTINES* Routines;
    volatile LONG References;
    volatile LONG CancelRequested; /* someone asked: the IRP is cancelled again once the WSK call returned */
    LIST_ENTRY Link;        /* Socket->InFlight until WSK completes the IRP, then Completed; Socket->Lock */
    ULONGLONG Sequence;     /* of those linked on the socket; Socket->Lock */
    BOOLEAN Linked;         /* in Completed; Socket->Lock */
    BOOLEAN Ready;          /* nobody holds it any more; Socket->Lock */
    BOOLEAN OutlivesHandle; /* goes on when its socket lingers; set by the handler */
    BOOLEAN ReachedWsk;     /* set before the call */
    BOOLEAN Doomed;         /* somebody cancels it, or will; Socket->Lock */
    struct _WSKB_OPERATION* NextDoomed; /* belongs to who doomed it */

    /* The result: WSK's once the completion routine ran, the request's after Finish. */
    NTSTATUS Status;
    ULONG_PTR Information;

    /* Arguments and results of the WSK call; valid until the IRP is complete, as WSK demands. */
    WSK_BUF Buffer;
    ULONG Flags;
    PVOID Output; /* system address of the request's output structure or prefix */
    SOCKADDR_INET LocalAddress;
    SOCKADDR_INET RemoteAddress;
    ULONG ControlLength;
    ULONG ControlFlags;
    ULONG Value;
    const struct _WSKB_OPTION_ENTRY* Option;
    PWSKB_SOCKET Accepted; /* block for the connection that ACCEPT takes */

    PIRP Irp; /* in IrpStorage: a request context is aligned to 8 bytes only, an IRP wants 16 */
    UCHAR IrpStorage[sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT];
};

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(WSKB_OPERATION, WskbGetOperation)

/* Runs the operation. The handler has set Socket and what Routines use. STATUS_PENDING: the request is
 * complete or will be. Any other status: nothing happened and the caller completes the request with it:
 * STATUS_FILE_CLOSED, STATUS_FILE_FORCED_CLOSED, STATUS_QUOTA_EXCEEDED, STATUS_CONNECTION_ABORTED. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbOperationRun(_Inout_ PWSKB_OPERATION Operation, _In_ const WSKB_OPERATION_ROUTINES* Routines);

/* The same for an operation that changes the socket's state: from From to Via while it runs, back to From
 * when it could not start (STATUS_INVALID_DEVICE_STATE when the socket was not in From). Finish sets the
 * state that follows. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbOperationRunInState(_Inout_ PWSKB_OPERATION Operation, _In_ const WSKB_OPERATION_ROUTINES* Routines,
                            _In_ WSKB_SOCKET_STATE From, _In_ WSKB_SOCKET_STATE Via);

/* Cancels every operation in flight on the socket. New ones are shut out by the call guard. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationCancelAll(_Inout_ PWSKB_SOCKET Socket);

/* The same, but for those that outlive the handle of a socket that lingers. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationCancelReceives(_Inout_ PWSKB_SOCKET Socket);

/* For Finish: ends the operation's direction of a stream. What is in flight behind the operation is
 * cancelled, and from now on transfers are refused with STATUS_CONNECTION_ABORTED. FALSE: it was ended
 * before. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WskbOperationEndDirection(_Inout_ PWSKB_OPERATION Operation);

/* Whether the operation's direction has ended. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN WskbOperationHasEnded(_In_ PWSKB_OPERATION Operation);

/* The file object that the operation's request was sent to, which holds it until the request is complete. */
_IRQL_requires_max_(DISPATCH_LEVEL) PFILE_OBJECT WskbOperationFile(_In_ PWSKB_OPERATION Operation);

/* For Finish: a failed operation has moved nothing. */
WSKB_OPERATION_FINISH WskbFinishWithoutInformation;

/* Completes the request and counts it. Every request of the driver ends here. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbCompleteRequest(_In_ PWSKB_DRIVER Driver, _In_ WDFREQUEST Request, _In_ NTSTATUS Status,
                        _In_ ULONG_PTR Information);

/* For an IRP of WskbInitializeIrp that nobody uses any more, once, before its memory goes. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbCleanUpIrp(_In_ PWSKB_DRIVER Driver, _Inout_ PIRP Irp);

/* Prepares storage of at least sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT bytes as
 * an IRP. */
_IRQL_requires_max_(DISPATCH_LEVEL) PIRP
    WskbInitializeIrp(_Out_writes_bytes_(Length) UCHAR* Storage, _In_ SIZE_T Length);
