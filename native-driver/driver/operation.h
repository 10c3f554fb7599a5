/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation engine. An operation is one request of the device from dispatch to completion, and the
 * context of its WDFREQUEST. Its type describes what all operations of one control code have in common; it is
 * defined next to the routines that it names. dispatch.c has the table of types.
 *
 * A request takes up to three steps:
 *   - Prepare validates the input. It either provides the result, or prepares the arguments of a call into
 *     WSK;
 *   - Call makes that call, with the operation's own IRP;
 *   - Finish turns WSK's result into the request's. Once Prepare has asked for the call, Finish runs exactly
 *     once: with WSK's result, or with the reason why the call was not made.
 *
 * An operation that calls WSK has three references, each held by one party:
 *   - the submitter, until the WSK call has returned. Its return value is ignored: WSK completes the IRP in
 *     every case, and the IRP's status is the result;
 *   - the completion routine of the IRP, until it has run;
 *   - the cancel callback, until it has run or WdfRequestUnmarkCancelable has succeeded.
 * A thread that cancels the operations of a socket takes a fourth one while it cancels the IRP. An operation
 * is ready when its last reference is dropped; then it is finished and its request completed. So the
 * request's memory, its MDL and the IRP are valid for each party.
 *
 * Order. Operations that have a direction are finished in the order in which WSK completed their IRPs: one
 * that is ready waits until those before it are finished, and one thread at a time finishes them.
 *
 * Deadlines. An operation whose input has a timeout is in the driver's list of deadlines while it is in
 * flight (deadline.c). At its deadline the timer takes a reference like a thread that cancels, and cancels
 * the IRP. What was cancelled for that reason ends with STATUS_IO_TIMEOUT in place of STATUS_CANCELLED.
 *
 * Gaps. A cancelled operation with a CutDirection may leave a gap in its stream. So that nothing follows the
 * gap, its direction ends before its IRP is cancelled, and what is in flight behind it is cancelled first,
 * the last one first. If it turns out to be whole, and nothing was behind it, the direction goes on.
 *
 * Moved bytes take precedence over cancellation: a transfer that WSK completes as cancelled, but with bytes
 * moved, succeeds.
 */
#pragma once

#include "socket.h"

typedef struct _WSKB_OPERATION WSKB_OPERATION, *PWSKB_OPERATION;

/* Prepare returns this when the call into WSK follows. After STATUS_PENDING the request is completed
 * elsewhere, or was already (waits.c). Any other status completes it, with Operation->Information bytes of
 * output unless it is an error. Prepare runs at <= DISPATCH_LEVEL, since
 * another driver may send requests there, and must not wait. Input and Output of buffered codes are the same
 * memory, so Prepare must read all input before it writes output. */
#define WSKB_CALL_FOLLOWS STATUS_MORE_PROCESSING_REQUIRED
typedef NTSTATUS WSKB_OPERATION_PREPARE(_Inout_ PWSKB_OPERATION Operation);

/* Calls into WSK with Operation->Irp, or gives it to the socket's receive ring, which completes it in WSK's
 * place. At the submitter's IRQL, inside the call guard. */
typedef VOID WSKB_OPERATION_CALL(_Inout_ PWSKB_OPERATION Operation);

/* Turns WSK's result (Operation->Status, Information) into the request's, in the same fields. At <=
 * DISPATCH_LEVEL, in any thread; must not call WSK, but may cancel IRPs. */
typedef VOID WSKB_OPERATION_FINISH(_Inout_ PWSKB_OPERATION Operation);

/* For inputs that have neither flags nor a timeout. */
#define WSKB_NO_FLAGS MAXULONG

/* Why the IRP of an operation is cancelled. */
typedef enum _WSKB_CANCEL_REASON {
    WskbNotCancelled,
    WskbCancelRequested, /* by the caller, or by a close */
    WskbTimedOut,        /* it has reached its deadline */
    WskbCutOff           /* it is behind one that is cancelled and may leave a gap in the stream */
} WSKB_CANCEL_REASON;

