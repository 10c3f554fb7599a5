/* SPDX-License-Identifier: Apache-2.0
 *
 * A sample WDM driver that uses Winsock Kernel: a TCP server that sends back what it receives. It works with
 * event callbacks. WskAcceptEvent gives each connection a context, WskReceiveEvent keeps the list of buffers
 * that it gets, and one thread of the driver sends these very buffers back and then releases them. So the
 * driver copies nothing, and has no receive buffers. A connection whose peer does not read keeps only a few
 * lists: then the callback does not accept the data, and when the thread has caught up, an empty WskReceive
 * makes WSK call again.
 *
 * Callbacks and completion routines run at up to DISPATCH_LEVEL. They only change a connection's state under
 * its lock and wake the thread; only the thread calls WSK. It never waits for a connection: every request is
 * asynchronous, and its completion makes the thread look at the connection again.
 *
 * A connection is allocated by WskAcceptEvent and freed by the thread when its socket has been closed.
 */
#include <ntddk.h>
#include <wsk.h>

#include "echo.h"

#define ECHO_TAG 'ohcE'

/* How long a capture of WSK may wait, in milliseconds. */
#define ECHO_WSK_WAIT 5000

struct _ECHO_CONNECTION;

/* A request of a connection. */
typedef struct _ECHO_REQUEST {
    PIRP Irp;
    BOOLEAN Pending; /* WSK has the IRP; Echo->Lock */
    struct _ECHO_CONNECTION* Connection;
} ECHO_REQUEST, *PECHO_REQUEST;

typedef enum _ECHO_STEP { EchoOpen, EchoDisconnected, EchoClosing } ECHO_STEP;

typedef struct _ECHO_CONNECTION {
    struct _ECHO* Echo;
    LIST_ENTRY Link; /* Echo->Connections; Echo->Lock */
    PWSK_SOCKET Socket;
    const WSK_PROVIDER_CONNECTION_DISPATCH* Wsk;

    /* Echo->Lock. */
    LIST_ENTRY WorkLink; /* Echo->Work */
    BOOLEAN HasWork;     /* it is in Echo->Work */
    PWSK_DATA_INDICATION Retained[ECHO_MAXIMUM_RETAINED];
    ULONG RetainedFirst;
    ULONG RetainedCount;
    BOOLEAN Refused;    /* data was not accepted, so WSK will not call again by itself */
    BOOLEAN PeerEnded;  /* in order: what it sent is still to be sent back */
    BOOLEAN Broken;     /* reset, dead, or a request failed */
    BOOLEAN CloseBegan; /* nothing may be retained any more */

    /* The thread's. */
    ECHO_STEP Step;
    PWSK_DATA_INDICATION List;  /* being sent back */
    PWSK_DATA_INDICATION Piece; /* of List: the next one to send */
    WSK_BUF Nothing;
    ECHO_REQUEST Transfer; /* one send, disconnect or empty receive at a time */
    ECHO_REQUEST Close;
} ECHO_CONNECTION, *PECHO_CONNECTION;

/* The device extension; it lives as long as the device. */
typedef struct _ECHO {
    WSK_REGISTRATION Registration;
    WSK_PROVIDER_NPI Npi;
    BOOLEAN Captured;
    PWSK_SOCKET Listener; /* ListenLock */
    KEVENT ListenLock;    /* synchronization event: set while nobody has the lock */

    KSPIN_LOCK Lock;
    LIST_ENTRY Connections;
    LIST_ENTRY Work; /* connections that the thread must look at */
    BOOLEAN Stopping;
    ECHO_STATE State;

    KEVENT Wake; /* synchronization event for the thread */
    PETHREAD Thread;
} ECHO, *PECHO;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD EchoUnload;
_Dispatch_type_(IRP_MJ_CREATE) _Dispatch_type_(IRP_MJ_CLOSE) static DRIVER_DISPATCH EchoCreateClose;
_Dispatch_type_(IRP_MJ_DEVICE_CONTROL) static DRIVER_DISPATCH EchoDeviceControl;
static KSTART_ROUTINE EchoThread;
static IO_COMPLETION_ROUTINE EchoRequestCompleted;
static IO_COMPLETION_ROUTINE EchoCallCompleted;

