/* SPDX-License-Identifier: Apache-2.0
 *
 * Options by symbolic name. The driver knows level, number, type and permitted states of each one. A caller
 * can't pass any other option, because some WSK options carry kernel pointers.
 *
 * Three options are the driver's own. WSK has no TCP_NODELAY, so the driver passes NO_DELAY as a flag with
 * each send. LINGER controls what closing the handle does; see linger.c. SEND_BUFFER bounds the sends in
 * flight, since WSK buffers none; see operation.c.
 */
#include "dispatch.h"
#include "gate.h"
#include "group.h"

typedef struct _WSKB_OPTION_ENTRY {
    ULONG Option;
    ULONG Length; /* of the value */
    ULONG Level;
    ULONG Name;
    ULONG Categories;
    ULONG SetStates; /* states in which it may be set; 0: it can't be set */
    ULONG Maximum;   /* of the value, if that is a number; 1 for a boolean */
    USHORT Family;   /* the only family that has this row; AF_UNSPEC for both */
    ULONG Rules;
    ULONG Gate; /* WSKB_GATE_... */
} WSKB_OPTION_ENTRY;

/* Rules. */
#define SET_ONLY      0x1
#define NETWORK_ORDER 0x2  /* WSK takes and gives the number in network byte order */
#define NAMES_SOURCE  0x4  /* the value names a source of the group */
#define QUERIES       0x10 /* no option of WSK, but an IOCTL with this code, which gives a SIZE_T */
#define NEEDS_PEER    0x8  /* got only while the socket has one peer */

#define DATAGRAM   WSKB_CATEGORY_DATAGRAM
#define CONNECTION WSKB_CATEGORY_CONNECTION
#define LISTEN     WSKB_CATEGORY_LISTEN
#define ANY        WSKB_ANY_CATEGORY
#define TALKING    (WSKB_CATEGORY_DATAGRAM | WSKB_CATEGORY_CONNECTION)

/* The greatest index of an interface: for IPv4, a number whose first byte is not 0 is an address to WSK. */
#define MAXIMUM_INDEX 0x00FFFFFF

/* Number and length, as the protocol defines them. */
#define ENTRY(Name) WSKB_OPTION_##Name, WSKB_OPTION_##Name##_SIZE

/* The rows of an option that has another level and name in each family. */
#define BOTH(Name, V4, V6, Categories, Maximum)                                                              \
    {ENTRY(Name), IPPROTO_IP, V4, Categories, WSKB_CREATED_STATES, Maximum, AF_INET, 0, WSKB_GATE_NONE},     \
    {                                                                                                        \
        ENTRY(Name), IPPROTO_IPV6, V6, Categories, WSKB_CREATED_STATES, Maximum, AF_INET6, 0, WSKB_GATE_NONE \
    }

/* The same for the index of an interface. */
#define INTERFACE(Name, V4, V6, Categories)                                                                  \
    {ENTRY(Name),   IPPROTO_IP,    V4, Categories, WSKB_CREATED_STATES, MAXIMUM_INDEX, AF_INET,              \
     NETWORK_ORDER, WSKB_GATE_NONE},                                                                         \
    {                                                                                                        \
        ENTRY(Name), IPPROTO_IPV6, V6, Categories, WSKB_CREATED_STATES, MAXIMUM_INDEX, AF_INET6, 0,          \
            WSKB_GATE_NONE                                                                                   \
    }

/* The same for one that changes the membership of a group. */
#define GROUP(Name, Code, Rules)                                                                             \
    {ENTRY(Name), IPPROTO_IP,         Code,          DATAGRAM, WSKB_CREATED_STATES, 0,                       \
     AF_INET,     SET_ONLY | (Rules), WSKB_GATE_NONE},                                                       \
    {                                                                                                        \
        ENTRY(Name), IPPROTO_IPV6, Code, DATAGRAM, WSKB_CREATED_STATES, 0, AF_INET6, SET_ONLY | (Rules),     \
            WSKB_GATE_NONE                                                                                   \
    }

/* What control information is received. A dual-stack socket needs the options of both levels, so those of
 * IPv4 have a name of their own there. */
