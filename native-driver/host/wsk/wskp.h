/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of the WSK provider: clients, sockets, the state of a request in its IRP, and the
 * functions of each file.
 *
 * Locks, in the order in which they may be taken: a socket's Receive.Lock, its Send.Lock, its Events.Lock,
 * its WatchLock, the address table's lock or the lock of posted sockets, Provider.Lock. None is held while an
 * IRP is completed or a client's callback runs.
 */
#ifndef WSKP_H
#define WSKP_H

#include <wsk.h>

#include "backend.h"

#define WSK_POOL_TAG 0x6b737768u /* "hwsk" */

/* Signatures that detect stale and foreign pointers. */
#define CLIENT_SIGNATURE  0x696c4357u
#define SOCKET_SIGNATURE  0x636f5357u
#define RETIRED_SIGNATURE 0x64614544u

/* Category bits of the dispatch functions. A basic socket's flag is 0, so it has its own bit here. */
#define CATEGORY_BASIC      0x100u
#define CATEGORY_LISTEN     WSK_FLAG_LISTEN_SOCKET
#define CATEGORY_CONNECTION WSK_FLAG_CONNECTION_SOCKET
#define CATEGORY_DATAGRAM   WSK_FLAG_DATAGRAM_SOCKET
#define CATEGORY_STREAM     WSK_FLAG_STREAM_SOCKET

/* A stream socket can listen or connect, and WskListen or WskConnect decides. */
#define CATEGORIES_LISTENING  (CATEGORY_LISTEN | CATEGORY_STREAM)
#define CATEGORIES_CONNECTING (CATEGORY_CONNECTION | CATEGORY_STREAM)
#define CATEGORIES_TCP        (CATEGORY_LISTEN | CATEGORY_CONNECTION | CATEGORY_STREAM)
#define CATEGORIES_BINDABLE   (CATEGORIES_TCP | CATEGORY_DATAGRAM)
#define CATEGORIES_ANY        (CATEGORY_BASIC | CATEGORIES_BINDABLE)

/* ---- clients and the provider ------------------------------------------------------------------------ */

/* One WskRegister. Lives until its WskDeregister returns; everything but the first four fields, which never
 * change, is protected by Provider.Lock. */
typedef struct _PROVIDER_CLIENT {
    ULONG Signature;
    USHORT Version;
    PWSK_REGISTRATION Registration;
    const WSK_CLIENT_DISPATCH* Dispatch;
    LIST_ENTRY Link; /* Provider.Clients */
    LONG Captures;
    LONG Captors; /* threads inside WskCaptureProviderNPI */
    LONG Calls;   /* threads inside a client-level function */
    LONG Sockets; /* not yet closed, or whose close IRP is being completed */
    BOOLEAN HadSocket;
    LONG StaticEvents; /* WSK_EVENT_... of WSK_SET_STATIC_EVENT_CALLBACKS; read interlocked */
    BOOLEAN Deregistering;
    KEVENT Capturable; /* notification: the provider is available, or the client is deregistering */
    KEVENT Idle;       /* notification: all counts above are 0 */
    LIST_ENTRY Lists;  /* results of WskGetAddressInfo, not yet freed; names.c's lock */
} PROVIDER_CLIENT, *PPROVIDER_CLIENT;

typedef struct _PROVIDER {
    KSPIN_LOCK Lock;
    LIST_ENTRY Clients;
    LIST_ENTRY Sockets; /* PROVIDER_SOCKET.Link; also closed ones that calls or completions still use */
    ULONG ClientCount;
    ULONG SocketCount; /* without closed ones */
    BOOLEAN Available;
    /* Sums over freed sockets and client-level calls. */
    LONG64 CallsMade;
    LONG64 IrpsCompleted; /* both interlocked */
} PROVIDER;

extern PROVIDER Provider;

/* ---- sockets ----------------------------------------------------------------------------------------- */

typedef enum _SOCKET_STATE {
    SocketUnbound,
    SocketBound,
    SocketListening,
    SocketConnecting,
    SocketConnected,
    SocketAborted
} SOCKET_STATE;

typedef enum _SHARING_MODE { SharingNone, SharingReuse, SharingExclusive } SHARING_MODE;

/* Who chooses the port of a bound socket: the client; the system at the bind; or the system at each
 * connect. */
typedef enum _PORT_ORIGIN { PortGiven, PortChosen, PortFollows } PORT_ORIGIN;

/* The right to complete the IRPs of a direction, which one thread has at a time, so that they complete in the
 * order in which they were finished. It is taken (from BatonFree) with the direction's lock held, and
 * released (from BatonHeld) without it. BatonCalled tells the thread that has it that there is more in
 * Done. */
typedef enum _BATON { BatonFree, BatonHeld, BatonCalled } BATON;

/* One direction of a socket: its pending requests, oldest first. Lock also serialises the system calls of the
 * direction, which keeps them in order. */
typedef struct _DIRECTION {
    KSPIN_LOCK Lock;
    LIST_ENTRY Pending; /* IRP.Tail.Overlay.ListEntry */
    LIST_ENTRY Done;    /* the same entry: pended and finished IRPs, for the thread that has the baton */
    LONG Baton;         /* BATON, interlocked */
    LONG PendingCount;  /* read without the lock by the accounting */
} DIRECTION, *PDIRECTION;

