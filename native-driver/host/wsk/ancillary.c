/* SPDX-License-Identifier: Apache-2.0
 *
 * Ancillary data of datagrams: between Windows' control messages and the backend's BACKEND_CONTROL, and the
 * options that say which messages a socket receives.
 *
 * Messages have the level of the datagram's IP version: on a dual-stack socket, IPv4 datagrams have those of
 * level IPPROTO_IP, and the options of that level are for them. IP_ECN and IP_TOS are two views of one byte;
 * a client that sends both gets the two low bits of IP_ECN.
 */
#include "wskp.h"

/* Bits of PROVIDER_SOCKET.Ancillary, for IPv4 as they are, for IPv6 shifted. */
#define WANT_PACKET_INFO   0x1u
#define WANT_TRAFFIC_CLASS 0x2u
#define WANT_ECN           0x4u
#define WANT_HOP_LIMIT     0x8u
#define WANT_ERRORS        0x10u
#define WANT_ALL           0xFFu
#define IPV6_SHIFT         8
#define WANT_IPV6(bits)    ((bits) << IPV6_SHIFT)
#define WANT_COALESCED     0x10000u

#define ECN_BITS 0x3u

/* A limit for coalesced datagrams below this turns coalescing off, because the system knows no limit but the
 * largest datagram. A limit allows less. */
#define COALESCED_LIMIT_MIN 65507u

/* ---- sending ----------------------------------------------------------------------------------------- */

/* What the messages of one send say. */
typedef struct _SENT {
    BACKEND_CONTROL* Control;
    BOOLEAN HasEcn;
    ULONG Ecn;
} SENT;

typedef NTSTATUS READ_MESSAGE(const VOID* Data, SENT* Sent);

static NTSTATUS ReadPacketInfo4(const VOID* Data, SENT* Sent)
{
    const IN_PKTINFO* Info = Data;
    BACKEND_CONTROL* Control = Sent->Control;

    Control->Present |= BACKEND_CONTROL_PACKET_INFO;
    Control->Interface = Info->ipi_ifindex;
    if (Info->ipi_addr.s_addr != INADDR_ANY) {
        Control->Local.Family = BACKEND_IPV4;
        RtlCopyMemory(Control->Local.Bytes, &Info->ipi_addr, sizeof(Info->ipi_addr));
    }
    return STATUS_SUCCESS;
}

static NTSTATUS ReadPacketInfo6(const VOID* Data, SENT* Sent)
{
    static const IN6_ADDR Any = IN6ADDR_ANY_INIT;
    const IN6_PKTINFO* Info = Data;
    BACKEND_CONTROL* Control = Sent->Control;

    Control->Present |= BACKEND_CONTROL_PACKET_INFO;
    Control->Interface = Info->ipi6_ifindex;
    if (!RtlEqualMemory(&Info->ipi6_addr, &Any, sizeof(Any))) {
        Control->Local.Family = BACKEND_IPV6;
        RtlCopyMemory(Control->Local.Bytes, &Info->ipi6_addr, sizeof(Info->ipi6_addr));
    }
    return STATUS_SUCCESS;
}