/* ---- waking the thread --------------------------------------------------------------------------------- */

/* Echo->Lock is held. */
static VOID AddWorkLocked(_Inout_ PECHO_CONNECTION Connection)
{
    if (!Connection->HasWork) {
        Connection->HasWork = TRUE;
        InsertTailList(&Connection->Echo->Work, &Connection->WorkLink);
        KeSetEvent(&Connection->Echo->Wake, IO_NO_INCREMENT, FALSE);
    }
}

/* ---- WSK's callbacks: at <= DISPATCH_LEVEL, in any thread ---------------------------------------------- */

/* TRUE if the connection keeps the list. Echo->Lock is held. */
static BOOLEAN RetainLocked(_Inout_ PECHO_CONNECTION Connection, _In_ ULONG Flags,
                            _In_ PWSK_DATA_INDICATION List)
{
    if (Connection->CloseBegan || (Flags & WSK_FLAG_RELEASE_ASAP) ||
        Connection->RetainedCount == ECHO_MAXIMUM_RETAINED) {
        Connection->Refused = TRUE;
        Connection->Echo->State.Delayed++;
        return FALSE;
    }
    Connection->Retained[(Connection->RetainedFirst + Connection->RetainedCount) % ECHO_MAXIMUM_RETAINED] =
        List;
    Connection->RetainedCount++;
    Connection->Echo->State.Retained++;
    return TRUE;
}

static NTSTATUS WSKAPI EchoReceiveEvent(_In_opt_ PVOID SocketContext, _In_ ULONG Flags,
                                        _In_opt_ PWSK_DATA_INDICATION DataIndication,
                                        _In_ SIZE_T BytesIndicated, _Inout_ SIZE_T* BytesAccepted)
{
    PECHO_CONNECTION Connection = SocketContext;
    BOOLEAN Retained = FALSE;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(BytesIndicated);
    UNREFERENCED_PARAMETER(BytesAccepted);
    _Analysis_assume_(Connection != NULL);
    KeAcquireSpinLock(&Connection->Echo->Lock, &Irql);
    if (DataIndication == NULL) {
        Connection->Broken = TRUE;
    } else {
        Retained = RetainLocked(Connection, Flags, DataIndication);
    }
    AddWorkLocked(Connection);
    KeReleaseSpinLock(&Connection->Echo->Lock, Irql);
    if (DataIndication == NULL) {
        return STATUS_SUCCESS;
    }
    return Retained ? STATUS_PENDING : STATUS_DATA_NOT_ACCEPTED;
}

static NTSTATUS WSKAPI EchoDisconnectEvent(_In_opt_ PVOID SocketContext, _In_ ULONG Flags)
{
    PECHO_CONNECTION Connection = SocketContext;
    KIRQL Irql;

    _Analysis_assume_(Connection != NULL);
    KeAcquireSpinLock(&Connection->Echo->Lock, &Irql);
    if (Flags & WSK_FLAG_ABORTIVE) {
        Connection->Broken = TRUE;
    } else {
        Connection->PeerEnded = TRUE;
    }
    AddWorkLocked(Connection);
    KeReleaseSpinLock(&Connection->Echo->Lock, Irql);
    return STATUS_SUCCESS;
}

/* The listener enables the first two, and its connections inherit them. */
static const WSK_CLIENT_CONNECTION_DISPATCH EchoConnectionDispatch = {EchoReceiveEvent, EchoDisconnectEvent,
                                                                      NULL};

