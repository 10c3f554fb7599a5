/* SPDX-License-Identifier: Apache-2.0
 *
 * WskControlSocket: the options and IOCTLs that the host supports. One table says for each option which
 * sockets have it and when it may be set. Anything else is STATUS_NOT_SUPPORTED, also TCP_NODELAY, instead of
 * which Winsock Kernel has WSK_FLAG_NODELAY.
 */
#include "wskp.h"

/* Rules of an option. */
#define RULE_BEFORE_BIND 0x1u
#define RULE_IRP         0x2u /* documented to need an IRP */
#define RULE_SET_ONLY    0x4u
#define RULE_GET_ONLY    0x8u
#define RULE_KEPT        0x10u /* a get returns what was set, since the system does not */
#define RULE_INDEX       0x20u /* an interface's index in network byte order, or an IPv4 address */
#define RULE_SOURCE      0x40u /* of a group: names a source */

/* Handled here rather than by the backend. */
#define OPTION_REUSE       (BackendOptionMax + 1)
#define OPTION_EXCLUSIVE   (BackendOptionMax + 2)
#define OPTION_CONDITIONAL (BackendOptionMax + 3)
/* And the BACKEND_GROUP_CHANGE. */
#define OPTION_GROUP (BackendOptionMax + 4)

/* Those that send. */
#define CATEGORIES_TALKING (CATEGORIES_CONNECTING | CATEGORY_DATAGRAM)

typedef struct _OPTION {
    ULONG Level;
    ULONG Code;
    ULONG Categories;
    ULONG Rules;
    ULONG Kind;     /* BACKEND_OPTION or OPTION_... */
    SIZE_T Size;    /* of the value; a smaller one is refused */
    SIZE_T Written; /* by a get: Windows was seen to write less for one of them */
} OPTION;

#define NUMBER sizeof(ULONG), sizeof(ULONG)
#define FLAG   sizeof(ULONG), sizeof(UCHAR)

/* An option that has a number in each family. */
#define BOTH(V4, V6, Categories, Rules, Kind)                                                                \
    {IPPROTO_IP, V4, Categories, Rules, Kind, NUMBER},                                                       \
    {                                                                                                        \
        IPPROTO_IPV6, V6, Categories, Rules, Kind, NUMBER                                                    \
    }

/* A change of membership. */
#define GROUP(Code, Change)                                                                                  \
    {IPPROTO_IP, Code, CATEGORY_DATAGRAM, RULE_SET_ONLY, OPTION_GROUP + (Change), sizeof(GROUP_REQ), 0},     \
    {                                                                                                        \
        IPPROTO_IPV6, Code, CATEGORY_DATAGRAM, RULE_SET_ONLY, OPTION_GROUP + (Change), sizeof(GROUP_REQ), 0  \
    }
#define SOURCE(Code, Change)                                                                                 \
    {IPPROTO_IP,                                                                                             \
     Code,                                                                                                   \
     CATEGORY_DATAGRAM,                                                                                      \
     RULE_SET_ONLY | RULE_SOURCE,                                                                            \
     OPTION_GROUP + (Change),                                                                                \
     sizeof(GROUP_SOURCE_REQ),                                                                               \
     0},                                                                                                     \
    {                                                                                                        \
        IPPROTO_IPV6, Code, CATEGORY_DATAGRAM, RULE_SET_ONLY | RULE_SOURCE, OPTION_GROUP + (Change),         \
            sizeof(GROUP_SOURCE_REQ), 0                                                                      \
    }