static NTSTATUS ReadTrafficClass(const VOID* Data, SENT* Sent)
{
    Sent->Control->Present |= BACKEND_CONTROL_TRAFFIC_CLASS;
    Sent->Control->TrafficClass = *(const ULONG*)Data;
    return (Sent->Control->TrafficClass <= MAXUCHAR) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS ReadEcn(const VOID* Data, SENT* Sent)
{
    Sent->HasEcn = TRUE;
    Sent->Ecn = *(const ULONG*)Data;
    return (Sent->Ecn <= ECN_BITS) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS ReadHopLimit(const VOID* Data, SENT* Sent)
{
    ULONG Limit = *(const ULONG*)Data;

    Sent->Control->Present |= BACKEND_CONTROL_HOP_LIMIT;
    Sent->Control->HopLimit = Limit;
    return (Limit != 0 && Limit <= MAXUCHAR) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Size 0 turns the socket's own segmentation off. */
static NTSTATUS ReadSegmentSize(const VOID* Data, SENT* Sent)
{
    Sent->Control->SegmentSize = *(const ULONG*)Data;
    return (Sent->Control->SegmentSize <= MAXUSHORT) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static const struct {
    LONG Level;
    LONG Type;
    SIZE_T Size; /* of the data */
    READ_MESSAGE* Read;
} Messages[] = {
    {IPPROTO_IP, IP_PKTINFO, sizeof(IN_PKTINFO), ReadPacketInfo4},
    {IPPROTO_IP, IP_TOS, sizeof(INT), ReadTrafficClass},
    {IPPROTO_IP, IP_ECN, sizeof(INT), ReadEcn},
    {IPPROTO_IP, IP_TTL, sizeof(INT), ReadHopLimit},
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(IN6_PKTINFO), ReadPacketInfo6},
    {IPPROTO_IPV6, IPV6_TCLASS, sizeof(INT), ReadTrafficClass},
    {IPPROTO_IPV6, IPV6_ECN, sizeof(INT), ReadEcn},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(INT), ReadHopLimit},
    {IPPROTO_UDP, UDP_SEND_MSG_SIZE, sizeof(ULONG), ReadSegmentSize},
};

static NTSTATUS ReadMessage(const CMSGHDR* Header, SENT* Sent)
{
    LONG Level = (Sent->Control->Family == BACKEND_IPV4) ? IPPROTO_IP : IPPROTO_IPV6;

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Messages); Index++) {
        if (Messages[Index].Level != Header->cmsg_level || Messages[Index].Type != Header->cmsg_type) {
            continue;
        }
        if (Header->cmsg_len != WSA_CMSG_LEN(Messages[Index].Size) ||
            (Header->cmsg_level != Level && Header->cmsg_level != IPPROTO_UDP)) {
            return STATUS_INVALID_PARAMETER;
        }
        return Messages[Index].Read(WSA_CMSG_DATA(Header), Sent);
    }
    return STATUS_NOT_SUPPORTED;
}

static NTSTATUS ReadMessages(const UCHAR* Info, SIZE_T Length, SENT* Sent)
{
    while (Length != 0) {
        const CMSGHDR* Header = (const CMSGHDR*)(const VOID*)Info;
        NTSTATUS Status;
        SIZE_T Step;

        if (Length < sizeof(*Header) || Header->cmsg_len < sizeof(*Header) || Header->cmsg_len > Length) {
            return STATUS_INVALID_PARAMETER;
        }
        Status = ReadMessage(Header, Sent);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Step = WSA_CMSGHDR_ALIGN(Header->cmsg_len);
        Step = (Step < Length) ? Step : Length;
        Info += Step;
        Length -= Step;
    }
    return STATUS_SUCCESS;
}

/* TrafficClass and SegmentSize are final when all messages were read. */
static void Conclude(SENT* Sent)
{
    BACKEND_CONTROL* Control = Sent->Control;

    if (Sent->HasEcn) {
        Control->Present |= BACKEND_CONTROL_TRAFFIC_CLASS;
        Control->TrafficClass = (Control->TrafficClass & ~ECN_BITS) | Sent->Ecn;
    }
    if (Control->SegmentSize != 0) {
        Control->Present |= BACKEND_CONTROL_SEGMENT_SIZE;
    }
}