/* A socket's place in the address table (sharing.c). Protected by that table's lock. */
typedef struct _SHARING_ENTRY {
    LIST_ENTRY Link;
    BOOLEAN Linked;
    BOOLEAN Stream;
    UCHAR Families; /* FAMILY_... bits that a wildcard address stands for, or the one of a specific address */
    UCHAR Kind;     /* row or column of the table */
    BACKEND_ADDRESS Address;
} SHARING_ENTRY;

/* WSK_EVENT_... are flags below this bit. */
#define EVENT_BITS 10

/* The event callbacks of a socket (events.c). Protected by Lock. */
typedef struct _SOCKET_EVENTS {
    KSPIN_LOCK Lock;
    ULONG Static;              /* WSK_EVENT_... that can't be disabled; constant */
    LONG Enabled;              /* WSK_EVENT_...; read interlocked */
    ULONG Running[EVENT_BITS]; /* callbacks that execute now, by the bit of their event */
    BOOLEAN DeathTold;         /* the client was called with NULL, because the socket is dead */
    LIST_ENTRY Disables;       /* IRPs that wait until a callback has returned, by Tail.Overlay.ListEntry */
} SOCKET_EVENTS, *PSOCKET_EVENTS;

/* The datagrams that a socket holds for its client (indicate.c). Protected by Receive.Lock. */
typedef struct _SOCKET_INDICATIONS {
    LIST_ENTRY Held;             /* INDICATION.Link: in a callback, or kept by the client */
    struct _INDICATION* Refused; /* what the client did not accept; received before anything newer */
} SOCKET_INDICATIONS, *PSOCKET_INDICATIONS;

/* SOCKET_STREAM.Flags. */
#define STREAM_INDICATING 0x1 /* WskReceiveEvent runs: receives wait */
#define STREAM_STOPPED    0x2 /* data was refused: no WskReceiveEvent until a receive has completed */
#define STREAM_BEHIND     0x4 /* the polling thread has left something that was there */
#define STREAM_END_TOLD   0x8 /* WskDisconnectEvent was called */

/* The events of a connection (stream_events.c). */
typedef struct _SOCKET_STREAM {
    LONG Flags;       /* STREAM_..., interlocked; the first one is changed with Receive.Lock held */
    LIST_ENTRY Held;  /* Receive.Lock: data that the client has, in a callback or retained */
    SIZE_T HeldBytes; /* Receive.Lock */
    LONG SendBacklog; /* the ideal send backlog that the client knows, 0 for none; interlocked */
} SOCKET_STREAM, *PSOCKET_STREAM;

typedef enum _INSPECTION_STATE { InspectionDeciding, InspectionPended, InspectionAccepted } INSPECTION_STATE;

/* Conditional accept (inspect.c), for a listener and for a connection that it has not handed out. */
typedef struct _SOCKET_INSPECTION {
    BOOLEAN Conditional; /* listener: SO_CONDITIONAL_ACCEPT; constant once bound */
    BOOLEAN DeathTold;   /* listener: WskInspectEvent was called with NULL; Receive.Lock, as the next three */
    LIST_ENTRY List;     /* listener: its connections */
    ULONG Count;
    ULONG LastSerial;
    /* Connection. Listener is NULL outside the list, and read interlocked. The rest: the listener's
     * Receive.Lock. */
    struct _PROVIDER_SOCKET* Listener;
    LIST_ENTRY Link;
    INSPECTION_STATE State;
    WSK_INSPECT_ID Id; /* constant once inspected; SerialNumber 0: it was not */
} SOCKET_INSPECTION, *PSOCKET_INSPECTION;

/* Created by WskSocket, WskSocketConnect or WskAccept. The memory is kept until References is 0, which counts
 * executing calls, and then until the polling thread can't report the socket any more. */