static VOID ConnectionFree(_In_ PECHO_CONNECTION Connection)
{
    if (Connection->Transfer.Irp != NULL) {
        IoFreeIrp(Connection->Transfer.Irp);
    }
    if (Connection->Close.Irp != NULL) {
        IoFreeIrp(Connection->Close.Irp);
    }
    ExFreePoolWithTag(Connection, ECHO_TAG);
}

/* Has all that a connection will ever need, so that it can always be closed. */
static PECHO_CONNECTION ConnectionCreate(_In_ PECHO Echo, _In_ PWSK_SOCKET Socket)
{
    PECHO_CONNECTION Connection = ExAllocatePoolZero(NonPagedPoolNx, sizeof(ECHO_CONNECTION), ECHO_TAG);

    if (Connection == NULL) {
        return NULL;
    }
    Connection->Echo = Echo;
    Connection->Socket = Socket;
    Connection->Wsk = Socket->Dispatch;
    Connection->Transfer.Connection = Connection;
    Connection->Close.Connection = Connection;
    Connection->Transfer.Irp = IoAllocateIrp(1, FALSE);
    Connection->Close.Irp = IoAllocateIrp(1, FALSE);
    if (Connection->Transfer.Irp == NULL || Connection->Close.Irp == NULL) {
        ConnectionFree(Connection);
        return NULL;
    }
    return Connection;
}

/* FALSE: the driver has enough connections, or is being unloaded. */
static BOOLEAN ConnectionAdd(_Inout_ PECHO Echo, _Inout_ PECHO_CONNECTION Connection)
{
    BOOLEAN Added = FALSE;
    KIRQL Irql;

    KeAcquireSpinLock(&Echo->Lock, &Irql);
    if (!Echo->Stopping && Echo->State.Connections < ECHO_MAXIMUM_CONNECTIONS) {
        InsertTailList(&Echo->Connections, &Connection->Link);
        Echo->State.Connections++;
        Echo->State.Accepted++;
        Added = TRUE;
    } else {
        Echo->State.Refused++;
    }
    KeReleaseSpinLock(&Echo->Lock, Irql);
    return Added;
}

static NTSTATUS WSKAPI EchoAcceptEvent(_In_opt_ PVOID SocketContext, _In_ ULONG Flags,
                                       _In_ PSOCKADDR LocalAddress, _In_ PSOCKADDR RemoteAddress,
                                       _In_opt_ PWSK_SOCKET AcceptSocket, _Outptr_ PVOID* AcceptSocketContext,
                                       _Outptr_ const WSK_CLIENT_CONNECTION_DISPATCH** AcceptSocketDispatch)
{
    PECHO_CONNECTION Connection;

    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(LocalAddress);
    UNREFERENCED_PARAMETER(RemoteAddress);
    if (AcceptSocket == NULL) {
        return STATUS_REQUEST_NOT_ACCEPTED; /* the listener is dead; unloading closes it */
    }
    Connection = ConnectionCreate(SocketContext, AcceptSocket);
    if (Connection == NULL) {
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    *AcceptSocketContext = Connection;
    *AcceptSocketDispatch = &EchoConnectionDispatch;
    if (!ConnectionAdd(SocketContext, Connection)) {
        ConnectionFree(Connection);
        return STATUS_REQUEST_NOT_ACCEPTED;
    }
    return STATUS_SUCCESS;
}

static const WSK_CLIENT_LISTEN_DISPATCH EchoListenDispatch = {EchoAcceptEvent, NULL, NULL};

/* ---- the thread: PASSIVE_LEVEL ------------------------------------------------------------------------- */

_Use_decl_annotations_ static NTSTATUS EchoRequestCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                                            PVOID Context)
{
    PECHO_REQUEST Request = Context;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    _Analysis_assume_(Request != NULL);
    KeAcquireSpinLock(&Request->Connection->Echo->Lock, &Irql);
    Request->Pending = FALSE;
    if (!NT_SUCCESS(Irp->IoStatus.Status)) {
        Request->Connection->Broken = TRUE;
    }
    AddWorkLocked(Request->Connection);
    KeReleaseSpinLock(&Request->Connection->Echo->Lock, Irql);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* The IRP for the next call of the request. */
static PIRP RequestBegin(_Inout_ PECHO_REQUEST Request)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Request->Connection->Echo->Lock, &Irql);
    Request->Pending = TRUE;
    KeReleaseSpinLock(&Request->Connection->Echo->Lock, Irql);
    IoReuseIrp(Request->Irp, STATUS_SUCCESS);
    IoSetCompletionRoutine(Request->Irp, EchoRequestCompleted, Request, TRUE, TRUE, TRUE);
    return Request->Irp;
}