NTSTATUS AncillaryRead(PPROVIDER_SOCKET Socket, uint16_t Version, const CMSGHDR* Info, ULONG Length,
                       BACKEND_CONTROL* Control)
{
    SENT Sent = {.Control = Control};
    NTSTATUS Status;

    RtlZeroMemory(Control, sizeof(*Control));
    Control->Family = Version;
    Control->SegmentSize = Socket->SegmentSize;
    if (Info == NULL && Length != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Status = ReadMessages((const UCHAR*)Info, Length, &Sent);
    if (NT_SUCCESS(Status)) {
        Conclude(&Sent);
    }
    return Status;
}

/* ---- receiving --------------------------------------------------------------------------------------- */

/* The client's buffer, and what is written so far. */
typedef struct _ROOM {
    UCHAR* Memory;
    ULONG Length;
    ULONG Used;
    BOOLEAN Truncated;
} ROOM;

static void Put(ROOM* Room, LONG Level, LONG Type, const VOID* Data, ULONG Size)
{
    ULONG Space = (ULONG)WSA_CMSG_SPACE(Size);
    PCMSGHDR Header = (PCMSGHDR)(PVOID)(Room->Memory + Room->Used);

    if (Room->Memory == NULL || Room->Length - Room->Used < Space) {
        Room->Truncated = TRUE;
        return;
    }
    RtlZeroMemory(Header, Space);
    Header->cmsg_len = WSA_CMSG_LEN(Size);
    Header->cmsg_level = Level;
    Header->cmsg_type = Type;
    RtlCopyMemory(WSA_CMSG_DATA(Header), Data, Size);
    Room->Used += Space;
}

static void PutNumber(ROOM* Room, LONG Level, LONG Type, ULONG Value)
{
    Put(Room, Level, Type, &Value, sizeof(Value));
}

static void PutError(ROOM* Room, LONG Level, LONG Type, const BACKEND_CONTROL* Control)
{
    IN_RECVERR Error = {.protocol = (IPPROTO)Control->ErrorProtocol,
                        .info = Control->ErrorMtu,
                        .type = (UINT8)Control->ErrorType,
                        .code = (UINT8)Control->ErrorCode};

    Put(Room, Level, Type, &Error, sizeof(Error));
}

/* Those of the IP version: both have the same, with other numbers. */
static void PutVersion4(ROOM* Room, ULONG Wanted, const BACKEND_CONTROL* Control)
{
    IN_PKTINFO Info = {.ipi_ifindex = Control->Interface};

    RtlCopyMemory(&Info.ipi_addr, Control->Local.Bytes, sizeof(Info.ipi_addr));
    if ((Wanted & WANT_PACKET_INFO) && (Control->Present & BACKEND_CONTROL_PACKET_INFO)) {
        Put(Room, IPPROTO_IP, IP_PKTINFO, &Info, sizeof(Info));
    }
    if ((Wanted & WANT_TRAFFIC_CLASS) && (Control->Present & BACKEND_CONTROL_TRAFFIC_CLASS)) {
        PutNumber(Room, IPPROTO_IP, IP_TOS, Control->TrafficClass);
    }
    if ((Wanted & WANT_ECN) && (Control->Present & BACKEND_CONTROL_TRAFFIC_CLASS)) {
        PutNumber(Room, IPPROTO_IP, IP_ECN, Control->TrafficClass & ECN_BITS);
    }
    if ((Wanted & WANT_HOP_LIMIT) && (Control->Present & BACKEND_CONTROL_HOP_LIMIT)) {
        PutNumber(Room, IPPROTO_IP, IP_TTL, Control->HopLimit);
    }
    if (Control->Present & BACKEND_CONTROL_ERROR) {
        PutError(Room, IPPROTO_IP, IP_RECVERR, Control);
    }
}

static void PutVersion6(ROOM* Room, ULONG Wanted, const BACKEND_CONTROL* Control)
{
    IN6_PKTINFO Info = {.ipi6_ifindex = Control->Interface};

    RtlCopyMemory(&Info.ipi6_addr, Control->Local.Bytes, sizeof(Info.ipi6_addr));
    if ((Wanted & WANT_PACKET_INFO) && (Control->Present & BACKEND_CONTROL_PACKET_INFO)) {
        Put(Room, IPPROTO_IPV6, IPV6_PKTINFO, &Info, sizeof(Info));
    }
    if ((Wanted & WANT_TRAFFIC_CLASS) && (Control->Present & BACKEND_CONTROL_TRAFFIC_CLASS)) {
        PutNumber(Room, IPPROTO_IPV6, IPV6_TCLASS, Control->TrafficClass);
    }
    if ((Wanted & WANT_ECN) && (Control->Present & BACKEND_CONTROL_TRAFFIC_CLASS)) {
        PutNumber(Room, IPPROTO_IPV6, IPV6_ECN, Control->TrafficClass & ECN_BITS);
    }
    if ((Wanted & WANT_HOP_LIMIT) && (Control->Present & BACKEND_CONTROL_HOP_LIMIT)) {
        PutNumber(Room, IPPROTO_IPV6, IPV6_HOPLIMIT, Control->HopLimit);
    }
    if (Control->Present & BACKEND_CONTROL_ERROR) {
        PutError(Room, IPPROTO_IPV6, IPV6_RECVERR, Control);
    }
}

ULONG AncillaryWrite(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* From, const BACKEND_CONTROL* Control,
                     PCMSGHDR Memory, ULONG Length, PBOOLEAN Truncated)
{
    ULONG Wanted = (ULONG)ReadAcquire(&Socket->Ancillary);
    ROOM Room = {.Memory = (UCHAR*)Memory, .Length = Length};

    if (AddressVersion(From) == BACKEND_IPV4) {
        PutVersion4(&Room, Wanted & WANT_ALL, Control);
    } else {
        PutVersion6(&Room, Wanted >> IPV6_SHIFT & WANT_ALL, Control);
    }
    if ((Wanted & WANT_COALESCED) && (Control->Present & BACKEND_CONTROL_SEGMENT_SIZE)) {
        PutNumber(&Room, IPPROTO_UDP, UDP_COALESCED_INFO, Control->SegmentSize);
    }
    *Truncated = Room.Truncated;
    return Room.Used;
}

BOOLEAN AncillaryIsWanted(PPROVIDER_SOCKET Socket)
{
    return ReadAcquire(&Socket->Ancillary) != 0;
}

BOOLEAN AncillaryHasErrors(PPROVIDER_SOCKET Socket)
{
    return ((ULONG)ReadAcquire(&Socket->Ancillary) & (WANT_ERRORS | WANT_IPV6(WANT_ERRORS))) != 0;
}

/* ---- options ----------------------------------------------------------------------------------------- */

/* Those that turn a message on. Two of them may need the same of the system. */
static const struct {
    ULONG Level;
    ULONG Code;
    ULONG Bit;
    BACKEND_OPTION Backend;
} Switches[] = {
    {IPPROTO_IP, IP_PKTINFO, WANT_PACKET_INFO, BackendPacketInfo4},
    {IPPROTO_IP, IP_RECVTOS, WANT_TRAFFIC_CLASS, BackendTrafficClass4},
    {IPPROTO_IP, IP_RECVECN, WANT_ECN, BackendTrafficClass4},
    {IPPROTO_IP, IP_RECVTTL, WANT_HOP_LIMIT, BackendHopLimit4},
    {IPPROTO_IP, IP_RECVERR, WANT_ERRORS, BackendErrors4},
    {IPPROTO_IPV6, IPV6_PKTINFO, WANT_IPV6(WANT_PACKET_INFO), BackendPacketInfo6},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, WANT_IPV6(WANT_TRAFFIC_CLASS), BackendTrafficClass6},
    {IPPROTO_IPV6, IPV6_RECVECN, WANT_IPV6(WANT_ECN), BackendTrafficClass6},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, WANT_IPV6(WANT_HOP_LIMIT), BackendHopLimit6},
    {IPPROTO_IPV6, IPV6_RECVERR, WANT_IPV6(WANT_ERRORS), BackendErrors6},
};

