/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram sockets: SEND_TO, RECEIVE_FROM, and the two IOCTLs that fix an address.
 */
#include "address.h"
#include "control.h"
#include "dispatch.h"

/* ---- SET_REMOTE_ADDRESS, SET_SENDTO_ADDRESS ---------------------------------------------------------- */

/* An IOCTL without an address clears the fixed one. */
static BOOLEAN Clears(PWSKB_OPERATION Operation)
{
    return Operation->Fix.Address.si_family == AF_UNSPEC;
}

/* An address counts as cleared before WSK clears it, so that no SEND_TO relies on it any more. */
static NTSTATUS BeginFixing(PWSKB_OPERATION Operation)
{
    volatile LONG* FixedAddress = &Operation->Socket->Datagram.FixedAddress;
    LONG Before = InterlockedOr(FixedAddress, WSKB_FIXING);
    if (Before & WSKB_FIXING) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    Operation->Fix.FixedBefore = (ULONG)Before & Operation->Fix.Fixed;
    if (Clears(Operation)) {
        InterlockedAnd(FixedAddress, ~(LONG)Operation->Fix.Fixed);
    }
    return WSKB_CALL_FOLLOWS;
}

static NTSTATUS PrepareFix(PWSKB_OPERATION Operation, ULONG Fixed)
{
    const WSKB_ADDRESS* Input = Operation->Input;
    NTSTATUS Status = STATUS_SUCCESS;

    Operation->Fix.Fixed = Fixed;
    if (Input->Address.Family != WSKB_AF_UNSPEC) {
        Status = WskbReadAddress(Operation->Socket, &Input->Address, &Operation->Fix.Address);
    }
    return NT_SUCCESS(Status) ? BeginFixing(Operation) : Status;
}

static NTSTATUS PrepareSetRemoteAddress(PWSKB_OPERATION Operation)
{
    return PrepareFix(Operation, WSKB_FIXED_REMOTE);
}

static NTSTATUS PrepareSetSendToAddress(PWSKB_OPERATION Operation)
{
    return PrepareFix(Operation, WSKB_FIXED_SENDTO);
}

static VOID CallFix(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    ULONG Code =
        Operation->Fix.Fixed == WSKB_FIXED_REMOTE ? SIO_WSK_SET_REMOTE_ADDRESS : SIO_WSK_SET_SENDTO_ADDRESS;
    BOOLEAN Clear = Clears(Operation);
    (VOID) Socket->Wsk.Basic->WskControlSocket(
        Socket->WskSocket, WskIoctl, Code, 0, Clear ? 0 : WskbAddressLength(Socket),
        Clear ? NULL : (PVOID)&Operation->Fix.Address, 0, NULL, NULL, Operation->Irp);
}

/* Control information of datagrams to the address has the form of its IP version. */
static VOID NoteVersion(PWSKB_OPERATION Operation)
{
    volatile LONG* FixedAddress = &Operation->Socket->Datagram.FixedAddress;
    LONG Mapped = Operation->Fix.Fixed == WSKB_FIXED_REMOTE ? WSKB_MAPPED_REMOTE : WSKB_MAPPED_SENDTO;
    if (WskbIsVersion4(&Operation->Fix.Address)) {
        InterlockedOr(FixedAddress, Mapped);
    } else {
        InterlockedAnd(FixedAddress, ~Mapped);
    }
}

/* A cleared address counts as fixed again if WSK refuses or was not called. */
static VOID FinishFix(PWSKB_OPERATION Operation)
{
    volatile LONG* FixedAddress = &Operation->Socket->Datagram.FixedAddress;
    BOOLEAN Succeeded = NT_SUCCESS(Operation->Status);
    if (!Clears(Operation) && Succeeded) {
        NoteVersion(Operation);
        InterlockedOr(FixedAddress, (LONG)Operation->Fix.Fixed);
    } else if (Clears(Operation) && !Succeeded) {
        InterlockedOr(FixedAddress, (LONG)Operation->Fix.FixedBefore);
    }
    InterlockedAnd(FixedAddress, ~WSKB_FIXING);
    Operation->Information = 0;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SET_REMOTE_ADDRESS) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .States = WskbBound,
    .Kind = WskbControl,
    .Prepare = PrepareSetRemoteAddress,
    .Call = CallFix,
    .Finish = FinishFix,
};

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SET_SENDTO_ADDRESS) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .States = WskbBound,
    .Kind = WskbControl,
    .Prepare = PrepareSetSendToAddress,
    .Call = CallFix,
    .Finish = FinishFix,
};