static const OPTION Options[] = {
    {SOL_SOCKET, SO_BROADCAST, CATEGORY_DATAGRAM, RULE_IRP, BackendBroadcast, NUMBER},
    {SOL_SOCKET, SO_REUSEADDR, CATEGORIES_BINDABLE, RULE_IRP | RULE_BEFORE_BIND, OPTION_REUSE, NUMBER},
    {SOL_SOCKET, (ULONG)SO_EXCLUSIVEADDRUSE, CATEGORIES_BINDABLE, RULE_IRP | RULE_BEFORE_BIND,
     OPTION_EXCLUSIVE, NUMBER},
    {SOL_SOCKET, SO_RCVBUF, CATEGORIES_BINDABLE, RULE_IRP, BackendReceiveBuffer, NUMBER},
    {SOL_SOCKET, SO_CONDITIONAL_ACCEPT, CATEGORY_LISTEN, RULE_IRP | RULE_BEFORE_BIND, OPTION_CONDITIONAL,
     NUMBER},
    {SOL_SOCKET, SO_KEEPALIVE, CATEGORIES_TCP, RULE_IRP, BackendKeepAlive, FLAG},
    {IPPROTO_IPV6, IPV6_V6ONLY, CATEGORIES_BINDABLE, RULE_BEFORE_BIND, BackendV6Only, NUMBER},
    {IPPROTO_TCP, TCP_KEEPIDLE, CATEGORIES_CONNECTING, 0, BackendKeepIdle, NUMBER},
    {IPPROTO_TCP, TCP_KEEPINTVL, CATEGORIES_CONNECTING, 0, BackendKeepInterval, NUMBER},
    {IPPROTO_TCP, TCP_KEEPCNT, CATEGORIES_CONNECTING, 0, BackendKeepCount, NUMBER},
    GROUP(MCAST_JOIN_GROUP, BackendJoinGroup),
    GROUP(MCAST_LEAVE_GROUP, BackendLeaveGroup),
    SOURCE(MCAST_BLOCK_SOURCE, BackendBlockSource),
    SOURCE(MCAST_UNBLOCK_SOURCE, BackendUnblockSource),
    SOURCE(MCAST_JOIN_SOURCE_GROUP, BackendJoinSource),
    SOURCE(MCAST_LEAVE_SOURCE_GROUP, BackendLeaveSource),
    {IPPROTO_IP, IP_MULTICAST_IF, CATEGORY_DATAGRAM, RULE_KEPT | RULE_INDEX, BackendMulticastInterface,
     NUMBER},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, CATEGORY_DATAGRAM, RULE_KEPT, BackendMulticastInterface, NUMBER},
    BOTH(IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, CATEGORY_DATAGRAM, 0, BackendMulticastHops),
    BOTH(IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, CATEGORY_DATAGRAM, RULE_KEPT, BackendMulticastLoop),
    BOTH(IP_TTL, IPV6_UNICAST_HOPS, CATEGORIES_TALKING, 0, BackendUnicastHops),
    {IPPROTO_IP, IP_UNICAST_IF, CATEGORIES_TALKING, RULE_INDEX, BackendUnicastInterface, NUMBER},
    {IPPROTO_IPV6, IPV6_UNICAST_IF, CATEGORIES_TALKING, 0, BackendUnicastInterface, NUMBER},
    BOTH(IP_DONTFRAGMENT, IPV6_DONTFRAG, CATEGORY_DATAGRAM, 0, BackendDontFragment),
    BOTH(IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, CATEGORY_DATAGRAM, 0, BackendMtuDiscover),
    BOTH(IP_MTU, IPV6_MTU, CATEGORIES_TALKING, RULE_GET_ONLY, BackendMtu),
    {IPPROTO_IP, IP_RECEIVE_BROADCAST, CATEGORY_DATAGRAM, RULE_KEPT, BackendReceiveBroadcast, NUMBER},
};

/* The arguments of one WskControlSocket. */
typedef struct _CONTROL {
    PPROVIDER_SOCKET Socket;
    WSK_CONTROL_SOCKET_TYPE Type;
    ULONG Code;
    ULONG Level;
    SIZE_T InputSize;
    const VOID* Input;
    SIZE_T OutputSize;
    PVOID Output;
    SIZE_T Returned;
} CONTROL, *PCONTROL;