static ULONG FindSwitch(ULONG Level, ULONG Code)
{
    ULONG Index = 0;

    while (Index < RTL_NUMBER_OF(Switches) &&
           (Switches[Index].Level != Level || Switches[Index].Code != Code)) {
        Index++;
    }
    return Index;
}

BOOLEAN AncillaryIsOption(ULONG Level, ULONG Code)
{
    return FindSwitch(Level, Code) < RTL_NUMBER_OF(Switches) ||
           (Level == IPPROTO_IPV6 && Code == IPV6_TCLASS) ||
           (Level == IPPROTO_UDP && (Code == UDP_SEND_MSG_SIZE || Code == UDP_RECV_MAX_COALESCED_SIZE));
}

/* A socket has the options of an IP version that it takes. */
static NTSTATUS CheckVersion(PPROVIDER_SOCKET Socket, ULONG Level)
{
    if (Level == IPPROTO_IPV6 && Socket->Family != AF_INET6) {
        return STATUS_NOT_SUPPORTED;
    }
    if (Level == IPPROTO_IP && Socket->Family == AF_INET6 && Socket->V6Only) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* Whether the options still need something of the system. */
static BOOLEAN IsNeeded(ULONG Wanted, BACKEND_OPTION Option)
{
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Switches); Index++) {
        if (Switches[Index].Backend == Option && (Wanted & Switches[Index].Bit)) {
            return TRUE;
        }
    }
    return FALSE;
}

