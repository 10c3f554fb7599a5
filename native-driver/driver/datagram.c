/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagram sockets: SEND_TO, RECEIVE_FROM, and the two ways to fix an address.
 */
#include "dispatch.h"

/* ---- SET_REMOTE_ADDRESS, SET_SENDTO_ADDRESS ---------------------------------------------------------- */

/* Value holds which address is fixed; without a remote address in the operation the IOCTL clears it. */
static VOID CallFixAddress(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    ULONG Code =
        Operation->Value == WSKB_FIXED_REMOTE ? SIO_WSK_SET_REMOTE_ADDRESS : SIO_WSK_SET_SENDTO_ADDRESS;
    BOOLEAN Clear = Operation->RemoteAddress.si_family == AF_UNSPEC;
    (VOID) WSKB_BASIC(Socket)->WskControlSocket(
        Socket->WskSocket, WskIoctl, Code, 0, Clear ? 0 : WskbAddressLength(Socket),
        Clear ? NULL : (PVOID)&Operation->RemoteAddress, 0, NULL, NULL, Operation->Irp);
}

/* Flags holds what was fixed before. An address counts as cleared before WSK clears it, so that no SEND_TO
 * relies on it any more. It counts as fixed again if WSK refuses. */
static VOID EndFixAddress(PWSKB_OPERATION Operation, NTSTATUS Status)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    BOOLEAN Clear = Operation->RemoteAddress.si_family == AF_UNSPEC;
    if (!Clear && NT_SUCCESS(Status)) {
        InterlockedOr(&Socket->FixedAddress, (LONG)Operation->Value);
    } else if (Clear && !NT_SUCCESS(Status)) {
        InterlockedOr(&Socket->FixedAddress, (LONG)Operation->Flags);
    }
    InterlockedAnd(&Socket->FixedAddress, ~WSKB_FIXING);
}

static VOID FinishFixAddress(PWSKB_OPERATION Operation)
{
    EndFixAddress(Operation, Operation->Status);
    Operation->Information = 0;
}