static const OPTION* FindOption(ULONG Level, ULONG Code)
{
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Options); Index++) {
        if (Options[Index].Level == Level && Options[Index].Code == Code) {
            return &Options[Index];
        }
    }
    return NULL;
}

/* ---- options ----------------------------------------------------------------------------------------- */

/* The two sharing options exclude each other. Send.Lock is held. */
static NTSTATUS SetSharing(PPROVIDER_SOCKET Socket, SHARING_MODE Mode, BOOLEAN On)
{
    if (On && Socket->Sharing != SharingNone && Socket->Sharing != Mode) {
        return STATUS_INVALID_PARAMETER;
    }
    if (On) {
        Socket->Sharing = Mode;
    } else if (Socket->Sharing == Mode) {
        Socket->Sharing = SharingNone;
    }
    return STATUS_SUCCESS;
}

/* Send.Lock is held. */
static NTSTATUS SetBackendOption(PPROVIDER_SOCKET Socket, BACKEND_OPTION Option, ULONG Value)
{
    NTSTATUS Status = StatusFromBackend(BackendSetOption(Socket->Handle, Option, Value));

    if (NT_SUCCESS(Status)) {
        switch (Option) {
        case BackendV6Only:
            Socket->V6Only = (Value != 0);
            break;
        case BackendReceiveBuffer:
            Socket->ReceiveBufferSet = TRUE;
            break;
        default:
            break;
        }
    }
    return Status;
}

/* The value of an option that is a number. */
static ULONG NumberOf(const CONTROL* Control)
{
    ULONG Value;

    RtlCopyMemory(&Value, Control->Input, sizeof(Value));
    return Value;
}

/* A number whose first byte in the network's order is not 0 would be an address, by which an interface can't
 * be named here. Send.Lock is held. */