#define CONTROL(Name, V4, V6, States)                                                                        \
    {ENTRY(Name), IPPROTO_IP, V4, DATAGRAM, States, 1, AF_INET, 0, WSKB_GATE_NONE},                          \
        {ENTRY(Name), IPPROTO_IPV6, V6, DATAGRAM, States, 1, AF_INET6, 0, WSKB_GATE_NONE},                   \
    {                                                                                                        \
        ENTRY(Name##_V4), IPPROTO_IP, V4, DATAGRAM, States, 1, AF_INET6, 0, WSKB_GATE_NONE                   \
    }

static const WSKB_OPTION_ENTRY Options[] = {
    {ENTRY(RECEIVE_BUFFER), SOL_SOCKET, SO_RCVBUF, ANY, WSKB_CREATED_STATES, MAXULONG, AF_UNSPEC, 0,
     WSKB_GATE_NONE},
    {ENTRY(REUSE_ADDRESS), SOL_SOCKET, SO_REUSEADDR, ANY, WSKB_UNBOUND_STATES, 1, AF_UNSPEC, 0,
     WSKB_GATE_NONE},
    {ENTRY(EXCLUSIVE_ADDRESS_USE), SOL_SOCKET, (ULONG)SO_EXCLUSIVEADDRUSE, ANY, WSKB_UNBOUND_STATES, 1,
     AF_UNSPEC, 0, WSKB_GATE_NONE},
    {ENTRY(BROADCAST), SOL_SOCKET, SO_BROADCAST, DATAGRAM, WSKB_CREATED_STATES, 1, AF_UNSPEC, 0,
     WSKB_GATE_NONE},
    {ENTRY(KEEP_ALIVE), SOL_SOCKET, SO_KEEPALIVE, CONNECTION | LISTEN, WSKB_CREATED_STATES, 1, AF_UNSPEC, 0,
     WSKB_GATE_NONE},
    {ENTRY(NO_DELAY), 0, 0, CONNECTION, WSKB_CREATED_STATES, 1, AF_UNSPEC, 0, WSKB_GATE_NONE},
    {ENTRY(LINGER), 0, 0, CONNECTION, WSKB_CREATED_STATES, WSKB_MAXIMUM_LINGER_SECONDS, AF_UNSPEC, 0,
     WSKB_GATE_NONE},
    {ENTRY(IPV6_ONLY), IPPROTO_IPV6, IPV6_V6ONLY, ANY, WSKB_UNBOUND_STATES, 1, AF_INET6, 0, WSKB_GATE_NONE},
    GROUP(JOIN_GROUP, MCAST_JOIN_GROUP, 0),
    GROUP(LEAVE_GROUP, MCAST_LEAVE_GROUP, 0),
    GROUP(BLOCK_SOURCE, MCAST_BLOCK_SOURCE, NAMES_SOURCE),
    GROUP(UNBLOCK_SOURCE, MCAST_UNBLOCK_SOURCE, NAMES_SOURCE),
    GROUP(JOIN_SOURCE_GROUP, MCAST_JOIN_SOURCE_GROUP, NAMES_SOURCE),
    GROUP(LEAVE_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, NAMES_SOURCE),
    INTERFACE(MULTICAST_INTERFACE, IP_MULTICAST_IF, IPV6_MULTICAST_IF, DATAGRAM),
    BOTH(MULTICAST_HOPS, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, DATAGRAM, 255),
    BOTH(MULTICAST_LOOP, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, DATAGRAM, 1),
    BOTH(UNICAST_HOPS, IP_TTL, IPV6_UNICAST_HOPS, TALKING, 255),
    INTERFACE(UNICAST_INTERFACE, IP_UNICAST_IF, IPV6_UNICAST_IF, TALKING),
    BOTH(DONT_FRAGMENT, IP_DONTFRAGMENT, IPV6_DONTFRAG, DATAGRAM, 1),
    BOTH(MTU_DISCOVER, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, DATAGRAM, 3),
    {ENTRY(MTU), IPPROTO_IP, IP_MTU, TALKING, 0, MAXULONG, AF_INET, NEEDS_PEER, WSKB_GATE_NONE},
    {ENTRY(MTU), IPPROTO_IPV6, IPV6_MTU, TALKING, 0, MAXULONG, AF_INET6, NEEDS_PEER, WSKB_GATE_NONE},
    {ENTRY(RECEIVE_BROADCAST), IPPROTO_IP, IP_RECEIVE_BROADCAST, DATAGRAM, WSKB_CREATED_STATES, 1, AF_INET, 0,
     WSKB_GATE_NONE},
    {ENTRY(KEEP_IDLE), IPPROTO_TCP, TCP_KEEPIDLE, CONNECTION, WSKB_CREATED_STATES, MAXULONG, AF_UNSPEC, 0,
     WSKB_GATE_KEEP_TIMES},
    {ENTRY(KEEP_INTERVAL), IPPROTO_TCP, TCP_KEEPINTVL, CONNECTION, WSKB_CREATED_STATES, MAXULONG, AF_UNSPEC,
     0, WSKB_GATE_KEEP_TIMES},
    {ENTRY(KEEP_COUNT), IPPROTO_TCP, TCP_KEEPCNT, CONNECTION, WSKB_CREATED_STATES, 255, AF_UNSPEC, 0,
     WSKB_GATE_KEEP_COUNT},
    {ENTRY(SEND_BUFFER), 0, 0, TALKING, WSKB_CREATED_STATES, MAXLONG, AF_UNSPEC, 0, WSKB_GATE_NONE},
    CONTROL(RECEIVE_PACKET_INFO, IP_PKTINFO, IPV6_PKTINFO, WSKB_CREATED_STATES),
    CONTROL(RECEIVE_TRAFFIC_CLASS, IP_RECVTOS, IPV6_RECVTCLASS, WSKB_CREATED_STATES),
    CONTROL(RECEIVE_ECN, IP_RECVECN, IPV6_RECVECN, WSKB_CREATED_STATES),
    CONTROL(RECEIVE_HOP_LIMIT, IP_RECVTTL, IPV6_HOPLIMIT, WSKB_CREATED_STATES),
    CONTROL(RECEIVE_ERRORS, IP_RECVERR, IPV6_RECVERR, WSKB_UNBOUND_STATES),
    {ENTRY(RECEIVE_COALESCED), IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, DATAGRAM, WSKB_UNBOUND_STATES,
     MAXULONG, AF_UNSPEC, 0, WSKB_GATE_NONE},
    {ENTRY(RECEIVE_BACKLOG), 0, SIO_WSK_QUERY_RECEIVE_BACKLOG, CONNECTION, 0, MAXULONG, AF_UNSPEC,
     QUERIES | NEEDS_PEER, WSKB_GATE_NONE},
};

static const WSKB_OPTION_ENTRY* FindOption(PWSKB_SOCKET Socket, ULONG Option)
{
    for (ULONG Index = 0; Index < ARRAYSIZE(Options); Index++) {
        const WSKB_OPTION_ENTRY* Entry = &Options[Index];
        if (Entry->Option == Option && (Entry->Categories & Socket->Category) &&
            (Entry->Family == AF_UNSPEC || Entry->Family == Socket->Family)) {
            return Entry;
        }
    }
    return NULL;
}

/* WSK's own status for an option that it lacks is not documented. */
static BOOLEAN IsMissing(PWSKB_DRIVER Driver, ULONG Option)
{
    return Option == WSKB_OPTION_RECEIVE_COALESCED &&
           !((ULONG)ReadAcquire(&Driver->Features) & WSKB_FEATURE_RECEIVE_COALESCED);
}

/* Finds the option that a request names, to set or get it. STATUS_NOT_SUPPORTED; STATUS_INFO_LENGTH_MISMATCH
 * for a wrong length. */
static NTSTATUS ReadOption(PWSKB_OPERATION Operation, BOOLEAN Set, const WSKB_OPTION_ENTRY** Entry)
{
    const WSKB_OPTION* Input = Operation->Input;
    *Entry = FindOption(Operation->Socket, Input->Option);
    if (*Entry == NULL || !WskbHasGate(Operation->Driver, (*Entry)->Gate) ||
        IsMissing(Operation->Driver, Input->Option)) {
        return STATUS_NOT_SUPPORTED;
    }
    if (Set ? (*Entry)->SetStates == 0 : ((*Entry)->Rules & SET_ONLY) != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    return Input->Length == (*Entry)->Length ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

/* Dispatch has checked that the output has room for the structure. */
static NTSTATUS FindRoom(PWSKB_OPERATION Operation, const WSKB_OPTION_ENTRY* Entry)
{
    return WdfRequestRetrieveOutputBuffer(Operation->Request, sizeof(WSKB_OPTION) + Entry->Length,
                                          &Operation->Output, NULL);
}

/* Every option that can be got is a number. */
static VOID WriteOption(PWSKB_OPERATION Operation, const WSKB_OPTION_ENTRY* Entry, ULONG Number)
{
    WSKB_OPTION* Output = Operation->Output;
    Output->Size = (ULONG)(sizeof(*Output) + sizeof(Number));
    Output->Option = Entry->Option;
    Output->Length = sizeof(Number);
    Output->Reserved = 0;
    RtlCopyMemory(Output + 1, &Number, sizeof(Number));
    Operation->Information = Output->Size;
}

/* ---- the driver's own options ------------------------------------------------------------------------- */

/* Where the value is stored; NULL for one of WSK's options. */
static volatile LONG* FindKept(PWSKB_SOCKET Socket, ULONG Option)
{
    switch (Option) {
    case WSKB_OPTION_NO_DELAY:
        return &Socket->Connection.NoDelay;
    case WSKB_OPTION_LINGER:
        return &Socket->Connection.Linger.Seconds;
    case WSKB_OPTION_SEND_BUFFER:
        return &Socket->SendBuffer;
    default:
        return NULL;
    }
}

/* Fails as a call into WSK would for a socket that is closing or dead. */
static NTSTATUS SetKept(PWSKB_SOCKET Socket, volatile LONG* Kept, ULONG Value)
{
    NTSTATUS Status = WskbSocketEnter(Socket);
    if (NT_SUCCESS(Status)) {
        InterlockedExchange(Kept, (LONG)Value);
        WskbSocketLeave(Socket);
    }
    return Status;
}

static NTSTATUS GetKept(PWSKB_OPERATION Operation, volatile LONG* Kept)
{
    NTSTATUS Status = WskbSocketEnter(Operation->Socket);
    if (NT_SUCCESS(Status)) {
        WriteOption(Operation, Operation->Option.Entry, (ULONG)ReadAcquire(Kept));
        WskbSocketLeave(Operation->Socket);
    }
    return Status;
}

/* ---- WSK's options ----------------------------------------------------------------------------------- */

static ULONG InOrder(const WSKB_OPTION_ENTRY* Entry, ULONG Number)
{
    return (Entry->Rules & NETWORK_ORDER) ? RtlUlongByteSwap(Number) : Number;
}

static NTSTATUS PrepareNumber(PWSKB_OPERATION Operation, const WSKB_OPTION_ENTRY* Entry)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    ULONG Number;

    RtlCopyMemory(&Number, (const WSKB_OPTION*)Operation->Input + 1, sizeof(Number));
    if (Number > Entry->Maximum) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!(Entry->SetStates & (ULONG)ReadAcquire(&Socket->State))) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    volatile LONG* Kept = FindKept(Socket, Entry->Option);
    if (Kept != NULL) {
        return SetKept(Socket, Kept, Number);
    }
    Operation->Option.Number = InOrder(Entry, Number);
    return WSKB_CALL_FOLLOWS;
}

static NTSTATUS PrepareWide(PWSKB_OPERATION Operation, const WSKB_OPTION_ENTRY* Entry)
{
    NTSTATUS Status = WskbMakeGroupRequest(Operation->Socket, (const WSKB_OPTION*)Operation->Input + 1,
                                           (Entry->Rules & NAMES_SOURCE) != 0, &Operation->Option.Wide);
    return NT_SUCCESS(Status) ? WSKB_CALL_FOLLOWS : Status;
}

/* Dispatch has checked that Size covers the structure and is not larger than the input. */
static NTSTATUS PrepareSetOption(PWSKB_OPERATION Operation)
{
    const WSKB_OPTION* Input = Operation->Input;
    const WSKB_OPTION_ENTRY* Entry;

    NTSTATUS Status = ReadOption(Operation, TRUE, &Entry);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Input->Size - sizeof(*Input) < Entry->Length) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Operation->Option.Entry = Entry;
    return Entry->Length == sizeof(ULONG) ? PrepareNumber(Operation, Entry) : PrepareWide(Operation, Entry);
}