typedef struct _WSKB_OPERATION_TYPE {
    ULONG Flags;      /* allowed in the second field of the input; WSKB_NO_FLAGS: the input has no flags */
    ULONG Categories; /* allowed WSKB_CATEGORY_ bits; 0: needs no socket */
    ULONG Gate;       /* WSKB_GATE_...: what the system must have; WSKB_GATE_NONE: nothing more */
    ULONG States;     /* WSKB_SOCKET_STATE bits in which it may begin */
    WSKB_SOCKET_STATE Via; /* the state while in progress; States is then a single one; 0: changes no state */
    WSKB_SOCKET_STATE To;  /* the state after success; after failure it returns to States */
    WSKB_OPERATION_KIND Kind;
    WSKB_DIRECTION Direction;
    BOOLEAN OutlivesHandle;  /* continues while its socket lingers */
    BOOLEAN WaitsAfterwards; /* after Finish with success it waits for an event callback: waits.c */
    BOOLEAN
    GuardUntilFinished; /* leave the call guard only after Finish: WskSocket returns the socket there */
    WSKB_OPERATION_PREPARE* Prepare; /* NULL: nothing to prepare */
    WSKB_OPERATION_CALL* Call;       /* NULL: Prepare provides the result */
    WSKB_OPERATION_FINISH* Finish;   /* NULL only without Call */
} WSKB_OPERATION_TYPE;

struct _WSKB_OPERATION {
    WDFREQUEST Request;
    const WSKB_OPERATION_TYPE* Type;
    PWSKB_DRIVER Driver;
    PWSKB_FILE File;
    PWSKB_SOCKET Socket; /* valid as long as the request; NULL before CREATE and ATTACH */

    /* The request's memory, checked against the protocol's sizes; valid until the request completes. */
    const VOID* Input; /* NULL if the code has none */
    ULONG InputLength; /* at least the Size in Input */
    PVOID Output;      /* likewise; for direct codes mapped by Prepare */
    PMDL Payload;      /* direct codes only: the caller's locked buffer; NULL when empty */
    ULONG PayloadLength;
    ULONG Flags;   /* the caller's */
    ULONG Timeout; /* the caller's, in milliseconds; 0: no deadline */

    /* WSK's result once the completion routine has run, the request's result after Finish. */
    NTSTATUS Status;
    ULONG_PTR Information;

    volatile LONG References;
    volatile LONG
        CancelReason;     /* the first WSKB_CANCEL_REASON: the IRP is cancelled again after the WSK call */
    LIST_ENTRY Link;      /* Socket->InFlight until WSK completes the IRP, then Completed; or a list of
                             WSKB_WAITING; Socket->Lock */
    ULONGLONG Sequence;   /* order of linking on the socket; Socket->Lock */
    BOOLEAN Linked;       /* in Completed; Socket->Lock */
    BOOLEAN Ready;        /* the last reference was dropped; Socket->Lock */
    BOOLEAN CancelMarked; /* a thread is going to cancel it; Socket->Lock */
    BOOLEAN Changing;     /* it changed the state to Type->Via */
    WSKB_DIRECTION CutDirection; /* set by Prepare: the direction that may have a gap if it is cancelled */
    BOOLEAN Started;             /* it was in flight, but perhaps cancelled before the call into WSK */
    BOOLEAN ReachedWsk;          /* set before the call */
    struct _WSKB_OPERATION* NextToCancel; /* used by the thread that set CancelMarked */

    /* Only with a Timeout; Deadlines.Lock. */
    LIST_ENTRY DeadlineLink; /* in its slot while HasDeadline; then used by the thread that cleared that */
    ULONGLONG DeadlineTick;
    BOOLEAN HasDeadline;

    /* Arguments and results of the WSK call; must stay valid until the IRP is complete. */
    WSK_BUF Buffer; /* the payload of the call; its length counts for the process */
    union {
        SOCKADDR_INET Address; /* BIND, CONNECT, GET_LOCAL_ADDRESS, GET_REMOTE_ADDRESS */
        struct {
            SOCKADDR_INET Address; /* AF_UNSPEC: clear the fixed address */
            ULONG Fixed;           /* WSKB_FIXED_REMOTE or WSKB_FIXED_SENDTO */
            ULONG FixedBefore;     /* the same, or 0 */
        } Fix;                     /* SET_REMOTE_ADDRESS, SET_SENDTO_ADDRESS */
        struct {
            SOCKADDR_INET Address;               /* AF_UNSPEC: the fixed address */
            struct _WSKB_CONTROL_BLOCK* Control; /* NULL: none */
        } SendTo;                                /* SEND_TO */
        struct {
            SOCKADDR_INET Address;               /* AF_UNSPEC: the fixed address */
            struct _WSKB_CONTROL_BLOCK* Control; /* NULL: none */
            const ULONG* Lengths;                /* in the input */
            struct _WSKB_MESSAGE_LIST* List;
        } Messages; /* SEND_MESSAGES */
        struct {
            SOCKADDR_INET RemoteAddress;
            ULONG ControlLength;                 /* 0; without Control */
            ULONG ControlFlags;                  /* MSG_... */
            struct _WSKB_CONTROL_BLOCK* Control; /* NULL: not asked for */
        } Datagram;                              /* RECEIVE_FROM */
        struct {
            const struct _WSKB_OPTION_ENTRY* Entry;
            ULONG Number; /* the value, if it has four bytes */
            SIZE_T Count; /* the same, of one that WSK gives in this form */
            PVOID Wide;   /* WSK's form of a wider one, in the pool from Prepare until Finish; NULL: none. Not
                             here, because the room would be in every request's context */
        } Option;         /* GET_OPTION, SET_OPTION */
        struct {
            PWSKB_SOCKET Socket; /* the connection's block */
            SOCKADDR_INET LocalAddress;
            SOCKADDR_INET RemoteAddress;
        } Accepted; /* ACCEPT */
        struct {
            WSKB_WAIT For;
            ULONG Told;   /* WSKB_WAITING.Told at its beginning */
            ULONG State;  /* WSKB_WAIT_STATE; Socket->Lock */
            BOOLEAN Over; /* it was cancelled before it could wait */
        } Wait;           /* AWAIT_READABLE, AWAIT_DISCONNECTED */
    };