static PWSK_DATA_INDICATION TakeRetained(_Inout_ PECHO_CONNECTION Connection)
{
    PWSK_DATA_INDICATION List = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Connection->Echo->Lock, &Irql);
    if (Connection->RetainedCount != 0) {
        List = Connection->Retained[Connection->RetainedFirst];
        Connection->RetainedFirst = (Connection->RetainedFirst + 1) % ECHO_MAXIMUM_RETAINED;
        Connection->RetainedCount--;
    }
    KeReleaseSpinLock(&Connection->Echo->Lock, Irql);
    return List;
}

static VOID ReleaseList(_Inout_ PECHO_CONNECTION Connection)
{
    if (Connection->List != NULL) {
        (VOID) Connection->Wsk->WskRelease(Connection->Socket, Connection->List);
        Connection->List = NULL;
    }
}

/* Closing a socket requires that everything has been released. */
static VOID ReleaseAll(_Inout_ PECHO_CONNECTION Connection)
{
    ReleaseList(Connection);
    while ((Connection->List = TakeRetained(Connection)) != NULL) {
        ReleaseList(Connection);
    }
}

/* Begins to send the next piece. FALSE: all is sent, and its lists are released. */
static BOOLEAN SendNext(_Inout_ PECHO_CONNECTION Connection)
{
    if (Connection->List != NULL && Connection->Piece == NULL) {
        ReleaseList(Connection);
    }
    if (Connection->List == NULL) {
        Connection->List = TakeRetained(Connection);
        Connection->Piece = Connection->List;
    }
    if (Connection->Piece == NULL) {
        return FALSE;
    }
    PWSK_BUF Buffer = &Connection->Piece->Buffer;
    Connection->Piece = Connection->Piece->Next;
    (VOID) Connection->Wsk->WskSend(Connection->Socket, Buffer, 0, RequestBegin(&Connection->Transfer));
    return TRUE;
}

typedef struct _ECHO_VIEW {
    BOOLEAN Busy; /* the transfer is pending */
    BOOLEAN Broken;
    BOOLEAN PeerEnded;
    BOOLEAN Refused;
    BOOLEAN ClosePending;
} ECHO_VIEW;

/* The state that other threads change. */
static ECHO_VIEW LookAt(_Inout_ PECHO_CONNECTION Connection)
{
    ECHO_VIEW View;
    KIRQL Irql;

    KeAcquireSpinLock(&Connection->Echo->Lock, &Irql);
    View.Busy = Connection->Transfer.Pending;
    View.Broken = Connection->Broken || Connection->Echo->Stopping;
    View.PeerEnded = Connection->PeerEnded;
    View.Refused = Connection->Refused && Connection->RetainedCount == 0;
    View.ClosePending = Connection->Close.Pending;
    KeReleaseSpinLock(&Connection->Echo->Lock, Irql);
    return View;
}

static VOID AskForRefused(_Inout_ PECHO_CONNECTION Connection)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Connection->Echo->Lock, &Irql);
    Connection->Refused = FALSE;
    KeReleaseSpinLock(&Connection->Echo->Lock, Irql);
    (VOID) Connection->Wsk->WskReceive(Connection->Socket, &Connection->Nothing, 0,
                                       RequestBegin(&Connection->Transfer));
}