typedef struct _PROVIDER_SOCKET {
    WSK_SOCKET Public; /* first: a PWSK_SOCKET is a PPROVIDER_SOCKET */
    ULONG Signature;

    /* Constant. */
    ULONG Category;
    ADDRESS_FAMILY Family;
    PPROVIDER_CLIENT Client;
    PVOID ClientContext;
    const VOID* ClientDispatch;
    BACKEND_HANDLE Handle; /* valid until Closed */

    /* Interlocked. */
    LONG References;      /* one until the close is complete, one for each call being executed */
    LONG Outstanding;     /* one until closed, one for each pended IRP whose completion has not returned */
    LONG Closing;         /* WskCloseSocket was called */
    LONG Dead;            /* forced closed: everything but closing fails; set with both locks held */
    LONG ConnectionError; /* NTSTATUS that ended the connection, 0 for none */
    LONG64 CallsMade;
    LONG64 IrpsCompleted;

    LIST_ENTRY Link; /* Provider.Sockets; after that readiness.c's retired sockets */
    PIRP CloseIrp;   /* set by the close before it drops its part of Outstanding */

    DIRECTION Receive; /* receives and accepts */
    DIRECTION Send;    /* connect, sends and disconnect */
    DIRECTION Notice;  /* not a direction of the data: what waits for changes of addresses. Its lock is taken
                          alone */

    /* Written with both directions' locks held, read with either. */
    BOOLEAN Closed;         /* Handle is closed */
    BACKEND_ADDRESS Remote; /* datagram: fixed remote address as the system resolved it, Family 0 for none */

    /* Written with Send.Lock held; State is read interlocked, the others with Send.Lock. */
    LONG State; /* SOCKET_STATE */
    BOOLEAN SendShut;
    BOOLEAN NoDelay; /* the last value passed to the system */
    BOOLEAN V6Only;
    BOOLEAN ReceiveBufferSet;
    ULONG KeptOptions[BackendOptionMax]; /* as set, of those that the system does not give back */
    SHARING_MODE Sharing;
    PORT_ORIGIN PortOrigin;
    BACKEND_ADDRESS Local;       /* as bound, or as connected; a port that follows is 0 outside a connect */
    BACKEND_ADDRESS Peer;        /* connection: the current or last peer; Family 0 for none */
    BACKEND_ADDRESS Destination; /* datagram: SIO_WSK_SET_SENDTO_ADDRESS */
    SHARING_ENTRY Entry;
    LONG Ancillary;       /* datagram: what ancillary data is received; read interlocked without the lock */
    ULONG CoalescedLimit; /* datagram: UDP_RECV_MAX_COALESCED_SIZE */
    ULONG SegmentSize;    /* datagram: UDP_SEND_MSG_SIZE */

    BOOLEAN EndSeen; /* Receive.Lock: the peer's end of the stream was read */

    SOCKET_EVENTS Events;
    SOCKET_INDICATIONS Indications; /* datagram */
    SOCKET_STREAM Stream;           /* connection */
    SOCKET_INSPECTION Inspection;
    LIST_ENTRY PostLink; /* readiness.c's posted sockets; Flink is NULL outside */

    KSPIN_LOCK WatchLock;
    LONG Watched; /* BACKEND_... flags asked for; written with WatchLock held, read interlocked */
} PROVIDER_SOCKET, *PPROVIDER_SOCKET;

/* ---- the state of a request -------------------------------------------------------------------------- */

typedef enum _OPERATION {
    OperationNone,
    OperationSendTo,
    OperationSendMessages,
    OperationReceiveFrom,
    OperationConnect,
    OperationSocketConnect,
    OperationSend,
    OperationReceive,
    OperationDrain,
    OperationDisconnect,
    OperationAccept,
    OperationAwaitAddresses,
    OperationMax
} OPERATION;

/* The arguments of a call are stored in its IRP: one part in IRP.Tail.Overlay.DriverContext, one in the stack
 * location's Parameters. So no call allocates memory. Buffers belong to the client and stay valid until
 * completion; input addresses are copied. IoStatus.Information counts the bytes moved so far. A request has
 * no deadline: a client that wants one cancels the IRP. */
typedef struct _REQUEST {
    PPROVIDER_SOCKET Socket;
    UCHAR Operation;      /* OPERATION, which says which part of each union is valid */
    UCHAR Flags;          /* WSK_FLAG_... of the call */
    USHORT ControlLength; /* SendTo, SendMessages */
    ULONG Offset;         /* where the payload begins in its first MDL; SendMessages: how much of the first
                             message was sent */
    union {
        struct {
            PMDL Mdl; /* a chain */
            SIZE_T Length;
        } Transfer; /* Send, Receive, Disconnect, ReceiveFrom */
        struct {
            PMDL Mdl; /* a chain; its length is in the arguments */
            PCMSGHDR ControlInfo;
        } SendTo;
        struct {
            PWSK_BUF_LIST List; /* what is still to be sent */
            PCMSGHDR ControlInfo;
        } SendMessages;
    };
} REQUEST, *PREQUEST;
C_ASSERT(sizeof(REQUEST) <= RTL_FIELD_SIZE(IRP, Tail.Overlay.DriverContext));

typedef union _REQUEST_ARGUMENTS {
    struct {
        BACKEND_ADDRESS Remote;
        BOOLEAN Established; /* first data is being sent */
    } Connect;
    struct {
        BACKEND_ADDRESS Remote; /* Family 0: none given */
        ULONG Length;           /* SendTo */
    } SendTo;                   /* and SendMessages */
    struct {
        PSOCKADDR RemoteAddress;
        PULONG ControlLength;
        PCMSGHDR ControlInfo;
        PULONG ControlFlags;
    } ReceiveFrom;
    struct {
        PVOID Context;
        const WSK_CLIENT_CONNECTION_DISPATCH* Dispatch;
        PSOCKADDR LocalAddress;
        PSOCKADDR RemoteAddress;
    } Accept;
    struct {
        BOOLEAN EndSent;
    } Disconnect;
    struct {
        LONG Generation; /* of the addresses when the request began */
    } AwaitAddresses;
    struct {
        ULONG Event;
    } Disable; /* of an event callback */
} REQUEST_ARGUMENTS, *PREQUEST_ARGUMENTS;
C_ASSERT(sizeof(REQUEST_ARGUMENTS) <= RTL_FIELD_SIZE(IO_STACK_LOCATION, Parameters));

FORCEINLINE PREQUEST RequestOf(PIRP Irp)
{
    return (PREQUEST)(PVOID)Irp->Tail.Overlay.DriverContext;
}

FORCEINLINE PREQUEST_ARGUMENTS ArgumentsOf(PIRP Irp)
{
    return (PREQUEST_ARGUMENTS)(PVOID)&IoGetCurrentIrpStackLocation(Irp)->Parameters;
}