static NTSTATUS SetNumber(PPROVIDER_SOCKET Socket, const OPTION* Option, ULONG Value)
{
    ULONG Number = (Option->Rules & RULE_INDEX) ? RtlUlongByteSwap(Value) : Value;
    NTSTATUS Status;

    if ((Option->Rules & RULE_INDEX) && (Number >> 24) != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    Status = SetBackendOption(Socket, (BACKEND_OPTION)Option->Kind, Number);
    if (NT_SUCCESS(Status) && (Option->Rules & RULE_KEPT)) {
        Socket->KeptOptions[Option->Kind] = Number;
    }
    return Status;
}

/* Send.Lock is held. */
static NTSTATUS ChangeGroup(PCONTROL Control, const OPTION* Option)
{
    PPROVIDER_SOCKET Socket = Control->Socket;
    GROUP_SOURCE_REQ Request;
    BACKEND_GROUP Group;
    NTSTATUS Status;

    RtlZeroMemory(&Group, sizeof(Group));
    RtlCopyMemory(&Request, Control->Input, Option->Size);
    Group.Interface = Request.gsr_interface;
    Status = AddressFromClient((PSOCKADDR)&Request.gsr_group, Socket->Family, &Group.Group);
    if (NT_SUCCESS(Status) && (Option->Rules & RULE_SOURCE)) {
        Status = AddressFromClient((PSOCKADDR)&Request.gsr_source, Socket->Family, &Group.Source);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return StatusFromBackend(
        BackendChangeGroup(Socket->Handle, (BACKEND_GROUP_CHANGE)(Option->Kind - OPTION_GROUP), &Group));
}

/* Send.Lock is held. */
static NTSTATUS SetOption(PCONTROL Control, const OPTION* Option)
{
    PPROVIDER_SOCKET Socket = Control->Socket;

    if (Control->Input == NULL || Control->InputSize < Option->Size) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if ((Option->Rules & RULE_BEFORE_BIND) && SocketState(Socket) != SocketUnbound) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (Option->Kind >= OPTION_GROUP) {
        return ChangeGroup(Control, Option);
    }
    switch (Option->Kind) {
    case OPTION_REUSE:
        return SetSharing(Socket, SharingReuse, NumberOf(Control) != 0);
    case OPTION_EXCLUSIVE:
        return SetSharing(Socket, SharingExclusive, NumberOf(Control) != 0);
    case OPTION_CONDITIONAL:
        return InspectSetConditional(Socket, NumberOf(Control) != 0);
    default:
        return SetNumber(Socket, Option, NumberOf(Control));
    }
}

/* Send.Lock is held. */
static NTSTATUS ReadOption(PPROVIDER_SOCKET Socket, const OPTION* Option, PULONG Value)
{
    NTSTATUS Status;

    if (Option->Rules & RULE_KEPT) {
        /* Only says whether the system has it. */
        Status = StatusFromBackend(BackendGetOption(Socket->Handle, (BACKEND_OPTION)Option->Kind, Value));
        *Value = Socket->KeptOptions[Option->Kind];
        return Status;
    }
    switch (Option->Kind) {
    case OPTION_REUSE:
        *Value = (Socket->Sharing == SharingReuse);
        return STATUS_SUCCESS;
    case OPTION_EXCLUSIVE:
        *Value = (Socket->Sharing == SharingExclusive);
        return STATUS_SUCCESS;
    case OPTION_CONDITIONAL:
        *Value = Socket->Inspection.Conditional;
        return STATUS_SUCCESS;
    default:
        Status = StatusFromBackend(BackendGetOption(Socket->Handle, (BACKEND_OPTION)Option->Kind, Value));
        if (NT_SUCCESS(Status) && Option->Kind == BackendReceiveBuffer && Socket->ReceiveBufferSet) {
            *Value /= 2; /* the system reports twice what was set, for its own overhead */
        }
        return Status;
    }
}

/* Send.Lock is held. */
static NTSTATUS GetOption(PCONTROL Control, const OPTION* Option)
{
    ULONG Value = 0;
    NTSTATUS Status;

    if (Control->Output == NULL || Control->OutputSize < Option->Size) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    Status = ReadOption(Control->Socket, Option, &Value);
    if (NT_SUCCESS(Status)) {
        Value = (Option->Rules & RULE_INDEX) ? RtlUlongByteSwap(Value) : Value;
        RtlCopyMemory(Control->Output, &Value, Option->Written);
        Control->Returned = Option->Written;
    }
    return Status;
}

/* The option that enables event callbacks can only be set. */
static BOOLEAN IsEventCallback(const CONTROL* Control)
{
    return Control->Type == WskSetOption && Control->Level == SOL_SOCKET &&
           Control->Code == SO_WSK_EVENT_CALLBACK;
}

/* An IPv6 socket has the options of IPv6 only, also when it takes IPv4 addresses. */
static BOOLEAN IsOfFamily(const OPTION* Option, ADDRESS_FAMILY Family)
{
    if (Option->Level == IPPROTO_IP) {
        return Family == AF_INET;
    }
    return Option->Level != IPPROTO_IPV6 || Family == AF_INET6;
}

static BOOLEAN IsOneWay(const OPTION* Option, WSK_CONTROL_SOCKET_TYPE Type)
{
    return (Option->Rules & ((Type == WskSetOption) ? RULE_GET_ONLY : RULE_SET_ONLY)) != 0;
}

/* Send.Lock is held. */
static NTSTATUS AncillaryOptionLocked(PCONTROL Control)
{
    ULONG Value = 0;
    NTSTATUS Status = SocketRefusal(Control->Socket);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Control->Type == WskSetOption) {
        return AncillarySetOption(Control->Socket, Control->Level, Control->Code, NumberOf(Control));
    }
    Status = AncillaryGetOption(Control->Socket, Control->Level, Control->Code, &Value);
    if (NT_SUCCESS(Status)) {
        RtlCopyMemory(Control->Output, &Value, sizeof(Value));
        Control->Returned = sizeof(Value);
    }
    return Status;
}

static NTSTATUS AncillaryOption(PCONTROL Control)
{
    PPROVIDER_SOCKET Socket = Control->Socket;
    BOOLEAN Fits = (Control->Type == WskSetOption)
                       ? Control->Input != NULL && Control->InputSize >= sizeof(ULONG)
                       : Control->Output != NULL && Control->OutputSize >= sizeof(ULONG);
    NTSTATUS Status;
    KIRQL Irql;

    if (Socket->Category != CATEGORY_DATAGRAM) {
        return STATUS_NOT_SUPPORTED;
    }
    if (!Fits) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    KeAcquireSpinLock(&Socket->Send.Lock, &Irql);
    Status = AncillaryOptionLocked(Control);
    KeReleaseSpinLock(&Socket->Send.Lock, Irql);
    return Status;
}

static NTSTATUS ControlOption(PCONTROL Control)
{
    const OPTION* Option = FindOption(Control->Level, Control->Code);
    PPROVIDER_SOCKET Socket = Control->Socket;
    NTSTATUS Status;
    KIRQL Irql;

    if (AncillaryIsOption(Control->Level, Control->Code)) {
        return AncillaryOption(Control);
    }
    if (Option == NULL || !(Option->Categories & Socket->Category)) {
        return STATUS_NOT_SUPPORTED;
    }
    if (!IsOfFamily(Option, Socket->Family) || IsOneWay(Option, Control->Type)) {
        return STATUS_NOT_SUPPORTED;
    }
    KeAcquireSpinLock(&Socket->Send.Lock, &Irql);
    Status = SocketRefusal(Socket);
    if (NT_SUCCESS(Status)) {
        Status = (Control->Type == WskSetOption) ? SetOption(Control, Option) : GetOption(Control, Option);
    }
    KeReleaseSpinLock(&Socket->Send.Lock, Irql);
    return Status;
}

/* ---- IOCTLs ------------------------------------------------------------------------------------------ */

/* The address an IOCTL sets, or Family 0 when it clears. */
static NTSTATUS ReadAddress(PCONTROL Control, BACKEND_ADDRESS* Address)
{
    SIZE_T Size = (Control->Socket->Family == AF_INET6) ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN);

    RtlZeroMemory(Address, sizeof(*Address));
    if (Control->InputSize == 0 && Control->Input == NULL) {
        return STATUS_SUCCESS;
    }
    if (Control->Input == NULL || Control->InputSize < Size) {
        return STATUS_INVALID_PARAMETER;
    }
    return AddressFromClient(Control->Input, Control->Socket->Family, Address);
}