    PIRP Irp; /* in IrpStorage: a request context is aligned to 8 bytes, an IRP needs 16 */
    UCHAR IrpStorage[sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT];
};

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(WSKB_OPERATION, WskbGetOperation)

/* Runs the operation, whose fields up to Flags dispatch has set. STATUS_PENDING: the engine completes the
 * request. Any other status: the caller completes the request with it and Information. Errors of the engine
 * itself: STATUS_FILE_CLOSED, STATUS_FILE_FORCED_CLOSED, STATUS_QUOTA_EXCEEDED, STATUS_CONNECTION_ABORTED,
 * STATUS_INVALID_DEVICE_STATE. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbOperationRun(_Inout_ PWSKB_OPERATION Operation);

/* Cancels all operations in flight on the socket. The call guard must admit no new ones by then. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationCancelAll(_Inout_ PWSKB_SOCKET Socket);

/* The same, except for operations that continue while the socket lingers. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationCancelReceives(_Inout_ PWSKB_SOCKET Socket);

/* The operation has reached its deadline. Drops the caller's reference. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationExpire(_Inout_ PWSKB_OPERATION Operation);

/* Completes the request and counts it. Every request of the driver ends here. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbCompleteRequest(_In_ PWSKB_DRIVER Driver, _In_ WDFREQUEST Request, _In_ NTSTATUS Status,
                        _In_ ULONG_PTR Information);

/* ---- helpers for Prepare ----------------------------------------------------------------------------- */

/* The process that sent the request. Taken from the IRP, because the framework may present a request in any
 * thread. NULL for a driver's IRP without a thread, which cannot own a socket. */
_IRQL_requires_max_(DISPATCH_LEVEL) PEPROCESS WskbOperationProcess(_In_ PWSKB_OPERATION Operation);

/* The file object that the request was sent to; valid until the request is complete. */
_IRQL_requires_max_(DISPATCH_LEVEL) PFILE_OBJECT WskbOperationFile(_In_ PWSKB_OPERATION Operation);

/* Sets Buffer to the payload without its first Offset bytes; without an MDL when nothing is left. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    WskbOperationSetBuffer(_Inout_ PWSKB_OPERATION Operation, _In_ ULONG Offset);

/* ---- helpers for Finish ------------------------------------------------------------------------------ */

/* For operations without output. */
WSKB_OPERATION_FINISH WskbFinishWithoutInformation;

/* For transfers. Clamp: WSK may report more bytes than the buffer holds, for instance the full length of a
 * truncated datagram. PreferBytes: a cancelled transfer that moved bytes succeeds. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationClampInformation(_Inout_ PWSKB_OPERATION Operation);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationPreferBytes(_Inout_ PWSKB_OPERATION Operation);

/* Ends the direction of a stream that the operation may have cut: cancels the operations in flight after this
 * one, which with later transfers fail with STATUS_CONNECTION_ABORTED. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbOperationEndDirection(_Inout_ PWSKB_OPERATION Operation);

/* ---- the driver's own IRPs ---------------------------------------------------------------------------- */

/* Prepares storage of at least sizeof(IRP) + sizeof(IO_STACK_LOCATION) + MEMORY_ALLOCATION_ALIGNMENT bytes as
 * an IRP. */
_IRQL_requires_max_(DISPATCH_LEVEL) PIRP
    WskbInitializeIrp(_Out_writes_bytes_(Length) UCHAR* Storage, _In_ SIZE_T Length);

/* Called once for each IRP of WskbInitializeIrp, when it is no longer used and before its memory is freed. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbCleanUpIrp(_In_ PWSKB_DRIVER Driver, _Inout_ PIRP Irp);