FORCEINLINE SOCKET_STATE SocketState(PPROVIDER_SOCKET Socket)
{
    return (SOCKET_STATE)ReadAcquire(&Socket->State);
}

/* ---- call.c: entry and exit of every dispatch function ----------------------------------------------- */

/* One execution of a dispatch function; on the stack of its thread. */
typedef struct _CALL {
    struct _CALL* Previous; /* the call of this thread that this one is nested in, by a completion routine */
    PPROVIDER_CLIENT Client;
    PPROVIDER_SOCKET Socket;
    PIRP Irp;
    NTSTATUS Status; /* an error: the call must fail with it */
} CALL, *PCALL;

typedef enum _IRP_RULE { IrpRequired, IrpOptional } IRP_RULE;

/* Checks the caller's duties, takes the IRP's stack location and enters the socket or client. */
PPROVIDER_SOCKET CallEnterSocket(PCALL Call, PCSTR Function, PWSK_SOCKET Socket, ULONG Categories, PIRP Irp,
                                 IRP_RULE Rule);
void CallEnterClient(PCALL Call, PCSTR Function, PWSK_CLIENT Client, PIRP Irp, IRP_RULE Rule);
/* Both complete or queue the IRP, and leave. They return the status for the dispatch function to return. */
NTSTATUS CallComplete(PCALL Call, NTSTATUS Status, ULONG_PTR Information);
NTSTATUS CallSubmit(PCALL Call, PDIRECTION Direction, OPERATION Operation);
/* For an unsupported function: completes the IRP with STATUS_NOT_SUPPORTED. */
NTSTATUS CallRefuse(PCSTR Function, PWSK_SOCKET Socket, ULONG Categories, PIRP Irp);
/* Leaves; the IRP is pending. */
NTSTATUS CallPended(PCALL Call);
/* CallSubmit for a socket that the call has created. */
NTSTATUS CallSubmitNew(PCALL Call, PPROVIDER_SOCKET Socket, PDIRECTION Direction, OPERATION Operation);

/* Checks an IRP a client hands over and makes its next stack location the current one. */
void CallTakeIrp(PCSTR Function, PIRP Irp);
/* Around completions that happen outside any call of this thread. */
void CallEnterCompletion(PCALL Call);
void CallLeaveCompletion(PCALL Call);
/* How many calls of this socket the current thread executes; with NULL: of any. */
LONG CallDepth(PPROVIDER_SOCKET Socket);
DECLSPEC_NORETURN void CallMisuse(PCSTR Function, PCSTR What, const VOID* Object);

/* ---- request.c: queueing, completion, cancellation --------------------------------------------------- */

/* Tries a request. FALSE: it would block, and the socket is watched. TRUE: IoStatus is final. The direction's
 * lock is held, the request is not cancellable. */
typedef BOOLEAN REQUEST_ATTEMPT(PPROVIDER_SOCKET Socket, PIRP Irp);

/* Tries the request if no older one is pending, otherwise queues it. The IRP belongs to this function from
 * now on; returns its status. */
NTSTATUS RequestSubmit(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PIRP Irp);
/* Continues waiting requests after an edge. */
void RequestRun(PPROVIDER_SOCKET Socket, PDIRECTION Direction);
/* Finishes the pending requests with a status. The direction's lock is held. Taken gets the finished
 * requests, for RequestCompleteTaken when no lock is held; it is empty when another thread completes them. */
void RequestDrain(PDIRECTION Direction, NTSTATUS Status, PLIST_ENTRY Taken);
/* Completes what was taken from the direction, and what others finish meanwhile. No lock is held. */
void RequestCompleteTaken(PPROVIDER_SOCKET Socket, PDIRECTION Direction, PLIST_ENTRY Taken);
/* For attempts: sets the final status, and returns TRUE. */
FORCEINLINE BOOLEAN RequestDone(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    return TRUE;
}

/* For attempts: watches the socket, and returns FALSE unless that fails. */
BOOLEAN RequestBlock(PPROVIDER_SOCKET Socket, PIRP Irp, LONG Flags);
/* For attempts that did not block but took long: the same, with an edge at once if there is more to do. */
BOOLEAN RequestYield(PPROVIDER_SOCKET Socket, PIRP Irp);

REQUEST_ATTEMPT AttemptSendTo, AttemptSendMessages, AttemptReceiveFrom;
REQUEST_ATTEMPT AttemptConnect, AttemptSend, AttemptReceive, AttemptDrain, AttemptDisconnect;
REQUEST_ATTEMPT AttemptAccept;
REQUEST_ATTEMPT AttemptAwaitAddresses;

/* ---- socket.c: lifetime of a socket ------------------------------------------------------------------ */

/* Creates a socket of a category; takes over Handle, also on failure (BACKEND_NO_HANDLE: creates one). */
NTSTATUS SocketCreate(PPROVIDER_CLIENT Client, ULONG Category, ADDRESS_FAMILY Family, PVOID ClientContext,
                      const VOID* ClientDispatch, BACKEND_HANDLE Handle, PPROVIDER_SOCKET* Socket);
/* The same for a connection whose context and callbacks are set later; EventsAdopt follows. */
NTSTATUS SocketCreateUnowned(PPROVIDER_CLIENT Client, ULONG Category, ADDRESS_FAMILY Family,
                             BACKEND_HANDLE Handle, PPROVIDER_SOCKET* Socket);