/* Clears the former address first, and with it the source address that the system chose for it, from which
 * the new one may be unreachable. Both locks are held. */
static int32_t ReplaceRemoteAddress(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    BOOLEAN Former = (Socket->Remote.Family != 0);
    int32_t Error =
        Former ? BackendDissolve(Socket->Handle, &Socket->Local, Socket->PortOrigin == PortChosen) : 0;

    if (Error != 0 || Address->Family == 0) {
        return Error;
    }
    Error = BackendConnect(Socket->Handle, Address);
    if (Error != 0 && Former && BackendConnect(Socket->Handle, &Socket->Remote) != 0) {
        return BACKEND_LOST;
    }
    return Error;
}

/* The system replaces a wildcard address by its loopback address, from which answers come. On failure the
 * former address remains, or the socket is dead. Both locks are held. */
static NTSTATUS FixRemoteAddress(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    BACKEND_ADDRESS Resolved = *Address;
    int32_t Error = ReplaceRemoteAddress(Socket, Address);

    if (Error == BACKEND_LOST) {
        WriteRelease(&Socket->Dead, 1);
        return STATUS_FILE_FORCED_CLOSED;
    }
    if (Error == 0) {
        if (Address->Family != 0 && BackendGetRemoteAddress(Socket->Handle, &Resolved) != 0) {
            Resolved = *Address;
        }
        Socket->Remote = Resolved;
    }
    return StatusFromBackend(Error);
}