static VOID CallSetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_OPTION_ENTRY* Entry = Operation->Option.Entry;
    PVOID Value = Operation->Option.Wide;
    SIZE_T Length = (Entry->Rules & NAMES_SOURCE) ? sizeof(GROUP_SOURCE_REQ) : sizeof(GROUP_REQ);
    if (Value == NULL) {
        Value = &Operation->Option.Number;
        Length = sizeof(Operation->Option.Number);
    }
    (VOID) Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskSetOption, Entry->Name, Entry->Level,
                                               Length, Value, 0, NULL, NULL, Operation->Irp);
}

/* With these a received payload may be several datagrams, or an ICMP error, and only control information
 * shows that. They are set before BIND, so no receive is in flight. */
static BOOLEAN NeedsControl(ULONG Option)
{
    return Option == WSKB_OPTION_RECEIVE_ERRORS || Option == WSKB_OPTION_RECEIVE_ERRORS_V4 ||
           Option == WSKB_OPTION_RECEIVE_COALESCED;
}

static VOID FinishSetOption(PWSKB_OPERATION Operation)
{
    if (Operation->Option.Wide != NULL) {
        ExFreePoolWithTag(Operation->Option.Wide, WSKB_TAG_OPTION);
    }
    if (NT_SUCCESS(Operation->Status) && Operation->Option.Number != 0 &&
        NeedsControl(Operation->Option.Entry->Option)) {
        InterlockedExchange(&Operation->Socket->Datagram.NeedsControl, 1);
    }
    Operation->Information = 0;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SET_OPTION) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_ANY_CATEGORY,
    .States = WSKB_CREATED_STATES,
    .Kind = WskbControl,
    .Prepare = PrepareSetOption,
    .Call = CallSetOption,
    .Finish = FinishSetOption,
};