static NTSTATUS BeginFixAddress(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    LONG Before = InterlockedOr(&Socket->FixedAddress, WSKB_FIXING);
    if (Before & WSKB_FIXING) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    Operation->Flags = (ULONG)Before & Operation->Value;
    if (Operation->RemoteAddress.si_family == AF_UNSPEC) {
        InterlockedAnd(&Socket->FixedAddress, ~(LONG)Operation->Value);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FixAddress(PWSKB_CALL Call, ULONG Fixed)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallFixAddress, FinishFixAddress, WskbControl,
                                                     WskbNoDirection, FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_ADDRESS* Input = Call->Input;
    NTSTATUS Status = STATUS_SUCCESS;

    Operation->Value = Fixed;
    if (Input->Address.Family != WSKB_AF_UNSPEC) {
        Status = WskbReadAddress(Call->Socket, &Input->Address, &Operation->RemoteAddress);
    }
    if (NT_SUCCESS(Status)) {
        Status = BeginFixAddress(Operation);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = WskbOperationRun(Operation, &Routines);
    if (Status != STATUS_PENDING) {
        EndFixAddress(Operation, Status);
    }
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbSetRemoteAddress(PWSKB_CALL Call)
{
    return FixAddress(Call, WSKB_FIXED_REMOTE);
}

_Use_decl_annotations_ NTSTATUS WskbSetSendToAddress(PWSKB_CALL Call)
{
    return FixAddress(Call, WSKB_FIXED_SENDTO);
}

/* ---- SEND_TO ----------------------------------------------------------------------------------------- */

static VOID CallSendTo(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    BOOLEAN Fixed = Operation->RemoteAddress.si_family == AF_UNSPEC;
    (VOID) WSKB_DATAGRAMS(Socket)->WskSendTo(Socket->WskSocket, &Operation->Buffer, 0,
                                             Fixed ? NULL : (PSOCKADDR)&Operation->RemoteAddress, 0, NULL,
                                             Operation->Irp);
}

static VOID FinishSendTo(PWSKB_OPERATION Operation)
{
    WSKB_COUNTERS* Counters = &Operation->Socket->Driver->Counters;
    WskbClampInformation(Operation);
    if (NT_SUCCESS(Operation->Status)) {
        InterlockedIncrement64(&Counters->SentDatagrams);
        InterlockedAdd64(&Counters->SentBytes, (LONG64)Operation->Information);
    } else {
        Operation->Information = 0;
    }
}

static NTSTATUS ReadTarget(PWSKB_SOCKET Socket, const WSKB_SOCKADDR* Source, PSOCKADDR_INET Target)
{
    if (Source->Family != WSKB_AF_UNSPEC) {
        return WskbReadAddress(Socket, Source, Target);
    }
    return (ReadAcquire(&Socket->FixedAddress) & ~WSKB_FIXING) == 0 ? STATUS_INVALID_DEVICE_STATE
                                                                    : STATUS_SUCCESS;
}

_Use_decl_annotations_ NTSTATUS WskbSendTo(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallSendTo, FinishSendTo, WskbTransfer, WskbSending,
                                                     FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_SEND_TO* Input = Call->Input;

    if (Input->Flags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Call->PayloadLength > WSKB_MAXIMUM_DATAGRAM) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    NTSTATUS Status = ReadTarget(Call->Socket, &Input->RemoteAddress, &Operation->RemoteAddress);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WskbSetBuffer(Operation, Call, 0, Call->PayloadLength);
    return WskbOperationRun(Operation, &Routines);
}

/* ---- RECEIVE_FROM ------------------------------------------------------------------------------------ */

/* WSK reports flags, and with them truncation, only to callers that give a control length. */
static VOID CallReceiveFrom(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_DATAGRAMS(Socket)->WskReceiveFrom(
        Socket->WskSocket, &Operation->Buffer, 0, (PSOCKADDR)&Operation->RemoteAddress,
        &Operation->ControlLength, NULL, &Operation->ControlFlags, Operation->Irp);
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
    Prefix.Flags = DatagramFlags(Operation->ControlFlags);
    Prefix.Length = (ULONG)Operation->Information;
    WskbWriteAddress(&Operation->RemoteAddress, &Prefix.RemoteAddress);
    RtlCopyMemory(Operation->Output, &Prefix, sizeof(Prefix)); /* the caller's memory need not be aligned */
}

static VOID FinishReceiveFrom(PWSKB_OPERATION Operation)
{
    WSKB_COUNTERS* Counters = &Operation->Socket->Driver->Counters;
    WskbClampInformation(Operation);
    WskbBytesBeatCancellation(Operation);
    if (Operation->Status == STATUS_BUFFER_OVERFLOW) {
        Operation->ControlFlags |= MSG_TRUNC;
    } else if (!NT_SUCCESS(Operation->Status)) {
        Operation->Information = 0;
        return;
    }
    InterlockedIncrement64(&Counters->ReceivedDatagrams);
    InterlockedAdd64(&Counters->ReceivedBytes, (LONG64)Operation->Information);
    WritePrefix(Operation);
    Operation->Status = Operation->ControlFlags & MSG_TRUNC ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
    Operation->Information += sizeof(WSKB_DATAGRAM);
}

_Use_decl_annotations_ NTSTATUS WskbReceiveFrom(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallReceiveFrom, FinishReceiveFrom, WskbTransfer,
                                                     WskbReceiving, FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_TRANSFER* Input = Call->Input;

    if (Input->Flags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    /* Mapped here, where the request can still fail; the prefix is written after the datagram was taken. */
    Operation->Output = MmGetSystemAddressForMdlSafe(Call->Payload, NormalPagePriority | MdlMappingNoExecute);
    if (Operation->Output == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    WskbSetBuffer(Operation, Call, sizeof(WSKB_DATAGRAM), Call->PayloadLength - (ULONG)sizeof(WSKB_DATAGRAM));
    return WskbOperationRun(Operation, &Routines);
}