static NTSTATUS SetAddress(PCONTROL Control)
{
    PPROVIDER_SOCKET Socket = Control->Socket;
    BACKEND_ADDRESS Address;
    NTSTATUS Status = ReadAddress(Control, &Address);
    KIRQL Irql;

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    SocketLockBoth(Socket, &Irql);
    Status = SocketRefusal(Socket);
    if (NT_SUCCESS(Status) && SocketState(Socket) == SocketUnbound) {
        Status = STATUS_INVALID_DEVICE_STATE;
    }
    if (NT_SUCCESS(Status) && Control->Code == SIO_WSK_SET_REMOTE_ADDRESS) {
        Status = FixRemoteAddress(Socket, &Address);
    } else if (NT_SUCCESS(Status)) {
        Socket->Destination = Address;
    }
    SocketUnlockBoth(Socket, Irql);
    if (Status == STATUS_FILE_FORCED_CLOSED) {
        SocketForceClose(Socket); /* also requests that were pending before */
    }
    return Status;
}

/* Send.Lock is held. */
static NTSTATUS ReadBacklog(PCONTROL Control, SIZE_T* Backlog)
{
    PPROVIDER_SOCKET Socket = Control->Socket;
    ULONG Bytes = 0;
    NTSTATUS Status = SocketRefusal(Socket);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (SocketState(Socket) != SocketConnected) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (Control->Code == SIO_WSK_QUERY_RECEIVE_BACKLOG) {
        return StatusFromBackend(BackendQueryReadable(Socket->Handle, Backlog));
    }
    Status = StatusFromBackend(BackendGetOption(Socket->Handle, BackendSendBuffer, &Bytes));
    *Backlog = Bytes;
    return Status;
}