static VOID BeginClose(_Inout_ PECHO_CONNECTION Connection)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Connection->Echo->Lock, &Irql);
    Connection->CloseBegan = TRUE; /* from here on the callback keeps nothing */
    KeReleaseSpinLock(&Connection->Echo->Lock, Irql);
    ReleaseAll(Connection);
    Connection->Step = EchoClosing;
    (VOID) Connection->Wsk->WskCloseSocket(Connection->Socket, RequestBegin(&Connection->Close));
}

/* The connection is in order, and no request is pending. */
static VOID Continue(_Inout_ PECHO_CONNECTION Connection, _In_ const ECHO_VIEW* View)
{
    if (SendNext(Connection)) {
        return;
    }
    if (Connection->Step == EchoDisconnected) {
        BeginClose(Connection);
    } else if (View->Refused) {
        AskForRefused(Connection);
    } else if (View->PeerEnded) {
        Connection->Step = EchoDisconnected;
        (VOID)
            Connection->Wsk->WskDisconnect(Connection->Socket, NULL, 0, RequestBegin(&Connection->Transfer));
    }
}

static VOID ConnectionRemove(_Inout_ PECHO_CONNECTION Connection)
{
    PECHO Echo = Connection->Echo;
    KIRQL Irql;

    KeAcquireSpinLock(&Echo->Lock, &Irql);
    RemoveEntryList(&Connection->Link);
    if (Connection->HasWork) {
        RemoveEntryList(&Connection->WorkLink);
    }
    Echo->State.Connections--;
    if (Connection->Broken) {
        Echo->State.Aborted++;
    }
    KeReleaseSpinLock(&Echo->Lock, Irql);
    ConnectionFree(Connection);
}

/* Does what is next for the connection. A broken one is closed, and that resets it. */
static VOID Serve(_Inout_ PECHO_CONNECTION Connection)
{
    ECHO_VIEW View = LookAt(Connection);

    if (Connection->Step == EchoClosing) {
        if (!View.ClosePending) {
            ConnectionRemove(Connection);
        }
    } else if (View.Broken && View.Busy) {
        IoCancelIrp(Connection->Transfer.Irp); /* its completion brings the connection back here */
    } else if (View.Broken) {
        BeginClose(Connection);
    } else if (!View.Busy) {
        Continue(Connection, &View);
    }
}

static PECHO_CONNECTION TakeWork(_Inout_ PECHO Echo)
{
    PECHO_CONNECTION Connection = NULL;
    KIRQL Irql;

    KeAcquireSpinLock(&Echo->Lock, &Irql);
    if (!IsListEmpty(&Echo->Work)) {
        Connection = CONTAINING_RECORD(RemoveHeadList(&Echo->Work), ECHO_CONNECTION, WorkLink);
        Connection->HasWork = FALSE;
    }
    KeReleaseSpinLock(&Echo->Lock, Irql);
    return Connection;
}

/* Stopping makes every connection broken. */
static BOOLEAN IsFinished(_Inout_ PECHO Echo)
{
    BOOLEAN Finished;
    KIRQL Irql;

    KeAcquireSpinLock(&Echo->Lock, &Irql);
    Finished = Echo->Stopping && IsListEmpty(&Echo->Connections);
    KeReleaseSpinLock(&Echo->Lock, Irql);
    return Finished;
}

_Use_decl_annotations_ static VOID EchoThread(PVOID Context)
{
    PECHO Echo = Context;
    PECHO_CONNECTION Connection;

    _Analysis_assume_(Echo != NULL);
    while (!IsFinished(Echo)) {
        (VOID) KeWaitForSingleObject(&Echo->Wake, Executive, KernelMode, FALSE, NULL);
        while ((Connection = TakeWork(Echo)) != NULL) {
            Serve(Connection);
        }
    }
    (VOID) PsTerminateSystemThread(STATUS_SUCCESS);
}

/* ---- calls that wait: PASSIVE_LEVEL -------------------------------------------------------------------- */

