/* SPDX-License-Identifier: Apache-2.0
 *
 * Control information of datagrams; control.h describes the block.
 */
#include "control.h"

#define ECN_MASK     0x3u
#define MAXIMUM_ECN  3u
#define MAXIMUM_BYTE 255u

/* The largest that a send or a receive can have: packet info of IPv6, traffic class, ECN, hop limit, segment
 * size, ICMP error. */
C_ASSERT(WSA_CMSG_SPACE(sizeof(IN6_PKTINFO)) + 4 * WSA_CMSG_SPACE(sizeof(INT)) +
             WSA_CMSG_SPACE(sizeof(IN_RECVERR)) <=
         RTL_FIELD_SIZE(WSKB_CONTROL_BLOCK, Messages));
C_ASSERT(WSKB_IPPROTO_ICMP == (ULONG)IPPROTO_ICMP && WSKB_IPPROTO_ICMPV6 == (ULONG)IPPROTO_ICMPV6);

static PWSKB_CONTROL_BLOCK Allocate(VOID)
{
    return WskbAllocateZeroed(sizeof(WSKB_CONTROL_BLOCK), WSKB_TAG_CONTROL);
}

_Use_decl_annotations_ VOID WskbFreeControl(PWSKB_CONTROL_BLOCK Block)
{
    if (Block != NULL) {
        ExFreePoolWithTag(Block, WSKB_TAG_CONTROL);
    }
}

_Use_decl_annotations_ LONG64 WskbCountSegments(const WSKB_CONTROL_BLOCK* Block, ULONG_PTR Bytes)
{
    if (Block == NULL || Block->SegmentSize == 0 || Bytes == 0) {
        return 1;
    }
    return (LONG64)((Bytes + Block->SegmentSize - 1) / Block->SegmentSize);
}

/* ---- sending ----------------------------------------------------------------------------------------- */

/* ::ffff:0:0/96 */
static BOOLEAN IsMapped(const IN6_ADDR* Address)
{
    const USHORT* Word = Address->u.Word;
    return (Word[0] | Word[1] | Word[2] | Word[3] | Word[4]) == 0 && Word[5] == 0xFFFF;
}

_Use_decl_annotations_ BOOLEAN WskbIsVersion4(const SOCKADDR_INET* Address)
{
    return Address->si_family != AF_INET6 || IsMapped(&Address->Ipv6.sin6_addr);
}

/* Whether a datagram to Target is an IPv4 one. */
static BOOLEAN TargetIsVersion4(PWSKB_SOCKET Socket, const SOCKADDR_INET* Target)
{
    if (Target->si_family != AF_UNSPEC) {
        return WskbIsVersion4(Target);
    }
    if (Socket->Family == AF_INET) {
        return TRUE;
    }
    ULONG Fixed = (ULONG)ReadAcquire(&Socket->Datagram.FixedAddress);
    ULONG Mapped = Fixed & WSKB_FIXED_SENDTO ? WSKB_MAPPED_SENDTO : WSKB_MAPPED_REMOTE;
    return (Fixed & Mapped) != 0;
}

/* The structure, and with it that the caller has all of it. */
static NTSTATUS FindControl(PWSKB_OPERATION Operation, ULONG Offset, const WSKB_CONTROL_INFO** Info)
{
    ULONG Left = Operation->InputLength - Offset;
    const WSKB_CONTROL_INFO* Found = (const WSKB_CONTROL_INFO*)((const UCHAR*)Operation->Input + Offset);

    if (Offset % sizeof(ULONG) != 0 || Left < sizeof(*Found) || Found->Size < sizeof(*Found) ||
        Found->Size > Left || Found->Size % sizeof(ULONG) != 0) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    *Info = Found;
    return STATUS_SUCCESS;
}

static BOOLEAN IsWithin(const WSKB_CONTROL_INFO* Info, ULONG Bit, ULONG Value, ULONG Least, ULONG Most)
{
    return !(Info->Present & Bit) || (Value >= Least && Value <= Most);
}