static NTSTATUS QueryBacklog(PCONTROL Control)
{
    SIZE_T Backlog = 0;
    NTSTATUS Status;
    KIRQL Irql;

    if (Control->Output == NULL || Control->OutputSize < sizeof(Backlog)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    KeAcquireSpinLock(&Control->Socket->Send.Lock, &Irql);
    Status = ReadBacklog(Control, &Backlog);
    KeReleaseSpinLock(&Control->Socket->Send.Lock, Irql);
    if (NT_SUCCESS(Status)) {
        RtlCopyMemory(Control->Output, &Backlog, sizeof(Backlog));
        Control->Returned = sizeof(Backlog);
    }
    return Status;
}

/* Without an IRP. */
static NTSTATUS QueryInspectId(PCONTROL Control, PIRP Irp)
{
    WSK_INSPECT_ID Id;
    NTSTATUS Status;

    if (Irp != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Control->Output == NULL || Control->OutputSize < sizeof(Id)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    Status = InspectQueryId(Control->Socket, &Id);
    if (NT_SUCCESS(Status)) {
        RtlCopyMemory(Control->Output, &Id, sizeof(Id));
        Control->Returned = sizeof(Id);
    }
    return Status;
}

/* Takes no IRP. */
static NTSTATUS QueryAddresses(PCONTROL Control, PIRP Irp)
{
    if (Irp != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    return AddressesQuery(Control->Socket, Control->OutputSize, Control->Output, &Control->Returned);
}

static NTSTATUS ControlIoctl(PCONTROL Control, PIRP Irp)
{
    switch (Control->Code) {
    case SIO_WSK_SET_REMOTE_ADDRESS:
    case SIO_WSK_SET_SENDTO_ADDRESS:
        return (Control->Socket->Category == CATEGORY_DATAGRAM) ? SetAddress(Control) : STATUS_NOT_SUPPORTED;
    case SIO_WSK_QUERY_IDEAL_SEND_BACKLOG:
    case SIO_WSK_QUERY_RECEIVE_BACKLOG:
        return (Control->Socket->Category & CATEGORIES_CONNECTING) ? QueryBacklog(Control)
                                                                   : STATUS_NOT_SUPPORTED;
    case SIO_ADDRESS_LIST_QUERY:
        return QueryAddresses(Control, Irp);
    case SIO_WSK_QUERY_INSPECT_ID:
        return (Control->Socket->Category == CATEGORY_CONNECTION) ? QueryInspectId(Control, Irp)
                                                                  : STATUS_NOT_SUPPORTED;
    default:
        return STATUS_NOT_SUPPORTED;
    }
}

/* ---- dispatch ---------------------------------------------------------------------------------------- */

static IRP_RULE IrpRuleOf(WSK_CONTROL_SOCKET_TYPE RequestType, ULONG ControlCode, ULONG Level)
{
    const OPTION* Option;

    if (RequestType == WskIoctl) {
        switch (ControlCode) {
        case SIO_WSK_SET_REMOTE_ADDRESS:
        case SIO_WSK_SET_SENDTO_ADDRESS:
        case SIO_WSK_QUERY_IDEAL_SEND_BACKLOG:
        case SIO_WSK_QUERY_RECEIVE_BACKLOG:
        case SIO_WSK_SET_TCP_SILENT_MODE:
        case SIO_ADDRESS_LIST_CHANGE:
            return IrpRequired;
        default:
            return IrpOptional;
        }
    }
    Option = FindOption(Level, ControlCode);
    return (Option != NULL && (Option->Rules & RULE_IRP)) ? IrpRequired : IrpOptional;
}

NTSTATUS WSKAPI ProviderWskControlSocket(PWSK_SOCKET WskSocket, WSK_CONTROL_SOCKET_TYPE RequestType,
                                         ULONG ControlCode, ULONG Level, SIZE_T InputSize, PVOID InputBuffer,
                                         SIZE_T OutputSize, PVOID OutputBuffer, SIZE_T* OutputSizeReturned,
                                         PIRP Irp)
{
    CALL Call;
    CONTROL Control = {.Type = RequestType,
                       .Code = ControlCode,
                       .Level = Level,
                       .InputSize = InputSize,
                       .Input = InputBuffer,
                       .OutputSize = OutputSize,
                       .Output = OutputBuffer};
    NTSTATUS Status;

    Control.Socket = CallEnterSocket(&Call, "WskControlSocket", WskSocket, CATEGORIES_ANY, Irp,
                                     IrpRuleOf(RequestType, ControlCode, Level));
    Status = Call.Status;
    if (RequestType == WskIoctl &&
        (ControlCode == SIO_ADDRESS_LIST_QUERY || ControlCode == SIO_ADDRESS_LIST_CHANGE) &&
        KeGetCurrentIrql() != PASSIVE_LEVEL) {
        CallMisuse("WskControlSocket", "called above PASSIVE_LEVEL for a list of addresses", WskSocket);
    }
    if (NT_SUCCESS(Status) && Irp != NULL && OutputSizeReturned != NULL) {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(Status) && RequestType == WskIoctl && ControlCode == SIO_ADDRESS_LIST_CHANGE) {
        Status = AddressesWatch(Irp);
        if (NT_SUCCESS(Status)) {
            return CallSubmit(&Call, &Control.Socket->Notice, OperationAwaitAddresses);
        }
    }
    if (NT_SUCCESS(Status)) {
        switch (RequestType) {
        case WskSetOption:
        case WskGetOption:
            Status = IsEventCallback(&Control)
                         ? EventsControlSocket(Control.Socket, InputSize, InputBuffer, Irp)
                         : ControlOption(&Control);
            break;
        case WskIoctl:
            Status = ControlIoctl(&Control, Irp);
            break;
        default:
            Status = STATUS_INVALID_PARAMETER;
            break;
        }
    }
    if (Irp == NULL && OutputSizeReturned != NULL) {
        *OutputSizeReturned = Control.Returned;
    }
    return (Status == STATUS_PENDING) ? CallPended(&Call) : CallComplete(&Call, Status, Control.Returned);
}