/* One call into WSK and its result. */
typedef struct _ECHO_CALL {
    PIRP Irp;
    KEVENT Done;
} ECHO_CALL, *PECHO_CALL;

_Use_decl_annotations_ static NTSTATUS EchoCallCompleted(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PECHO_CALL Call = Context;

    UNREFERENCED_PARAMETER(DeviceObject);
    UNREFERENCED_PARAMETER(Irp);
    _Analysis_assume_(Call != NULL);
    KeSetEvent(&Call->Done, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS CallCreate(_Out_ PECHO_CALL Call)
{
    KeInitializeEvent(&Call->Done, SynchronizationEvent, FALSE);
    Call->Irp = IoAllocateIrp(1, FALSE);
    return Call->Irp != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static PIRP CallBegin(_Inout_ PECHO_CALL Call)
{
    IoReuseIrp(Call->Irp, STATUS_SUCCESS);
    IoSetCompletionRoutine(Call->Irp, EchoCallCompleted, Call, TRUE, TRUE, TRUE);
    return Call->Irp;
}

/* WSK completes the IRP in every case; what the call returned is not needed. */
static NTSTATUS CallWait(_Inout_ PECHO_CALL Call)
{
    (VOID) KeWaitForSingleObject(&Call->Done, Executive, KernelMode, FALSE, NULL);
    return Call->Irp->IoStatus.Status;
}

static USHORT Swap(_In_ USHORT Value)
{
    return (USHORT)((Value << 8) | (Value >> 8));
}

static VOID CloseListener(_Inout_ PECHO_CALL Call, _In_ PWSK_SOCKET Listener)
{
    const WSK_PROVIDER_BASIC_DISPATCH* Wsk = Listener->Dispatch;

    (VOID) Wsk->WskCloseSocket(Listener, CallBegin(Call));
    (VOID) CallWait(Call);
}

/* Binds, which also listens, and enables the events. */
static NTSTATUS StartListener(_Inout_ PECHO_CALL Call, _In_ PWSK_SOCKET Listener, _Inout_ PULONG Port)
{
    const WSK_PROVIDER_LISTEN_DISPATCH* Wsk = Listener->Dispatch;
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID,
                                          WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT};
    SOCKADDR_IN Address = {0};
    NTSTATUS Status;

    Address.sin_family = AF_INET;
    Address.sin_port = Swap((USHORT)*Port);
    Address.sin_addr.S_un.S_un_b.s_b1 = 127;
    Address.sin_addr.S_un.S_un_b.s_b4 = 1;
    (VOID) Wsk->WskBind(Listener, (PSOCKADDR)&Address, 0, CallBegin(Call));
    Status = CallWait(Call);
    if (NT_SUCCESS(Status)) {
        (VOID) Wsk->WskGetLocalAddress(Listener, (PSOCKADDR)&Address, CallBegin(Call));
        Status = CallWait(Call);
    }
    if (NT_SUCCESS(Status)) {
        *Port = Swap(Address.sin_port);
        Status = Wsk->WskControlSocket(Listener, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                       sizeof(Control), &Control, 0, NULL, NULL, NULL);
    }
    return Status;
}

static NTSTATUS OpenListener(_Inout_ PECHO Echo, _Inout_ PECHO_CALL Call, _Inout_ PULONG Port)
{
    NTSTATUS Status;
    PWSK_SOCKET Listener;

    (VOID) Echo->Npi.Dispatch->WskSocket(Echo->Npi.Client, AF_INET, SOCK_STREAM, IPPROTO_TCP,
                                         WSK_FLAG_LISTEN_SOCKET, Echo, &EchoListenDispatch, NULL, NULL, NULL,
                                         CallBegin(Call));
    Status = CallWait(Call);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Listener = (PWSK_SOCKET)Call->Irp->IoStatus.Information;
    Status = StartListener(Call, Listener, Port);
    if (!NT_SUCCESS(Status)) {
        CloseListener(Call, Listener);
        return Status;
    }
    Echo->Listener = Listener;
    return STATUS_SUCCESS;
}

/* WSK is captured at first use, because it may not be ready when a driver is loaded. ListenLock is held. */
static NTSTATUS ListenLocked(_Inout_ PECHO Echo, _Inout_ PULONG Port)
{
    ECHO_CALL Call;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Echo->Listener != NULL) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (!Echo->Captured) {
        Status = WskCaptureProviderNPI(&Echo->Registration, ECHO_WSK_WAIT, &Echo->Npi);
        Echo->Captured = (BOOLEAN)NT_SUCCESS(Status);
    }
    if (NT_SUCCESS(Status)) {
        Status = CallCreate(&Call);
        if (NT_SUCCESS(Status)) {
            Status = OpenListener(Echo, &Call, Port);
            IoFreeIrp(Call.Irp);
        }
    }
    return Status;
}

/* ---- requests of programs ------------------------------------------------------------------------------ */

static NTSTATUS EchoComplete(_Inout_ PIRP Irp, _In_ NTSTATUS Status, _In_ ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS ControlListen(_Inout_ PECHO Echo, _Inout_ PIRP Irp, _In_ PIO_STACK_LOCATION Stack,
                              _Out_ PULONG_PTR Information)
{
    PULONG Port = Irp->AssociatedIrp.SystemBuffer;
    NTSTATUS Status;

    *Information = 0;
    if (Stack->Parameters.DeviceIoControl.InputBufferLength < sizeof(ULONG) ||
        Stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(ULONG)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (*Port > MAXUSHORT) {
        return STATUS_INVALID_PARAMETER;
    }
    (VOID) KeWaitForSingleObject(&Echo->ListenLock, Executive, KernelMode, FALSE, NULL);
    Status = ListenLocked(Echo, Port);
    KeSetEvent(&Echo->ListenLock, IO_NO_INCREMENT, FALSE);
    *Information = NT_SUCCESS(Status) ? sizeof(ULONG) : 0;
    return Status;
}

static NTSTATUS ControlQuery(_In_ PECHO Echo, _Inout_ PIRP Irp, _In_ PIO_STACK_LOCATION Stack,
                             _Out_ PULONG_PTR Information)
{
    KIRQL Irql;

    *Information = 0;
    if (Stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(ECHO_STATE)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    KeAcquireSpinLock(&Echo->Lock, &Irql);
    RtlCopyMemory(Irp->AssociatedIrp.SystemBuffer, &Echo->State, sizeof(ECHO_STATE));
    KeReleaseSpinLock(&Echo->Lock, Irql);
    *Information = sizeof(ECHO_STATE);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_ static NTSTATUS EchoDeviceControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PECHO Echo = DeviceObject->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG_PTR Information = 0;
    NTSTATUS Status = STATUS_INVALID_DEVICE_REQUEST;

    if (Stack->Parameters.DeviceIoControl.IoControlCode == IOCTL_ECHO_LISTEN) {
        Status = ControlListen(Echo, Irp, Stack, &Information);
    } else if (Stack->Parameters.DeviceIoControl.IoControlCode == IOCTL_ECHO_QUERY) {
        Status = ControlQuery(Echo, Irp, Stack, &Information);
    }
    return EchoComplete(Irp, Status, Information);
}

_Use_decl_annotations_ static NTSTATUS EchoCreateClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    return EchoComplete(Irp, STATUS_SUCCESS, 0);
}

/* ---- loading and unloading ----------------------------------------------------------------------------- */

/* Makes the thread look at every connection, and at Stopping. */
static VOID WakeAll(_Inout_ PECHO Echo)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Echo->Lock, &Irql);
    Echo->Stopping = TRUE;
    for (PLIST_ENTRY Link = Echo->Connections.Flink; Link != &Echo->Connections; Link = Link->Flink) {
        AddWorkLocked(CONTAINING_RECORD(Link, ECHO_CONNECTION, Link));
    }
    KeReleaseSpinLock(&Echo->Lock, Irql);
    KeSetEvent(&Echo->Wake, IO_NO_INCREMENT, FALSE);
}

static VOID StopThread(_Inout_ PECHO Echo)
{
    WakeAll(Echo);
    (VOID) KeWaitForSingleObject(Echo->Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Echo->Thread);
}

/* Without memory for an IRP the listener could not be closed, so this waits for memory. */
static VOID StopListener(_Inout_ PECHO Echo)
{
    LARGE_INTEGER Moment = {.QuadPart = -100000}; /* 10 ms */
    ECHO_CALL Call;

    while (!NT_SUCCESS(CallCreate(&Call))) {
        (VOID) KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    }
    CloseListener(&Call, Echo->Listener);
    IoFreeIrp(Call.Irp);
}

/* No file is open. The listener goes first, so that no connection comes after the last. */
_Use_decl_annotations_ static VOID EchoUnload(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(ECHO_SYMBOLIC_LINK);
    PECHO Echo = DriverObject->DeviceObject->DeviceExtension;

    IoDeleteSymbolicLink(&Link);
    if (Echo->Listener != NULL) {
        StopListener(Echo);
    }
    StopThread(Echo);
    if (Echo->Captured) {
        WskReleaseProviderNPI(&Echo->Registration);
    }
    WskDeregister(&Echo->Registration);
    IoDeleteDevice(DriverObject->DeviceObject);
}

static NTSTATUS StartThread(_Inout_ PECHO Echo)
{
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, EchoThread, Echo);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    /* A reference to the thread of a valid handle can always be had; in kernel mode the type need not be
     * given. */
    (VOID)
        ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, NULL, KernelMode, (PVOID*)&Echo->Thread, NULL);
    ZwClose(Handle);
    return STATUS_SUCCESS;
}