/* The bit of an ICMP error is refused with the unknown ones: it is only received. */
static NTSTATUS CheckValues(const WSKB_CONTROL_INFO* Info)
{
    BOOLEAN Right = !(Info->Present & ~(WSKB_ALL(WSKB_CONTROL_BITS) & ~WSKB_CONTROL_ERROR)) &&
                    IsWithin(Info, WSKB_CONTROL_TRAFFIC_CLASS, Info->TrafficClass, 0, MAXIMUM_BYTE) &&
                    IsWithin(Info, WSKB_CONTROL_ECN, Info->Ecn, 0, MAXIMUM_ECN) &&
                    IsWithin(Info, WSKB_CONTROL_HOP_LIMIT, Info->HopLimit, 1, MAXIMUM_BYTE) &&
                    IsWithin(Info, WSKB_CONTROL_SEGMENT_SIZE, Info->SegmentSize, 0, WSKB_MAXIMUM_DATAGRAM);
    return Right ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* The source has the socket's family and the datagram's IP version. */
static NTSTATUS CheckSource(PWSKB_SOCKET Socket, const WSKB_CONTROL_INFO* Info, BOOLEAN Version4)
{
    const WSKB_SOCKADDR* Source = &Info->LocalAddress;

    if (!(Info->Present & WSKB_CONTROL_PACKET_INFO) || Source->Family == WSKB_AF_UNSPEC) {
        return STATUS_SUCCESS;
    }
    if (Source->Family != Socket->Family) {
        return STATUS_INVALID_ADDRESS_COMPONENT;
    }
    if (Source->Port != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    IN6_ADDR Address;
    RtlCopyMemory(&Address, Source->V6.Address, sizeof(Address));
    BOOLEAN Same = Socket->Family == AF_INET || IsMapped(&Address) == Version4;
    return Same ? STATUS_SUCCESS : STATUS_INVALID_ADDRESS_COMPONENT;
}

static NTSTATUS CheckFeatures(PWSKB_DRIVER Driver, const WSKB_CONTROL_INFO* Info)
{
    ULONG Missing = WSKB_PROBED_FEATURES & ~(ULONG)ReadAcquire(&Driver->Features);

    if ((Info->Present & WSKB_CONTROL_TRAFFIC_CLASS) && (Missing & WSKB_FEATURE_SEND_TRAFFIC_CLASS)) {
        return STATUS_NOT_SUPPORTED;
    }
    if ((Info->Present & WSKB_CONTROL_SEGMENT_SIZE) && Info->SegmentSize != 0 &&
        (Missing & WSKB_FEATURE_SEND_SEGMENTS)) {
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_SUCCESS;
}

/* There is room for every message once. */
static VOID Put(PWSKB_CONTROL_BLOCK Block, INT Level, INT Type, const VOID* Data, ULONG Size)
{
    PCMSGHDR Message = (PCMSGHDR)(Block->Messages + Block->Length);
    Message->cmsg_len = WSA_CMSG_LEN(Size);
    Message->cmsg_level = Level;
    Message->cmsg_type = Type;
    RtlCopyMemory(WSA_CMSG_DATA(Message), Data, Size);
    Block->Length += (ULONG)WSA_CMSG_SPACE(Size);
    NT_ASSERT(Block->Length <= sizeof(Block->Messages));
}

static VOID PutSource4(PWSKB_CONTROL_BLOCK Block, PWSKB_SOCKET Socket, const WSKB_CONTROL_INFO* Info)
{
    IN_PKTINFO Packet = {0};
    Packet.ipi_ifindex = Info->Interface;
    if (Info->LocalAddress.Family != WSKB_AF_UNSPEC) {
        const UCHAR* Address =
            Socket->Family == AF_INET ? Info->LocalAddress.V4.Address : &Info->LocalAddress.V6.Address[12];
        RtlCopyMemory(&Packet.ipi_addr, Address, sizeof(Packet.ipi_addr));
    }
    Put(Block, IPPROTO_IP, IP_PKTINFO, &Packet, sizeof(Packet));
}

static VOID PutSource6(PWSKB_CONTROL_BLOCK Block, const WSKB_CONTROL_INFO* Info)
{
    IN6_PKTINFO Packet = {0};
    Packet.ipi6_ifindex = Info->Interface;
    if (Info->LocalAddress.Family != WSKB_AF_UNSPEC) {
        RtlCopyMemory(&Packet.ipi6_addr, Info->LocalAddress.V6.Address, sizeof(Packet.ipi6_addr));
    }
    Put(Block, IPPROTO_IPV6, IPV6_PKTINFO, &Packet, sizeof(Packet));
}

/* ECN alone has a message of its own. Together with the traffic class it is part of that one's byte. */
static VOID PutTrafficClass(PWSKB_CONTROL_BLOCK Block, const WSKB_CONTROL_INFO* Info, BOOLEAN Version4)
{
    INT Level = Version4 ? IPPROTO_IP : IPPROTO_IPV6;
    BOOLEAN HasEcn = (Info->Present & WSKB_CONTROL_ECN) != 0;
    ULONG Class = HasEcn ? (Info->TrafficClass & ~ECN_MASK) | Info->Ecn : Info->TrafficClass;

    if (Info->Present & WSKB_CONTROL_TRAFFIC_CLASS) {
        Put(Block, Level, Version4 ? IP_TOS : IPV6_TCLASS, &Class, sizeof(Class));
    } else if (HasEcn) {
        Put(Block, Level, Version4 ? IP_ECN : IPV6_ECN, &Info->Ecn, sizeof(Info->Ecn));
    }
}

static VOID PutAll(PWSKB_CONTROL_BLOCK Block, PWSKB_SOCKET Socket, const WSKB_CONTROL_INFO* Info,
                   BOOLEAN Version4)
{
    if ((Info->Present & WSKB_CONTROL_PACKET_INFO) && Version4) {
        PutSource4(Block, Socket, Info);
    } else if (Info->Present & WSKB_CONTROL_PACKET_INFO) {
        PutSource6(Block, Info);
    }
    PutTrafficClass(Block, Info, Version4);
    if (Info->Present & WSKB_CONTROL_HOP_LIMIT) {
        Put(Block, Version4 ? IPPROTO_IP : IPPROTO_IPV6, Version4 ? IP_TTL : IPV6_HOPLIMIT, &Info->HopLimit,
            sizeof(Info->HopLimit));
    }
    if ((Info->Present & WSKB_CONTROL_SEGMENT_SIZE) && Info->SegmentSize != 0) {
        Put(Block, IPPROTO_UDP, UDP_SEND_MSG_SIZE, &Info->SegmentSize, sizeof(Info->SegmentSize));
        Block->SegmentSize = Info->SegmentSize;
    }
}

static NTSTATUS CheckAll(PWSKB_OPERATION Operation, const WSKB_CONTROL_INFO* Info, BOOLEAN Version4)
{
    NTSTATUS Status = CheckValues(Info);
    if (NT_SUCCESS(Status)) {
        Status = CheckSource(Operation->Socket, Info, Version4);
    }
    if (NT_SUCCESS(Status)) {
        Status = CheckFeatures(Operation->Driver, Info);
    }
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbReadControl(PWSKB_OPERATION Operation, ULONG Offset,
                                                const SOCKADDR_INET* Target, ULONG* Next,
                                                PWSKB_CONTROL_BLOCK* Block)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    BOOLEAN Version4 = TargetIsVersion4(Socket, Target);
    const WSKB_CONTROL_INFO* Info = NULL;

    *Block = NULL;
    *Next = Offset;
    if (!(Operation->Flags & WSKB_SEND_TO_CONTROL)) {
        return STATUS_SUCCESS;
    }
    NTSTATUS Status = FindControl(Operation, Offset, &Info);
    if (NT_SUCCESS(Status)) {
        Status = CheckAll(Operation, Info, Version4);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *Next = Offset + Info->Size;
    if (Info->Present == 0) {
        return STATUS_SUCCESS;
    }
    PWSKB_CONTROL_BLOCK New = Allocate();
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    PutAll(New, Socket, Info, Version4);
    *Block = New;
    return STATUS_SUCCESS;
}

/* ---- receiving --------------------------------------------------------------------------------------- */

_Use_decl_annotations_ NTSTATUS WskbMakeControlRoom(PVOID Output, PWSKB_CONTROL_BLOCK* Block)
{
    *Block = Allocate();
    if (*Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    (*Block)->Output = Output;
    (*Block)->Length = sizeof((*Block)->Messages);
    return STATUS_SUCCESS;
}

/* The address of an IPv4 datagram; a dual-stack socket's is mapped. */
static VOID TakeLocal4(PWSKB_SOCKET Socket, const IN_PKTINFO* Packet, WSKB_CONTROL_INFO* Info)
{
    Info->Present |= WSKB_CONTROL_PACKET_INFO;
    Info->Interface = Packet->ipi_ifindex;
    Info->LocalAddress.Family = Socket->Family;
    if (Socket->Family == AF_INET) {
        RtlCopyMemory(Info->LocalAddress.V4.Address, &Packet->ipi_addr, sizeof(Packet->ipi_addr));
    } else {
        Info->LocalAddress.V6.Address[10] = 0xFF;
        Info->LocalAddress.V6.Address[11] = 0xFF;
        RtlCopyMemory(&Info->LocalAddress.V6.Address[12], &Packet->ipi_addr, sizeof(Packet->ipi_addr));
    }
}

static VOID TakeLocal6(const IN6_PKTINFO* Packet, WSKB_CONTROL_INFO* Info)
{
    Info->Present |= WSKB_CONTROL_PACKET_INFO;
    Info->Interface = Packet->ipi6_ifindex;
    Info->LocalAddress.Family = AF_INET6;
    RtlCopyMemory(Info->LocalAddress.V6.Address, &Packet->ipi6_addr, sizeof(Packet->ipi6_addr));
}

static VOID TakeError(const IN_RECVERR* Error, WSKB_CONTROL_INFO* Info)
{
    Info->Present |= WSKB_CONTROL_ERROR;
    Info->Protocol = (ULONG)Error->protocol;
    Info->Type = Error->type;
    Info->Code = Error->code;
    Info->Mtu = Error->info;
}

/* For the messages whose data is a number. */
static VOID TakeNumber(WSKB_CONTROL_INFO* Info, ULONG Bit, ULONG* Field, const VOID* Data)
{
    Info->Present |= Bit;
    RtlCopyMemory(Field, Data, sizeof(*Field));
}

/* What is in a message, and how long its data is at least. */
typedef enum _CONTENT {
    ContentOther,
    ContentLocal4,
    ContentLocal6,
    ContentTrafficClass,
    ContentEcn,
    ContentHopLimit,
    ContentSegmentSize,
    ContentError
} CONTENT;

static const struct {
    INT Level;
    INT Type;
    CONTENT Content;
    SIZE_T Size;
} Contents[] = {
    {IPPROTO_IP, IP_PKTINFO, ContentLocal4, sizeof(IN_PKTINFO)},
    {IPPROTO_IP, IP_TOS, ContentTrafficClass, sizeof(INT)},
    {IPPROTO_IP, IP_ECN, ContentEcn, sizeof(INT)},
    {IPPROTO_IP, IP_TTL, ContentHopLimit, sizeof(INT)},
    {IPPROTO_IP, IP_RECVERR, ContentError, sizeof(IN_RECVERR)},
    {IPPROTO_IPV6, IPV6_PKTINFO, ContentLocal6, sizeof(IN6_PKTINFO)},
    {IPPROTO_IPV6, IPV6_TCLASS, ContentTrafficClass, sizeof(INT)},
    {IPPROTO_IPV6, IPV6_ECN, ContentEcn, sizeof(INT)},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, ContentHopLimit, sizeof(INT)},
    {IPPROTO_IPV6, IPV6_RECVERR, ContentError, sizeof(IN_RECVERR)},
    {IPPROTO_UDP, UDP_COALESCED_INFO, ContentSegmentSize, sizeof(ULONG)},
};

static CONTENT ContentOf(const CMSGHDR* Message)
{
    for (ULONG Index = 0; Index < ARRAYSIZE(Contents); Index++) {
        if (Contents[Index].Level == Message->cmsg_level && Contents[Index].Type == Message->cmsg_type) {
            return Message->cmsg_len >= WSA_CMSG_LEN(Contents[Index].Size) ? Contents[Index].Content
                                                                           : ContentOther;
        }
    }
    return ContentOther;
}

static VOID Take(PWSKB_SOCKET Socket, const CMSGHDR* Message, WSKB_CONTROL_INFO* Info)
{
    const VOID* Data = WSA_CMSG_DATA(Message);

    switch (ContentOf(Message)) {
    case ContentLocal4:
        TakeLocal4(Socket, Data, Info);
        break;
    case ContentLocal6:
        TakeLocal6(Data, Info);
        break;
    case ContentTrafficClass:
        TakeNumber(Info, WSKB_CONTROL_TRAFFIC_CLASS, &Info->TrafficClass, Data);
        break;
    case ContentEcn:
        TakeNumber(Info, WSKB_CONTROL_ECN, &Info->Ecn, Data);
        break;
    case ContentHopLimit:
        TakeNumber(Info, WSKB_CONTROL_HOP_LIMIT, &Info->HopLimit, Data);
        break;
    case ContentSegmentSize:
        TakeNumber(Info, WSKB_CONTROL_SEGMENT_SIZE, &Info->SegmentSize, Data);
        break;
    case ContentError:
        TakeError(Data, Info);
        break;
    case ContentOther:
        break;
    }
}

/* WSK may report a length that is not the one it wrote, for instance when something did not fit. */
static VOID TakeAll(PWSKB_SOCKET Socket, PWSKB_CONTROL_BLOCK Block, WSKB_CONTROL_INFO* Info)
{
    ULONG Left = Block->Length <= sizeof(Block->Messages) ? Block->Length : (ULONG)sizeof(Block->Messages);
    const UCHAR* Place = Block->Messages;

    while (Left >= sizeof(CMSGHDR)) {
        const CMSGHDR* Message = (const CMSGHDR*)Place;
        if (Message->cmsg_len < sizeof(CMSGHDR) || Message->cmsg_len > Left) {
            break;
        }
        Take(Socket, Message, Info);
        SIZE_T Step = WSA_CMSGHDR_ALIGN(Message->cmsg_len);
        if (Step >= Left) {
            break;
        }
        Place += Step;
        Left -= (ULONG)Step;
    }
}

_Use_decl_annotations_ BOOLEAN WskbWriteControl(PWSKB_SOCKET Socket, PWSKB_CONTROL_BLOCK Block)
{
    WSKB_CONTROL_INFO Info = {0};

    Info.Size = sizeof(Info);
    TakeAll(Socket, Block, &Info);
    RtlCopyMemory(Block->Output, &Info, sizeof(Info));
    return (Info.Present & WSKB_CONTROL_ERROR) != 0;
}