static NTSTATUS SetSwitch(PPROVIDER_SOCKET Socket, ULONG Index, BOOLEAN On)
{
    ULONG Wanted = (ULONG)ReadAcquire(&Socket->Ancillary) & ~Switches[Index].Bit;
    NTSTATUS Status;

    Wanted |= On ? Switches[Index].Bit : 0;
    Status = StatusFromBackend(
        BackendSetOption(Socket->Handle, Switches[Index].Backend, IsNeeded(Wanted, Switches[Index].Backend)));
    if (NT_SUCCESS(Status)) {
        WriteRelease(&Socket->Ancillary, (LONG)Wanted);
    }
    return Status;
}

static NTSTATUS SetCoalescedLimit(PPROVIDER_SOCKET Socket, ULONG Limit)
{
    BOOLEAN On = (Limit >= COALESCED_LIMIT_MIN);
    ULONG Wanted = (ULONG)ReadAcquire(&Socket->Ancillary) & ~WANT_COALESCED;
    NTSTATUS Status = StatusFromBackend(BackendSetOption(Socket->Handle, BackendCoalesce, On));

    if (NT_SUCCESS(Status)) {
        Socket->CoalescedLimit = Limit;
        WriteRelease(&Socket->Ancillary, (LONG)(Wanted | (On ? WANT_COALESCED : 0)));
    }
    return Status;
}

NTSTATUS AncillarySetOption(PPROVIDER_SOCKET Socket, ULONG Level, ULONG Code, ULONG Value)
{
    ULONG Index = FindSwitch(Level, Code);
    NTSTATUS Status = CheckVersion(Socket, Level);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Index < RTL_NUMBER_OF(Switches)) {
        return SetSwitch(Socket, Index, Value != 0);
    }
    if (Level != IPPROTO_UDP) {
        return STATUS_NOT_SUPPORTED; /* IPV6_TCLASS is only sent with single datagrams */
    }
    if (Code == UDP_RECV_MAX_COALESCED_SIZE) {
        return SetCoalescedLimit(Socket, Value);
    }
    if (Value > MAXUSHORT) {
        return STATUS_INVALID_PARAMETER;
    }
    Socket->SegmentSize = Value;
    return STATUS_SUCCESS;
}

/* A client finds out by reading IPV6_TCLASS whether it can be sent, as on Windows. */
static NTSTATUS GetTrafficClass(PULONG Value)
{
    *Value = 0;
    return BackendSendsControl() ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

static NTSTATUS GetCoalescedLimit(PPROVIDER_SOCKET Socket, PULONG Value)
{
    uint32_t Ignored;

    *Value = Socket->CoalescedLimit;
    return StatusFromBackend(BackendGetOption(Socket->Handle, BackendCoalesce, &Ignored));
}

NTSTATUS AncillaryGetOption(PPROVIDER_SOCKET Socket, ULONG Level, ULONG Code, PULONG Value)
{
    ULONG Index = FindSwitch(Level, Code);
    NTSTATUS Status = CheckVersion(Socket, Level);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Index < RTL_NUMBER_OF(Switches)) {
        uint32_t Ignored;

        *Value = ((ULONG)ReadAcquire(&Socket->Ancillary) & Switches[Index].Bit) != 0;
        return StatusFromBackend(BackendGetOption(Socket->Handle, Switches[Index].Backend, &Ignored));
    }
    if (Level == IPPROTO_IPV6) {
        return GetTrafficClass(Value);
    }
    if (Code == UDP_RECV_MAX_COALESCED_SIZE) {
        return GetCoalescedLimit(Socket, Value);
    }
    *Value = Socket->SegmentSize;
    return STATUS_SUCCESS;
}