static NTSTATUS Initialize(_Inout_ PECHO Echo)
{
    static const WSK_CLIENT_DISPATCH Dispatch = {MAKE_WSK_VERSION(1, 0), 0, NULL};
    WSK_CLIENT_NPI ClientNpi = {NULL, &Dispatch};
    NTSTATUS Status;

    KeInitializeSpinLock(&Echo->Lock);
    InitializeListHead(&Echo->Connections);
    InitializeListHead(&Echo->Work);
    KeInitializeEvent(&Echo->ListenLock, SynchronizationEvent, TRUE);
    KeInitializeEvent(&Echo->Wake, SynchronizationEvent, FALSE);
    Status = WskRegister(&ClientNpi, &Echo->Registration);
    if (NT_SUCCESS(Status)) {
        Status = StartThread(Echo);
        if (!NT_SUCCESS(Status)) {
            WskDeregister(&Echo->Registration);
        }
    }
    return Status;
}

/* The link comes last, since a program can open the device from then on. */
_Use_decl_annotations_ NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(ECHO_DEVICE_NAME);
    UNICODE_STRING Link = RTL_CONSTANT_STRING(ECHO_SYMBOLIC_LINK);
    PDEVICE_OBJECT Device;

    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = EchoUnload;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = EchoCreateClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = EchoCreateClose;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = EchoDeviceControl;
    NTSTATUS Status = IoCreateDevice(DriverObject, sizeof(ECHO), &Name, FILE_DEVICE_UNKNOWN,
                                     FILE_DEVICE_SECURE_OPEN, FALSE, &Device);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    PECHO Echo = Device->DeviceExtension;
    Status = Initialize(Echo);
    if (NT_SUCCESS(Status)) {
        Status = IoCreateSymbolicLink(&Link, &Name);
        if (!NT_SUCCESS(Status)) {
            StopThread(Echo);
            WskDeregister(&Echo->Registration);
        }
    }
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
        return Status;
    }
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}