/* ---- SEND_TO ----------------------------------------------------------------------------------------- */

_Use_decl_annotations_ NTSTATUS WskbReadTarget(PWSKB_SOCKET Socket, const WSKB_SOCKADDR* Source,
                                               PSOCKADDR_INET Target)
{
    if (Source->Family != WSKB_AF_UNSPEC) {
        return WskbReadAddress(Socket, Source, Target);
    }
    LONG Fixed = ReadAcquire(&Socket->Datagram.FixedAddress) & (WSKB_FIXED_REMOTE | WSKB_FIXED_SENDTO);
    BOOLEAN IsFixed = Fixed != 0;
    return IsFixed ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_STATE;
}

static NTSTATUS PrepareSendTo(PWSKB_OPERATION Operation)
{
    const WSKB_SEND_TO* Input = Operation->Input;
    if (Operation->PayloadLength > WSKB_MAXIMUM_DATAGRAM) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    NTSTATUS Status = WskbReadTarget(Operation->Socket, &Input->RemoteAddress, &Operation->SendTo.Address);
    if (NT_SUCCESS(Status) && Operation->Flags != 0) {
        ULONG Next;
        Status = WskbReadControl(Operation, Input->Size, &Operation->SendTo.Address, &Next,
                                 &Operation->SendTo.Control);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WskbOperationSetBuffer(Operation, 0);
    return WSKB_CALL_FOLLOWS;
}

static VOID CallSendTo(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_CONTROL_BLOCK Control = Operation->SendTo.Control;
    BOOLEAN Fixed = Operation->SendTo.Address.si_family == AF_UNSPEC;
    (VOID) Socket->Wsk.Datagram->WskSendTo(
        Socket->WskSocket, &Operation->Buffer, 0, Fixed ? NULL : (PSOCKADDR)&Operation->SendTo.Address,
        Control == NULL ? 0 : Control->Length, Control == NULL ? NULL : (PCMSGHDR)Control->Messages,
        Operation->Irp);
}

/* A send with segments that was cancelled while sending has sent its first segments. */
static VOID FinishSendTo(PWSKB_OPERATION Operation)
{
    WSKB_COUNTERS* Counters = &Operation->Driver->Counters;
    WskbOperationClampInformation(Operation);
    WskbOperationPreferBytes(Operation);
    if (NT_SUCCESS(Operation->Status)) {
        InterlockedAdd64(&Counters->SentDatagrams,
                         WskbCountSegments(Operation->SendTo.Control, Operation->Information));
        InterlockedAdd64(&Counters->SentBytes, (LONG64)Operation->Information);
    } else {
        Operation->Information = 0;
    }
    WskbFreeControl(Operation->SendTo.Control);
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SEND_TO) = {
    .Flags = WSKB_ALL(WSKB_SEND_TO_FLAGS),
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .States = WskbBound,
    .Kind = WskbTransfer,
    .Direction = WskbSending,
    .Prepare = PrepareSendTo,
    .Call = CallSendTo,
    .Finish = FinishSendTo,
};

/* ---- RECEIVE_FROM ------------------------------------------------------------------------------------ */

/* What is before the payload. */
static ULONG PrefixLength(PWSKB_OPERATION Operation)
{
    return (ULONG)sizeof(WSKB_DATAGRAM) +
           (Operation->Flags & WSKB_RECEIVE_FROM_CONTROL ? (ULONG)sizeof(WSKB_CONTROL_INFO) : 0);
}

static NTSTATUS CheckReceiveFrom(PWSKB_OPERATION Operation)
{
    if (!(Operation->Flags & WSKB_RECEIVE_FROM_CONTROL) &&
        ReadAcquire(&Operation->Socket->Datagram.NeedsControl)) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    return Operation->PayloadLength < PrefixLength(Operation) ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}

/* The prefix is mapped here, where the request can still fail; it is written once a datagram has arrived. */
static NTSTATUS PrepareReceiveFrom(PWSKB_OPERATION Operation)
{
    NTSTATUS Status = CheckReceiveFrom(Operation);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Operation->Output =
        MmGetSystemAddressForMdlSafe(Operation->Payload, NormalPagePriority | MdlMappingNoExecute);
    if (Operation->Output == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!WskbRingChoose(&Operation->Socket->Datagram.Ring, WskbReceiveEach)) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (Operation->Flags & WSKB_RECEIVE_FROM_CONTROL) {
        Status = WskbMakeControlRoom((UCHAR*)Operation->Output + sizeof(WSKB_DATAGRAM),
                                     &Operation->Datagram.Control);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
    }
    WskbOperationSetBuffer(Operation, PrefixLength(Operation));
    return WSKB_CALL_FOLLOWS;
}

/* WSK reports flags, and with them truncation, only to callers that give a control length. */
static VOID CallReceiveFrom(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_CONTROL_BLOCK Control = Operation->Datagram.Control;
    (VOID) Socket->Wsk.Datagram->WskReceiveFrom(
        Socket->WskSocket, &Operation->Buffer, 0, (PSOCKADDR)&Operation->Datagram.RemoteAddress,
        Control == NULL ? &Operation->Datagram.ControlLength : &Control->Length,
        Control == NULL ? NULL : (PCMSGHDR)Control->Messages, &Operation->Datagram.ControlFlags,
        Operation->Irp);
}

static ULONG DatagramFlags(ULONG ControlFlags)
{
    return (ControlFlags & MSG_TRUNC ? WSKB_DATAGRAM_TRUNCATED : 0) |
           (ControlFlags & MSG_CTRUNC ? WSKB_DATAGRAM_CONTROL_TRUNCATED : 0) |
           (ControlFlags & MSG_BCAST ? WSKB_DATAGRAM_BROADCAST : 0) |
           (ControlFlags & MSG_MCAST ? WSKB_DATAGRAM_MULTICAST : 0);
}

static VOID WritePrefix(PWSKB_OPERATION Operation)
{
    WSKB_DATAGRAM Prefix = {0};
    Prefix.Size = sizeof(Prefix);
    Prefix.Flags = DatagramFlags(Operation->Datagram.ControlFlags);
    if (Operation->Datagram.Control != NULL &&
        WskbWriteControl(Operation->Socket, Operation->Datagram.Control)) {
        Prefix.Flags |= WSKB_DATAGRAM_ERROR;
    }
    Prefix.Length = (ULONG)Operation->Information;
    WskbWriteAddress(&Operation->Datagram.RemoteAddress, &Prefix.RemoteAddress);
    RtlCopyMemory(Operation->Output, &Prefix, sizeof(Prefix)); /* the caller's memory need not be aligned */
}

static VOID ConcludeReceiveFrom(PWSKB_OPERATION Operation)
{
    WSKB_COUNTERS* Counters = &Operation->Driver->Counters;
    WskbOperationClampInformation(Operation);
    WskbOperationPreferBytes(Operation);
    if (Operation->Status == STATUS_BUFFER_OVERFLOW) {
        Operation->Datagram.ControlFlags |= MSG_TRUNC;
    } else if (!NT_SUCCESS(Operation->Status)) {
        Operation->Information = 0;
        return;
    }
    InterlockedIncrement64(&Counters->ReceivedDatagrams);
    InterlockedAdd64(&Counters->ReceivedBytes, (LONG64)Operation->Information);
    WritePrefix(Operation);
    Operation->Status =
        Operation->Datagram.ControlFlags & MSG_TRUNC ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
    Operation->Information += PrefixLength(Operation);
}

static VOID FinishReceiveFrom(PWSKB_OPERATION Operation)
{
    ConcludeReceiveFrom(Operation);
    WskbFreeControl(Operation->Datagram.Control);
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(RECEIVE_FROM) = {
    .Flags = WSKB_ALL(WSKB_RECEIVE_FROM_FLAGS),
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .States = WskbBound,
    .Kind = WskbTransfer,
    .Direction = WskbReceiving,
    .Prepare = PrepareReceiveFrom,
    .Call = CallReceiveFrom,
    .Finish = FinishReceiveFrom,
};