/* Closes a socket that was never returned to a client. */
void SocketDiscard(PPROVIDER_SOCKET Socket);
/* Closes the handle and completes pending requests with Status. Once per socket. */
void SocketDetach(PPROVIDER_SOCKET Socket, NTSTATUS Status);
/* Drops parts of Outstanding; the last one completes the close IRP. */
void SocketDropOutstanding(PPROVIDER_SOCKET Socket, LONG Parts);
void SocketDropReference(PPROVIDER_SOCKET Socket);
/* The error that every call on the socket gets, or STATUS_SUCCESS. Stable while either direction's lock is
 * held. */
FORCEINLINE NTSTATUS SocketRefusal(PPROVIDER_SOCKET Socket)
{
    return ReadAcquire(&Socket->Dead) ? STATUS_FILE_FORCED_CLOSED : STATUS_SUCCESS;
}

/* Calls the routine for each socket that is not closed, with no lock held. Sockets that are created meanwhile
 * may be left out. */
void SocketForEach(void (*Routine)(PPROVIDER_SOCKET Socket));

/* Only a socket that is, or was, connected can transfer. */
NTSTATUS SocketCheckConnected(PPROVIDER_SOCKET Socket);
/* Reports edges of the given kinds from now on. */
NTSTATUS SocketWatch(PPROVIDER_SOCKET Socket, LONG Flags);
/* Reports the current readiness of a socket again. */
NTSTATUS SocketWatchAgain(PPROVIDER_SOCKET Socket);
/* Stops reports that a datagram socket with nothing to send would get for each packet. */
void SocketUnwatchSend(PPROVIDER_SOCKET Socket);
void SocketLockBoth(PPROVIDER_SOCKET Socket, PKIRQL Irql);
void SocketUnlockBoth(PPROVIDER_SOCKET Socket, KIRQL Irql);
NTSTATUS SocketBind(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address);
/* Makes the bound socket listen. Send.Lock is held. */
NTSTATUS SocketListen(PPROVIDER_SOCKET Socket);
/* After a failed or cancelled connect: the socket can connect again. Send.Lock is held. */
void SocketUndoConnect(PPROVIDER_SOCKET Socket);
/* Makes a socket dead and completes its pending requests. No lock is held. */
void SocketForceClose(PPROVIDER_SOCKET Socket);

NTSTATUS WSKAPI ProviderWskSocket(PWSK_CLIENT Client, ADDRESS_FAMILY AddressFamily, USHORT SocketType,
                                  ULONG Protocol, ULONG Flags, PVOID SocketContext, const VOID* Dispatch,
                                  PEPROCESS OwningProcess, PETHREAD OwningThread,
                                  PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp);
NTSTATUS WSKAPI ProviderWskCloseSocket(PWSK_SOCKET Socket, PIRP Irp);
NTSTATUS WSKAPI ProviderWskBind(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, ULONG Flags, PIRP Irp);
NTSTATUS WSKAPI ProviderWskGetLocalAddress(PWSK_SOCKET Socket, PSOCKADDR LocalAddress, PIRP Irp);

/* ---- the tables of the other files ------------------------------------------------------------------- */

extern const WSK_PROVIDER_DISPATCH ProviderDispatch;              /* client.c */
extern const WSK_PROVIDER_BASIC_DISPATCH BasicDispatch;           /* socket.c */
extern const WSK_PROVIDER_DATAGRAM_DISPATCH DatagramDispatch;     /* datagram.c */
extern const WSK_PROVIDER_CONNECTION_DISPATCH ConnectionDispatch; /* stream.c */
extern const WSK_PROVIDER_STREAM_DISPATCH StreamDispatch;         /* stream.c */
extern const WSK_PROVIDER_LISTEN_DISPATCH ListenDispatch;         /* listen.c */

/* ---- listen.c ---------------------------------------------------------------------------------------- */

NTSTATUS WSKAPI ProviderWskAccept(PWSK_SOCKET ListenSocket, ULONG Flags, PVOID AcceptSocketContext,
                                  const WSK_CLIENT_CONNECTION_DISPATCH* AcceptSocketDispatch,
                                  PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, PIRP Irp);
NTSTATUS WSKAPI ProviderWskListen(PWSK_SOCKET Socket, PIRP Irp);
/* Takes a connection from the system. STATUS_PENDING: there is none. Receive.Lock is held. */
NTSTATUS ListenAdopt(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET* Connection);
/* Calls WskAcceptEvent for the connections that have come. On the polling thread, at DISPATCH_LEVEL. */
void ListenIndicate(PPROVIDER_SOCKET Listener);

/* ---- connect.c --------------------------------------------------------------------------------------- */

NTSTATUS WSKAPI ProviderWskSocketConnect(PWSK_CLIENT Client, USHORT SocketType, ULONG Protocol,
                                         PSOCKADDR LocalAddress, PSOCKADDR RemoteAddress, ULONG Flags,
                                         PVOID SocketContext, const WSK_CLIENT_CONNECTION_DISPATCH* Dispatch,
                                         PEPROCESS OwningProcess, PETHREAD OwningThread,
                                         PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp);
NTSTATUS WSKAPI ProviderWskConnect(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, ULONG Flags, PIRP Irp);
NTSTATUS WSKAPI ProviderWskConnectEx(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, PWSK_BUF Buffer,
                                     ULONG Flags, PIRP Irp);