static BOOLEAN HasPeer(PWSKB_SOCKET Socket)
{
    if (Socket->Category == WSKB_CATEGORY_DATAGRAM) {
        return (ReadAcquire(&Socket->Datagram.FixedAddress) & WSKB_FIXED_REMOTE) != 0;
    }
    return ReadAcquire(&Socket->State) == WskbConnected;
}

static NTSTATUS PrepareGetOption(PWSKB_OPERATION Operation)
{
    const WSKB_OPTION_ENTRY* Entry;

    NTSTATUS Status = ReadOption(Operation, FALSE, &Entry);
    if (NT_SUCCESS(Status)) {
        Status = FindRoom(Operation, Entry);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Operation->Option.Entry = Entry;
    volatile LONG* Kept = FindKept(Operation->Socket, Entry->Option);
    return Kept != NULL ? GetKept(Operation, Kept) : WSKB_CALL_FOLLOWS;
}

static VOID CallGetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_OPTION_ENTRY* Entry = Operation->Option.Entry;
    if (Entry->Rules & QUERIES) {
        (VOID) Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskIoctl, Entry->Name, 0, 0, NULL,
                                                   sizeof(Operation->Option.Count), &Operation->Option.Count,
                                                   NULL, Operation->Irp);
        return;
    }
    (VOID) Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskGetOption, Entry->Name, Entry->Level, 0,
                                               NULL, sizeof(Operation->Option.Number),
                                               &Operation->Option.Number, NULL, Operation->Irp);
}

