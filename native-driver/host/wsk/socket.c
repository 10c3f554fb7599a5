/* SPDX-License-Identifier: Apache-2.0
 *
 * Lifetime of a socket: created by WskSocket (or a connect or accept), bound, closed.
 *
 * A close closes the system's socket at once and completes pending IRPs. The thread that drops the last part
 * of Outstanding completes the close IRP: when the completion routine of the last pended IRP has returned.
 * The memory is freed later: when no call is inside and the polling thread has passed a quiescent point.
 */
#include "wskp.h"

#include <nt/walk.h>

const WSK_PROVIDER_BASIC_DISPATCH BasicDispatch = {
    .WskControlSocket = ProviderWskControlSocket,
    .WskCloseSocket = ProviderWskCloseSocket,
};

void SocketLockBoth(PPROVIDER_SOCKET Socket, PKIRQL Irql)
{
    KeAcquireSpinLock(&Socket->Receive.Lock, Irql);
    KeAcquireSpinLockAtDpcLevel(&Socket->Send.Lock);
}

void SocketUnlockBoth(PPROVIDER_SOCKET Socket, KIRQL Irql)
{
    KeReleaseSpinLockFromDpcLevel(&Socket->Send.Lock);
    KeReleaseSpinLock(&Socket->Receive.Lock, Irql);
}

NTSTATUS SocketCheckConnected(PPROVIDER_SOCKET Socket)
{
    SOCKET_STATE State = SocketState(Socket);

    return (State == SocketConnected || State == SocketAborted) ? STATUS_SUCCESS
                                                                : STATUS_INVALID_DEVICE_STATE;
}

/* ---- creation ---------------------------------------------------------------------------------------- */

static void InitializeDirection(PDIRECTION Direction)
{
    KeInitializeSpinLock(&Direction->Lock);
    InitializeListHead(&Direction->Pending);
    InitializeListHead(&Direction->Done);
}

static const VOID* DispatchOf(ULONG Category)
{
    switch (Category) {
    case CATEGORY_LISTEN:
        return &ListenDispatch;
    case CATEGORY_CONNECTION:
        return &ConnectionDispatch;
    case CATEGORY_DATAGRAM:
        return &DatagramDispatch;
    case CATEGORY_STREAM:
        return &StreamDispatch;
    default:
        return &BasicDispatch;
    }
}

static NTSTATUS MakeHandle(ULONG Category, ADDRESS_FAMILY Family, BACKEND_HANDLE* Handle)
{
    *Handle = BACKEND_NO_HANDLE;
    if (Category == CATEGORY_BASIC) {
        return STATUS_SUCCESS;
    }
    return StatusFromBackend(BackendCreate((Family == AF_INET6) ? BACKEND_IPV6 : BACKEND_IPV4,
                                           (Category == CATEGORY_DATAGRAM) ? BackendDatagram : BackendStream,
                                           Handle));
}

NTSTATUS SocketCreateUnowned(PPROVIDER_CLIENT Client, ULONG Category, ADDRESS_FAMILY Family,
                             BACKEND_HANDLE Handle, PPROVIDER_SOCKET* Socket)
{
    PPROVIDER_SOCKET New = ExAllocatePoolZero(NonPagedPoolNx, sizeof(PROVIDER_SOCKET), WSK_POOL_TAG);
    NTSTATUS Status = (New == NULL) ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;

    if (NT_SUCCESS(Status) && Handle == BACKEND_NO_HANDLE) {
        Status = MakeHandle(Category, Family, &Handle);
    }
    if (!NT_SUCCESS(Status)) {
        if (Handle != BACKEND_NO_HANDLE) {
            BackendClose(Handle, TRUE);
        }
        if (New != NULL) {
            ExFreePoolWithTag(New, WSK_POOL_TAG);
        }
        return Status;
    }
    New->Public.Dispatch = DispatchOf(Category);
    New->Signature = SOCKET_SIGNATURE;
    New->Category = Category;
    New->Family = Family;
    New->Client = Client;
    New->Handle = Handle;
    New->References = 1;
    New->Outstanding = 1;
    New->V6Only = TRUE;
    New->KeptOptions[BackendMulticastLoop] = 1;
    New->KeptOptions[BackendReceiveBroadcast] = 1;
    InitializeDirection(&New->Receive);
    InitializeDirection(&New->Send);
    InitializeDirection(&New->Notice);
    KeInitializeSpinLock(&New->WatchLock);
    InitializeListHead(&New->Inspection.List);
    IndicateInitialize(New);
    StreamEventsInitialize(New);
    EventsInitialize(New);
    ClientAddSocket(Client, New);
    *Socket = New;
    return STATUS_SUCCESS;
}