NTSTATUS WSKAPI ProviderWskGetRemoteAddress(PWSK_SOCKET Socket, PSOCKADDR RemoteAddress, PIRP Irp);

/* ---- stream.c ---------------------------------------------------------------------------------------- */

/* Sends the rest of the request's buffer. STATUS_PENDING: the system has no room. Send.Lock is held. */
NTSTATUS StreamSendRest(PPROVIDER_SOCKET Socket, PIRP Irp);

/* ---- options.c --------------------------------------------------------------------------------------- */

NTSTATUS WSKAPI ProviderWskControlSocket(PWSK_SOCKET Socket, WSK_CONTROL_SOCKET_TYPE RequestType,
                                         ULONG ControlCode, ULONG Level, SIZE_T InputSize, PVOID InputBuffer,
                                         SIZE_T OutputSize, PVOID OutputBuffer, SIZE_T* OutputSizeReturned,
                                         PIRP Irp);

/* ---- events.c: event callbacks ----------------------------------------------------------------------- */

void EventsInitialize(PPROVIDER_SOCKET Socket);
/* Whether a client of a new socket gave the callbacks of its static events. */
NTSTATUS EventsCheckCallbacks(PPROVIDER_CLIENT Client, ULONG Category, const VOID* Dispatch);
/* The socket has got its context and callbacks: enables the client's static events, and those inherited from
 * a listener. The client does not have the socket yet. */
void EventsAdopt(PPROVIDER_SOCKET Socket, ULONG Inherited);
/* The events that connections from a listener's WskAcceptEvent inherit. */
ULONG EventsInherited(PPROVIDER_SOCKET Listener);
/* The callbacks of a role, which a stream socket has in a table each; NULL for none. */
const WSK_CLIENT_LISTEN_DISPATCH* EventsListenCallbacks(PPROVIDER_SOCKET Socket);
const WSK_CLIENT_CONNECTION_DISPATCH* EventsConnectionCallbacks(PPROVIDER_SOCKET Socket);
/* The socket can receive now, or an event was enabled: reports what there is. A direction's lock is held. */
void EventsStart(PPROVIDER_SOCKET Socket);
BOOLEAN EventIsEnabled(PPROVIDER_SOCKET Socket, ULONG Event);
/* Before a callback; FALSE: the client must not be called. A direction's lock is held; not during the
 * callback, which runs at DISPATCH_LEVEL. */
BOOLEAN EventBegin(PPROVIDER_SOCKET Socket, ULONG Event);
/* After the callback, with no lock held. Only the polling thread may use the socket afterwards. */
void EventEnd(PPROVIDER_SOCKET Socket, ULONG Event);
/* After a callback that did not accept its data: disables the event, unless it is enabled for all sockets of
 * the client; returns whether it did. */
BOOLEAN EventTurnOff(PPROVIDER_SOCKET Socket, ULONG Event);
/* Tells the client of a dead socket, once, if an event is enabled that tells it. No lock is held. */
void EventsTellDeath(PPROVIDER_SOCKET Socket);
/* SO_WSK_EVENT_CALLBACK; STATUS_PENDING: the IRP completes when a callback has returned. */
NTSTATUS EventsControlSocket(PPROVIDER_SOCKET Socket, SIZE_T InputSize, const VOID* Input, PIRP Irp);
/* WSK_SET_STATIC_EVENT_CALLBACKS. */
NTSTATUS EventsControlClient(PPROVIDER_CLIENT Client, SIZE_T InputSize, const VOID* Input);

/* ---- stream_events.c: the events of connections ------------------------------------------------------ */

void StreamEventsInitialize(PPROVIDER_SOCKET Socket);
/* Calls the callbacks for received data and for the end of the stream. On the polling thread, at
 * DISPATCH_LEVEL. */
void StreamIndicate(PPROVIDER_SOCKET Socket);
/* The event for the send backlog can be enabled now. A direction's lock is held. */
void StreamNoteBacklog(PPROVIDER_SOCKET Socket);
/* Calls its callback if the backlog has changed. On the polling thread, at DISPATCH_LEVEL. */
void StreamIndicateBacklog(PPROVIDER_SOCKET Socket);
/* For attempts: whether a receive has to wait for a callback; it is tried again after it. Receive.Lock is
 * held. */
BOOLEAN StreamIsIndicating(PPROVIDER_SOCKET Socket);
/* Receives have completed: the first is called before another thread may complete more, the second says
 * whether StreamContinue must follow, which makes the polling thread look again. No lock is held. */
void StreamReceiveCompleted(PPROVIDER_SOCKET Socket);
BOOLEAN StreamIsBehind(PPROVIDER_SOCKET Socket);
void StreamContinue(PPROVIDER_SOCKET Socket);
/* WskRelease. */
NTSTATUS StreamRelease(PPROVIDER_SOCKET Socket, PWSK_DATA_INDICATION List);
/* Before a close: the client must have released all indications. */
void StreamCheckClose(PPROVIDER_SOCKET Socket);
/* Stores how the connection ended, which the system reports only once, and returns it. A direction's lock is
 * held. */
NTSTATUS StreamFail(PPROVIDER_SOCKET Socket, int32_t Error);

/* ---- inspect.c: conditional accept ------------------------------------------------------------------- */