/* Every option is documented as a ULONG, but WSK may return SO_KEEPALIVE as one byte. Number was zeroed
 * before. */
static NTSTATUS CheckSize(PWSKB_OPERATION Operation)
{
    SIZE_T Size = Operation->Information;
    if (Operation->Option.Entry->Rules & QUERIES) {
        Operation->Option.Number =
            Operation->Option.Count < MAXULONG ? (ULONG)Operation->Option.Count : MAXULONG;
        return Size == sizeof(Operation->Option.Count) ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Operation->Option.Entry->Maximum == 1 && Size == sizeof(UCHAR)) {
        Operation->Option.Number = (UCHAR)Operation->Option.Number;
        return STATUS_SUCCESS;
    }
    return Size == sizeof(Operation->Option.Number) ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

/* WSK has the option, but there is no path to a peer yet. */
static BOOLEAN FailedWithoutPeer(PWSKB_OPERATION Operation)
{
    return (Operation->Option.Entry->Rules & NEEDS_PEER) && Operation->Status != STATUS_NOT_SUPPORTED &&
           Operation->Status != STATUS_CANCELLED && Operation->Status != STATUS_FILE_FORCED_CLOSED &&
           Operation->Status != STATUS_FILE_CLOSED && !HasPeer(Operation->Socket);
}

static VOID FinishGetOption(PWSKB_OPERATION Operation)
{
    const WSKB_OPTION_ENTRY* Entry = Operation->Option.Entry;
    if (NT_SUCCESS(Operation->Status)) {
        Operation->Status = CheckSize(Operation);
    } else if (FailedWithoutPeer(Operation)) {
        Operation->Status = STATUS_INVALID_DEVICE_STATE;
    }
    Operation->Information = 0;
    if (NT_SUCCESS(Operation->Status)) {
        ULONG Number = InOrder(Entry, Operation->Option.Number);
        WriteOption(Operation, Entry, Entry->Maximum == 1 ? Number != 0 : Number);
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_OPTION) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_ANY_CATEGORY,
    .States = WSKB_CREATED_STATES,
    .Kind = WskbControl,
    .Prepare = PrepareGetOption,
    .Call = CallGetOption,
    .Finish = FinishGetOption,
};