NTSTATUS SocketCreate(PPROVIDER_CLIENT Client, ULONG Category, ADDRESS_FAMILY Family, PVOID ClientContext,
                      const VOID* ClientDispatch, BACKEND_HANDLE Handle, PPROVIDER_SOCKET* Socket)
{
    NTSTATUS Status = EventsCheckCallbacks(Client, Category, ClientDispatch);

    if (!NT_SUCCESS(Status)) {
        if (Handle != BACKEND_NO_HANDLE) {
            BackendClose(Handle, TRUE);
        }
        return Status;
    }
    Status = SocketCreateUnowned(Client, Category, Family, Handle, Socket);
    if (NT_SUCCESS(Status)) {
        (*Socket)->ClientContext = ClientContext;
        (*Socket)->ClientDispatch = ClientDispatch;
        EventsAdopt(*Socket, 0);
    }
    return Status;
}

static NTSTATUS CheckStream(ULONG Category, USHORT SocketType, ULONG Protocol, PULONG Result)
{
    *Result = Category;
    return (SocketType == SOCK_STREAM && Protocol == IPPROTO_TCP) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS CheckDatagram(USHORT SocketType, ULONG Protocol, PULONG Result)
{
    *Result = CATEGORY_DATAGRAM;
    if (SocketType == SOCK_RAW) {
        return STATUS_NOT_SUPPORTED;
    }
    return (SocketType == SOCK_DGRAM && Protocol == IPPROTO_UDP) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS CheckBasic(USHORT SocketType, ULONG Protocol, PULONG Result)
{
    *Result = CATEGORY_BASIC;
    if (SocketType == SOCK_RAW || (SocketType == SOCK_STREAM && Protocol == IPPROTO_TCP) ||
        (SocketType == SOCK_DGRAM && Protocol == IPPROTO_UDP)) {
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

/* Checks that category, type and protocol match. */
static NTSTATUS CheckKind(ADDRESS_FAMILY Family, USHORT SocketType, ULONG Protocol, ULONG Flags,
                          PULONG Category)
{
    if (Family != AF_INET && Family != AF_INET6) {
        return STATUS_NOT_SUPPORTED;
    }
    switch (Flags) {
    case WSK_FLAG_BASIC_SOCKET:
        return CheckBasic(SocketType, Protocol, Category);
    case WSK_FLAG_LISTEN_SOCKET:
    case WSK_FLAG_CONNECTION_SOCKET:
    case WSK_FLAG_STREAM_SOCKET:
        return CheckStream(Flags, SocketType, Protocol, Category);
    case WSK_FLAG_DATAGRAM_SOCKET:
        return CheckDatagram(SocketType, Protocol, Category);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS WSKAPI ProviderWskSocket(PWSK_CLIENT Client, ADDRESS_FAMILY AddressFamily, USHORT SocketType,
                                  ULONG Protocol, ULONG Flags, PVOID SocketContext, const VOID* Dispatch,
                                  PEPROCESS OwningProcess, PETHREAD OwningThread,
                                  PSECURITY_DESCRIPTOR SecurityDescriptor, PIRP Irp)
{
    CALL Call;
    ULONG Category = 0;
    PPROVIDER_SOCKET Socket = NULL;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(OwningProcess);
    UNREFERENCED_PARAMETER(OwningThread);
    CallEnterClient(&Call, "WskSocket", Client, Irp, IrpRequired);
    Status = Call.Status;
    if (NT_SUCCESS(Status)) {
        Status = CheckKind(AddressFamily, SocketType, Protocol, Flags, &Category);
    }
    if (NT_SUCCESS(Status) && SecurityDescriptor != NULL) {
        Status = STATUS_NOT_SUPPORTED;
    }
    if (NT_SUCCESS(Status)) {
        Status = SocketCreate(Call.Client, Category, AddressFamily, SocketContext, Dispatch,
                              BACKEND_NO_HANDLE, &Socket);
    }
    return CallComplete(&Call, Status, (ULONG_PTR)Socket);
}

/* ---- readiness --------------------------------------------------------------------------------------- */

/* WatchLock is held. */
static NTSTATUS Watch(PPROVIDER_SOCKET Socket, LONG Wanted)
{
    int32_t Error = (Socket->Watched == 0) ? BackendWatch(Socket->Handle, Socket, (uint32_t)Wanted)
                                           : BackendRewatch(Socket->Handle, Socket, (uint32_t)Wanted);

    if (Error == 0) {
        WriteRelease(&Socket->Watched, Wanted);
    }
    return StatusFromBackend(Error);
}

/* The caller holds the lock of its direction, and its system call would have blocked. If an edge has come
 * since then: with a new flag it is reported now, with a flag that was set it has been reported already. */
NTSTATUS SocketWatch(PPROVIDER_SOCKET Socket, LONG Flags)
{
    NTSTATUS Status;

    if ((ReadAcquire(&Socket->Watched) & Flags) == Flags) {
        return STATUS_SUCCESS;
    }
    KeAcquireSpinLockAtDpcLevel(&Socket->WatchLock);
    Status = Watch(Socket, Socket->Watched | Flags);
    KeReleaseSpinLockFromDpcLevel(&Socket->WatchLock);
    return Status;
}

NTSTATUS SocketWatchAgain(PPROVIDER_SOCKET Socket)
{
    NTSTATUS Status;

    KeAcquireSpinLockAtDpcLevel(&Socket->WatchLock);
    Status = Watch(Socket, Socket->Watched | BACKEND_READABLE);
    KeReleaseSpinLockFromDpcLevel(&Socket->WatchLock);
    return Status;
}

/* Datagram sockets become writable with every packet that leaves, streams only after they were full. */
void SocketUnwatchSend(PPROVIDER_SOCKET Socket)
{
    if (Socket->Category != CATEGORY_DATAGRAM || !(ReadAcquire(&Socket->Watched) & BACKEND_WRITABLE)) {
        return;
    }
    KeAcquireSpinLockAtDpcLevel(&Socket->WatchLock);
    (void)Watch(Socket, BACKEND_READABLE);
    KeReleaseSpinLockFromDpcLevel(&Socket->WatchLock);
}

/* ---- closing ----------------------------------------------------------------------------------------- */

/* Closing a connection resets it unless both directions ended in order. Both locks are held. */
static BOOLEAN MustReset(PPROVIDER_SOCKET Socket)
{
    if (!(Socket->Category & CATEGORIES_CONNECTING) || SocketState(Socket) != SocketConnected) {
        return FALSE;
    }
    return !Socket->SendShut || (!Socket->EndSeen && !BackendIsAtEnd(Socket->Handle));
}

/* No lock is held. */
static void DrainNotice(PPROVIDER_SOCKET Socket, NTSTATUS Status)
{
    LIST_ENTRY Taken;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Notice.Lock, &Irql);
    RequestDrain(&Socket->Notice, Status, &Taken);
    KeReleaseSpinLock(&Socket->Notice.Lock, Irql);
    RequestCompleteTaken(Socket, &Socket->Notice, &Taken);
}

void SocketDetach(PPROVIDER_SOCKET Socket, NTSTATUS Status)
{
    LIST_ENTRY Received, Sent;
    KIRQL Irql;

    SocketLockBoth(Socket, &Irql);
    NT_ASSERT(!Socket->Closed);
    Socket->Closed = TRUE;
    RequestDrain(&Socket->Receive, Status, &Received);
    RequestDrain(&Socket->Send, Status, &Sent);
    SharingRemove(Socket);
    if (Socket->Handle != BACKEND_NO_HANDLE) {
        if (Socket->Watched != 0) {
            BackendUnwatch(Socket->Handle);
        }
        BackendClose(Socket->Handle, MustReset(Socket));
    }
    SocketUnlockBoth(Socket, Irql);
    IndicateDiscard(Socket);
    InspectDiscardAll(Socket);
    ClientCloseSocket();
    RequestCompleteTaken(Socket, &Socket->Receive, &Received);
    RequestCompleteTaken(Socket, &Socket->Send, &Sent);
    DrainNotice(Socket, Status);
}

void SocketDropReference(PPROVIDER_SOCKET Socket)
{
    PPROVIDER_CLIENT Client = Socket->Client;

    if (InterlockedDecrement(&Socket->References) == 0) {
        ClientForgetSocket(Socket);
        ReadinessRetire(Socket);
        ClientDropSocket(Client);
    }
}

void SocketDropOutstanding(PPROVIDER_SOCKET Socket, LONG Parts)
{
    CALL Call;

    if (InterlockedAdd(&Socket->Outstanding, -Parts) != 0) {
        return;
    }
    if (Socket->CloseIrp != NULL) {
        InterlockedIncrement64(&Provider.IrpsCompleted);
        CallEnterCompletion(&Call);
        IoCompleteRequest(Socket->CloseIrp, IO_NO_INCREMENT);
        CallLeaveCompletion(&Call);
    }
    SocketDropReference(Socket);
}

void SocketDiscard(PPROVIDER_SOCKET Socket)
{
    WriteRelease(&Socket->Closing, 1);
    SocketDetach(Socket, STATUS_CANCELLED);
    SocketDropOutstanding(Socket, 1);
}

static void CheckClose(PWSK_SOCKET WskSocket)
{
    PPROVIDER_SOCKET Socket = (PPROVIDER_SOCKET)WskSocket;

    if (Socket == NULL || Socket->Signature != SOCKET_SIGNATURE) {
        CallMisuse("WskCloseSocket", "called with what is not a socket, or with a socket that is closed",
                   Socket);
    }
    if (KeGetCurrentIrql() > DISPATCH_LEVEL) {
        CallMisuse("WskCloseSocket", "called above DISPATCH_LEVEL", Socket);
    }
    if (InterlockedExchange(&Socket->Closing, 1)) {
        CallMisuse("WskCloseSocket", "called twice for a socket", Socket);
    }
    if (ReadAcquire(&Socket->References) - 1 > CallDepth(Socket)) {
        CallMisuse("WskCloseSocket", "called while another thread executes a call of the socket", Socket);
    }
}

NTSTATUS WSKAPI ProviderWskCloseSocket(PWSK_SOCKET WskSocket, PIRP Irp)
{
    PPROVIDER_SOCKET Socket = (PPROVIDER_SOCKET)WskSocket;

    CheckClose(WskSocket);
    IndicateCheckClose(Socket);
    StreamCheckClose(Socket);
    CallTakeIrp("WskCloseSocket", Irp);
    InterlockedIncrement64(&Socket->CallsMade);
    IoMarkIrpPending(Irp);
    Irp->IoStatus.Status = FaultsNextCall();
    Socket->CloseIrp = Irp;
    SocketDetach(Socket, STATUS_CANCELLED);
    if (!FaultsHoldClose(Socket, Irp)) {
        SocketDropOutstanding(Socket, 1);
    }
    return STATUS_PENDING;
}

void SocketForceClose(PPROVIDER_SOCKET Socket)
{
    LIST_ENTRY Received, Sent;
    KIRQL Irql;

    SocketLockBoth(Socket, &Irql);
    WriteRelease(&Socket->Dead, 1);
    RequestDrain(&Socket->Receive, STATUS_FILE_FORCED_CLOSED, &Received);
    RequestDrain(&Socket->Send, STATUS_FILE_FORCED_CLOSED, &Sent);
    SocketUnlockBoth(Socket, Irql);
    RequestCompleteTaken(Socket, &Socket->Receive, &Received);
    RequestCompleteTaken(Socket, &Socket->Send, &Sent);
    DrainNotice(Socket, STATUS_FILE_FORCED_CLOSED);
    EventsTellDeath(Socket);
    InspectTellDeath(Socket);
}

/* ---- all sockets ------------------------------------------------------------------------------------- */

/* Delays the completion of a close, unless it is complete; so the socket also stays in the list. */
static BOOLEAN HoldSocket(PLIST_ENTRY Entry, PVOID Context)
{
    PPROVIDER_SOCKET Socket = CONTAINING_RECORD(Entry, PROVIDER_SOCKET, Link);
    LONG Outstanding = ReadAcquire(&Socket->Outstanding);

    UNREFERENCED_PARAMETER(Context);
    while (Outstanding > 0) {
        LONG Seen = InterlockedCompareExchange(&Socket->Outstanding, Outstanding + 1, Outstanding);

        if (Seen == Outstanding) {
            return TRUE;
        }
        Outstanding = Seen;
    }
    return FALSE;
}

static ULONG CountSockets(void)
{
    ULONG Count = 0;
    KIRQL Irql;

    KeAcquireSpinLock(&Provider.Lock, &Irql);
    for (PLIST_ENTRY Link = Provider.Sockets.Flink; Link != &Provider.Sockets; Link = Link->Flink) {
        Count++;
    }
    KeReleaseSpinLock(&Provider.Lock, Irql);
    return Count;
}

/* Sockets that are created meanwhile are at the end of the list; some of them may be closed too, but the loop
 * is bounded. */
void SocketForEach(void (*Routine)(PPROVIDER_SOCKET Socket))
{
    ULONG Left = CountSockets();
    PPROVIDER_SOCKET Previous = NULL;
    PLIST_ENTRY Entry;

    for (; Left != 0; Left--) {
        Entry = HostClaimNext(&Provider.Lock, &Provider.Sockets, (Previous != NULL) ? &Previous->Link : NULL,
                              HoldSocket, NULL);
        if (Previous != NULL) {
            SocketDropOutstanding(Previous, 1);
        }
        if (Entry == NULL) {
            return;
        }
        Previous = CONTAINING_RECORD(Entry, PROVIDER_SOCKET, Link);
        Routine(Previous);
    }
    if (Previous != NULL) {
        SocketDropOutstanding(Previous, 1);
    }
}

/* ---- binding ----------------------------------------------------------------------------------------- */

NTSTATUS SocketListen(PPROVIDER_SOCKET Socket)
{
    NTSTATUS Status = StatusFromBackend(BackendListen(Socket->Handle));

    if (NT_SUCCESS(Status)) {
        WriteRelease(&Socket->State, SocketListening);
        InspectStart(Socket);
    }
    return Status;
}

/* Send.Lock is held. */
static NTSTATUS BindLocked(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    NTSTATUS Status = SocketRefusal(Socket);

    if (NT_SUCCESS(Status) && SocketState(Socket) != SocketUnbound) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (NT_SUCCESS(Status)) {
        Status = SharingBind(Socket, Address);
    }
    if (NT_SUCCESS(Status) && Socket->Category == CATEGORY_LISTEN) {
        Status = SocketListen(Socket);
        if (!NT_SUCCESS(Status)) {
            SharingRemove(Socket);
        }
    } else if (NT_SUCCESS(Status)) {
        WriteRelease(&Socket->State, SocketBound);
    }
    if (NT_SUCCESS(Status)) {
        EventsStart(Socket);
    }
    return Status;
}

NTSTATUS SocketBind(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    NTSTATUS Status;
    KIRQL Irql;

    KeAcquireSpinLock(&Socket->Send.Lock, &Irql);
    Status = BindLocked(Socket, Address);
    KeReleaseSpinLock(&Socket->Send.Lock, Irql);
    return Status;
}

/* The port is lost if it was chosen for the connect (PortFollows), or if another socket has taken it
 * (BACKEND_LOST). */
void SocketUndoConnect(PPROVIDER_SOCKET Socket)
{
    int32_t Error = BackendDissolve(Socket->Handle, &Socket->Local, Socket->PortOrigin == PortChosen);

    if (Error == BACKEND_LOST && Socket->PortOrigin == PortChosen) {
        Socket->PortOrigin = PortFollows;
    }
    if (Socket->PortOrigin == PortFollows) {
        SharingRemove(Socket);
        Socket->Local.Port = 0;
    }
    WriteRelease(&Socket->State, SocketBound);
}

NTSTATUS WSKAPI ProviderWskBind(PWSK_SOCKET WskSocket, PSOCKADDR LocalAddress, ULONG Flags, PIRP Irp)
{
    CALL Call;
    BACKEND_ADDRESS Address;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskBind", WskSocket, CATEGORIES_BINDABLE, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status)) {
        Status = (Flags != 0) ? STATUS_INVALID_PARAMETER
                              : AddressFromClient(LocalAddress, Socket->Family, &Address);
    }
    if (NT_SUCCESS(Status)) {
        Status = SocketBind(Socket, &Address);
    }
    return CallComplete(&Call, Status, 0);
}

NTSTATUS WSKAPI ProviderWskGetLocalAddress(PWSK_SOCKET WskSocket, PSOCKADDR LocalAddress, PIRP Irp)
{
    CALL Call;
    KIRQL Irql;
    PPROVIDER_SOCKET Socket =
        CallEnterSocket(&Call, "WskGetLocalAddress", WskSocket, CATEGORIES_BINDABLE, Irp, IrpRequired);
    NTSTATUS Status = Call.Status;

    if (NT_SUCCESS(Status) && LocalAddress == NULL) {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (!NT_SUCCESS(Status)) {
        return CallComplete(&Call, Status, 0);
    }
    KeAcquireSpinLock(&Socket->Send.Lock, &Irql);
    Status = SocketRefusal(Socket);
    if (NT_SUCCESS(Status) && SocketState(Socket) == SocketUnbound) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (NT_SUCCESS(Status) && Socket->Local.Port == 0) {
        Status = SharingChoosePort(Socket); /* the port follows, and is asked for before a connect */
    }
    if (NT_SUCCESS(Status)) {
        AddressToClient(&Socket->Local, LocalAddress);
    }
    KeReleaseSpinLock(&Socket->Send.Lock, Irql);
    return CallComplete(&Call, Status, 0);
}