/* SO_CONDITIONAL_ACCEPT. Send.Lock is held. */
NTSTATUS InspectSetConditional(PPROVIDER_SOCKET Listener, BOOLEAN On);
/* The socket listens now. Send.Lock is held. */
void InspectStart(PPROVIDER_SOCKET Listener);
/* Asks the client about the connections that have come. On the polling thread, at DISPATCH_LEVEL. */
void InspectArrivals(PPROVIDER_SOCKET Listener);
/* A connection may have ended before it was handed out. On the polling thread, at DISPATCH_LEVEL. */
void InspectLook(PPROVIDER_SOCKET Connection);
/* The next connection that the client wants. STATUS_PENDING: there is none. Receive.Lock is held. */
NTSTATUS InspectNext(PPROVIDER_SOCKET Listener, PPROVIDER_SOCKET* Connection);
/* Tells the client of a dead listener. No lock is held. */
void InspectTellDeath(PPROVIDER_SOCKET Listener);
/* Closes the connections of a closed listener. No lock is held. */
void InspectDiscardAll(PPROVIDER_SOCKET Listener);
/* SIO_WSK_QUERY_INSPECT_ID. */
NTSTATUS InspectQueryId(PPROVIDER_SOCKET Connection, PWSK_INSPECT_ID Id);
NTSTATUS WSKAPI ProviderWskInspectComplete(PWSK_SOCKET ListenSocket, PWSK_INSPECT_ID InspectID,
                                           WSK_INSPECT_ACTION Action, PIRP Irp);

/* ---- indicate.c: datagram indications ---------------------------------------------------------------- */

void IndicateInitialize(PPROVIDER_SOCKET Socket);
/* Calls WskReceiveFromEvent with the datagrams that have come. On the polling thread, at DISPATCH_LEVEL. */
void IndicateDatagrams(PPROVIDER_SOCKET Socket);
/* Receives the next datagram: one that the client did not accept in a callback, or BackendReceive.
 * Receive.Lock is held. */
int32_t IndicateReceive(PPROVIDER_SOCKET Socket, BACKEND_MESSAGE* Message);
/* Before a close: the client must have released all indications. */
void IndicateCheckClose(PPROVIDER_SOCKET Socket);
/* Frees what a closed socket holds. */
void IndicateDiscard(PPROVIDER_SOCKET Socket);
/* WskRelease. */
NTSTATUS IndicateRelease(PPROVIDER_SOCKET Socket, PWSK_DATAGRAM_INDICATION List);
/* Around the time in which sockets exist; PASSIVE_LEVEL. */
NTSTATUS IndicateStart(void);
void IndicateStop(void);

/* ---- ancillary.c: ancillary data of datagrams --------------------------------------------------------- */

/* Reads what a client sends. Version: BACKEND_IPV4 or BACKEND_IPV6, by the destination. Send.Lock is held. */
NTSTATUS AncillaryRead(PPROVIDER_SOCKET Socket, uint16_t Version, const CMSGHDR* Info, ULONG Length,
                       BACKEND_CONTROL* Control);
/* Writes what the socket's options ask for of a datagram from From, as far as there is room. Returns the
 * length; *Truncated: something did not fit. */
ULONG AncillaryWrite(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* From, const BACKEND_CONTROL* Control,
                     PCMSGHDR Room, ULONG Length, PBOOLEAN Truncated);
/* Whether a socket receives any, and whether it receives ICMP errors. */
BOOLEAN AncillaryIsWanted(PPROVIDER_SOCKET Socket);
BOOLEAN AncillaryHasErrors(PPROVIDER_SOCKET Socket);
/* The options about it. Send.Lock is held. */
BOOLEAN AncillaryIsOption(ULONG Level, ULONG Code);
NTSTATUS AncillarySetOption(PPROVIDER_SOCKET Socket, ULONG Level, ULONG Code, ULONG Value);
NTSTATUS AncillaryGetOption(PPROVIDER_SOCKET Socket, ULONG Level, ULONG Code, PULONG Value);

/* ---- buffer.c: WSK_BUF and SOCKADDR to backend types ------------------------------------------------- */

/* A datagram in more pieces than this is refused; a stream sends it with several system calls. */
#define BUFFER_SEGMENTS_MAX 64

NTSTATUS BufferCheck(const WSK_BUF* Buffer, BOOLEAN OneMessage);
/* Describes bytes [Skip, Length) of a checked buffer, or as many as fit in Maximum pieces. */
NTSTATUS BufferGather(PMDL Mdl, ULONG Offset, SIZE_T Length, SIZE_T Skip, BACKEND_SEGMENT* Segments,
                      ULONG Maximum, uint32_t* Count);
/* Stores a checked buffer as the request's Transfer. */
void BufferKeep(PIRP Irp, const WSK_BUF* Buffer);
/* Describes the rest of the request's Transfer, in up to BUFFER_SEGMENTS_MAX pieces. */
NTSTATUS BufferGatherRest(PIRP Irp, BACKEND_SEGMENT* Segments, uint32_t* Count);
/* STATUS_INVALID_PARAMETER when the address is not of the family. */
NTSTATUS AddressFromClient(const SOCKADDR* Client, ADDRESS_FAMILY Family, BACKEND_ADDRESS* Address);
void AddressToClient(const BACKEND_ADDRESS* Address, PSOCKADDR Client);
BOOLEAN AddressIsSame(const BACKEND_ADDRESS* A, const BACKEND_ADDRESS* B);
/* BACKEND_IPV4 also for an IPv4-mapped address. */
uint16_t AddressVersion(const BACKEND_ADDRESS* Address);

/* ---- sharing.c: who may bind what -------------------------------------------------------------------- */

/* Binds, if the table allows it. Send.Lock is held. */
NTSTATUS SharingBind(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address);
/* For a bound socket whose port follows: ChoosePort makes the system choose it now, LearnPort reads the one
 * that a connect in progress got. Send.Lock is held. */
NTSTATUS SharingChoosePort(PPROVIDER_SOCKET Socket);
void SharingLearnPort(PPROVIDER_SOCKET Socket);
void SharingRemove(PPROVIDER_SOCKET Socket);

/* ---- readiness.c: work of the polling thread --------------------------------------------------------- */

NTSTATUS ReadinessStart(void);
void ReadinessStop(void);
/* Frees a socket's memory once no event can refer to it. */
void ReadinessRetire(PPROVIDER_SOCKET Socket);
/* Makes the polling thread treat the socket as readable soon. A direction's lock is held, and the socket is
 * not closed. */
void ReadinessPost(PPROVIDER_SOCKET Socket);

/* ---- registration.c ---------------------------------------------------------------------------------- */

/* Returns the captured client of a PWSK_CLIENT and counts a call; anything else is misuse. */
PPROVIDER_CLIENT ClientEnter(PCSTR Function, PWSK_CLIENT Client);
void ClientLeave(PPROVIDER_CLIENT Client);
void ClientAddSocket(PPROVIDER_CLIENT Client, PPROVIDER_SOCKET Socket);
/* A socket ends in three steps: it is closed; nothing uses it any more; WskDeregister need not wait for it.
 */
void ClientCloseSocket(void);
void ClientForgetSocket(PPROVIDER_SOCKET Socket);
void ClientDropSocket(PPROVIDER_CLIENT Client);
void ProviderSetAvailable(BOOLEAN Available);

/* ---- names.c: name resolution ------------------------------------------------------------------------ */

/* For an idle client that deregisters: waits for the threads of its lookups, also of cancelled ones. */
void NamesEnd(PPROVIDER_CLIENT Client);

NTSTATUS WSKAPI ProviderWskGetAddressInfo(PWSK_CLIENT Client, PUNICODE_STRING NodeName,
                                          PUNICODE_STRING ServiceName, ULONG NameSpace, GUID* NameProvider,
                                          PADDRINFOEXW Hints, PADDRINFOEXW* Result, PEPROCESS OwningProcess,
                                          PETHREAD OwningThread, PIRP Irp);
VOID WSKAPI ProviderWskFreeAddressInfo(PWSK_CLIENT Client, PADDRINFOEXW AddrInfo);
NTSTATUS WSKAPI ProviderWskGetNameInfo(PWSK_CLIENT Client, PSOCKADDR SockAddr, ULONG SockAddrLength,
                                       PUNICODE_STRING NodeName, PUNICODE_STRING ServiceName, ULONG Flags,
                                       PEPROCESS OwningProcess, PETHREAD OwningThread, PIRP Irp);

/* ---- faults.c ---------------------------------------------------------------------------------------- */

/* How many calls until the one that must fail; 0: none. */
extern LONG FaultsCountdown;
NTSTATUS FaultsCountCall(void);

/* The injected status for this call, or STATUS_SUCCESS. */
FORCEINLINE NTSTATUS FaultsNextCall(void)
{
    return (ReadAcquire(&FaultsCountdown) <= 0) ? STATUS_SUCCESS : FaultsCountCall();
}

/* Bytes that finished transfers report too many; 0 for none. */
extern LONG FaultsExcess;
void FaultsAddExcess(PIRP Irp);

/* Adds the injected excess to the bytes of a finished transfer. */
FORCEINLINE void FaultsOverstate(PIRP Irp)
{
    if (ReadNoFence(&FaultsExcess) != 0) {
        FaultsAddExcess(Irp);
    }
}

/* TRUE when closes are held; this one is completed later. */
BOOLEAN FaultsHoldClose(PPROVIDER_SOCKET Socket, PIRP Irp);

/* ---- addresses.c ------------------------------------------------------------------------------------- */

/* SIO_ADDRESS_LIST_QUERY, at PASSIVE_LEVEL. STATUS_BUFFER_OVERFLOW: *Returned bytes are needed. */
NTSTATUS AddressesQuery(PPROVIDER_SOCKET Socket, SIZE_T OutputSize, PVOID Output, SIZE_T* Returned);
/* Prepares an IRP of SIO_ADDRESS_LIST_CHANGE for the queue Notice, at PASSIVE_LEVEL. */
NTSTATUS AddressesWatch(PIRP Irp);
/* On the polling thread. */
void AddressesChanged(void);

/* ---- status.c, linux/errors.c, winsock/errors.c ------------------------------------------------------ */

typedef struct _BACKEND_STATUS {
    int32_t Error;
    NTSTATUS Status;
} BACKEND_STATUS;

/* The table of the backend's system. */
extern const BACKEND_STATUS BackendStatuses[];
extern const ULONG BackendStatusCount;

NTSTATUS StatusFromBackend(int32_t Error);

#endif
