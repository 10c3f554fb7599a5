/* SPDX-License-Identifier: Apache-2.0
 *
 * Many datagrams to one address: SEND_MESSAGES.
 *
 * The payload holds the datagrams one after the other. WSK takes a list of buffers, so each datagram gets its
 * own partial MDL of the payload. The MDLs and the nodes of the list are in one allocation, from Prepare
 * until Finish: WSK may use them until it completes the IRP.
 */
#include "address.h"
#include "control.h"
#include "dispatch.h"

/* A list of Count nodes, followed by the MDLs of the datagrams that are not empty. */
typedef struct _WSKB_MESSAGE_LIST {
    ULONG Count;
    WSK_BUF_LIST Nodes[ANYSIZE_ARRAY];
} WSKB_MESSAGE_LIST, *PWSKB_MESSAGE_LIST;

/* ---- the check --------------------------------------------------------------------------------------- */

/* Each length must fit in a datagram, and their sum must be the length of the payload. */
static NTSTATUS CheckLengths(const ULONG* Lengths, ULONG Count, ULONG PayloadLength)
{
    ULONG64 Sum = 0;
    for (ULONG Index = 0; Index < Count; Index++) {
        if (Lengths[Index] > WSKB_MAXIMUM_DATAGRAM) {
            return STATUS_INVALID_BUFFER_SIZE;
        }
        Sum += Lengths[Index];
    }
    return Sum == PayloadLength ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Offset is where the lengths begin, behind the control information if there is any. */
static NTSTATUS CheckInput(PWSKB_OPERATION Operation, ULONG Offset)
{
    const WSKB_SEND_MESSAGES* Input = Operation->Input;
    if (Operation->PayloadLength > WSKB_MAXIMUM_TRANSFER) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    if (Input->Count == 0 || Input->Count > WSKB_MAXIMUM_MESSAGES) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Offset % sizeof(ULONG) != 0 || Operation->InputLength - Offset < Input->Count * sizeof(ULONG)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Operation->Messages.Lengths = (const ULONG*)((const UCHAR*)Operation->Input + Offset);
    return CheckLengths(Operation->Messages.Lengths, Input->Count, Operation->PayloadLength);
}

/* ---- the list ---------------------------------------------------------------------------------------- */

static UCHAR* PayloadAddress(PWSKB_OPERATION Operation)
{
    return Operation->Payload == NULL ? NULL : MmGetMdlVirtualAddress(Operation->Payload);
}

static SIZE_T SizeOfMdl(const UCHAR* Address, ULONG Length)
{
    return sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(Address, Length);
}

static SIZE_T SizeOfMdls(const ULONG* Lengths, ULONG Count, const UCHAR* Payload)
{
    SIZE_T Size = 0;
    for (ULONG Index = 0; Index < Count; Index++) {
        ULONG Length = Lengths[Index];
        Size += Length == 0 ? 0 : SizeOfMdl(Payload, Length);
        Payload += Length;
    }
    return Size;
}

/* Builds the MDL of the datagram at Place, and advances Place. */
static VOID FillNode(PWSK_BUF_LIST Node, PMDL Payload, UCHAR* Address, ULONG Length, UCHAR** Place)
{
    if (Length == 0) {
        return;
    }
    PMDL Mdl = (PMDL)*Place;
    *Place += SizeOfMdl(Address, Length);
    MmInitializeMdl(Mdl, Address, Length);
    IoBuildPartialMdl(Payload, Mdl, Address, Length);
    Node->Buffer.Mdl = Mdl;
    Node->Buffer.Length = Length;
}

static VOID FillList(PWSKB_MESSAGE_LIST List, const ULONG* Lengths, ULONG Count, PMDL Payload, UCHAR* Address)
{
    UCHAR* Place = (UCHAR*)&List->Nodes[Count];

    List->Count = Count;
    for (ULONG Index = 0; Index < Count; Index++) {
        ULONG Length = Lengths[Index];
        List->Nodes[Index].Next = Index + 1 < Count ? &List->Nodes[Index + 1] : NULL;
        FillNode(&List->Nodes[Index], Payload, Address, Length, &Place);
        Address += Length;
    }
}

/* Maps the payload once, first: partial MDLs of a mapped MDL need no mapping of their own. */
static NTSTATUS MakeList(PWSKB_OPERATION Operation)
{
    const ULONG* Lengths = Operation->Messages.Lengths;
    ULONG Count = ((const WSKB_SEND_MESSAGES*)Operation->Input)->Count;
    UCHAR* Address = PayloadAddress(Operation);
    if (Operation->Payload != NULL &&
        MmGetSystemAddressForMdlSafe(Operation->Payload, NormalPagePriority | MdlMappingNoExecute) == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    SIZE_T Length = FIELD_OFFSET(WSKB_MESSAGE_LIST, Nodes) + Count * sizeof(WSK_BUF_LIST);
    PWSKB_MESSAGE_LIST List =
        WskbAllocateZeroed(Length + SizeOfMdls(Lengths, Count, Address), WSKB_TAG_MESSAGE);
    if (List == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    FillList(List, Lengths, Count, Operation->Payload, Address);
    Operation->Messages.List = List;
    return STATUS_SUCCESS;
}

static VOID FreeList(PWSKB_MESSAGE_LIST List)
{
    for (ULONG Index = 0; Index < List->Count; Index++) {
        if (List->Nodes[Index].Buffer.Mdl != NULL) {
            MmPrepareMdlForReuse(List->Nodes[Index].Buffer.Mdl);
        }
    }
    ExFreePoolWithTag(List, WSKB_TAG_MESSAGE);
}

/* ---- the operation ----------------------------------------------------------------------------------- */

static NTSTATUS PrepareSendMessages(PWSKB_OPERATION Operation)
{
    const WSKB_SEND_MESSAGES* Input = Operation->Input;
    ULONG Offset = Input->Size;

    NTSTATUS Status = WskbReadTarget(Operation->Socket, &Input->RemoteAddress, &Operation->Messages.Address);
    if (NT_SUCCESS(Status)) {
        Status = WskbReadControl(Operation, Input->Size, &Operation->Messages.Address, &Offset,
                                 &Operation->Messages.Control);
    }
    if (NT_SUCCESS(Status)) {
        Status = CheckInput(Operation, Offset);
    }
    if (NT_SUCCESS(Status)) {
        Status = MakeList(Operation);
    }
    if (!NT_SUCCESS(Status)) {
        WskbFreeControl(Operation->Messages.Control);
        return Status;
    }
    WskbOperationSetBuffer(Operation, 0);
    return WSKB_CALL_FOLLOWS;
}

static VOID CallSendMessages(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    PWSKB_CONTROL_BLOCK Control = Operation->Messages.Control;
    BOOLEAN Fixed = Operation->Messages.Address.si_family == AF_UNSPEC;
    (VOID) Socket->Wsk.Datagram->WskSendMessages(
        Socket->WskSocket, Operation->Messages.List->Nodes, 0,
        Fixed ? NULL : (PSOCKADDR)&Operation->Messages.Address, Control == NULL ? 0 : Control->Length,
        Control == NULL ? NULL : (PCMSGHDR)Control->Messages, Operation->Irp);
}

/* How many datagrams the first Bytes bytes contain. */
static LONG64 CountMessages(PWSKB_OPERATION Operation, ULONG_PTR Bytes)
{
    const WSKB_MESSAGE_LIST* List = Operation->Messages.List;
    LONG64 Count = 0;
    for (ULONG Index = 0; Index < List->Count && List->Nodes[Index].Buffer.Length <= Bytes; Index++) {
        Count += WskbCountSegments(Operation->Messages.Control, List->Nodes[Index].Buffer.Length);
        Bytes -= List->Nodes[Index].Buffer.Length;
    }
    return Count;
}

/* A request that was cancelled while sending has sent its first datagrams. With any other error WSK does not
 * report how many went out. */
static VOID FinishSendMessages(PWSKB_OPERATION Operation)
{
    WSKB_COUNTERS* Counters = &Operation->Driver->Counters;
    WskbOperationClampInformation(Operation);
    WskbOperationPreferBytes(Operation);
    if (NT_SUCCESS(Operation->Status)) {
        InterlockedAdd64(&Counters->SentDatagrams, CountMessages(Operation, Operation->Information));
        InterlockedAdd64(&Counters->SentBytes, (LONG64)Operation->Information);
    } else {
        Operation->Information = 0;
    }
    FreeList(Operation->Messages.List);
    WskbFreeControl(Operation->Messages.Control);
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SEND_MESSAGES) = {
    .Flags = WSKB_ALL(WSKB_SEND_TO_FLAGS),
    .Categories = WSKB_CATEGORY_DATAGRAM,
    .Gate = WSKB_GATE_SEND_MESSAGES,
    .States = WskbBound,
    .Kind = WskbTransfer,
    .Direction = WskbSending,
    .Prepare = PrepareSendMessages,
    .Call = CallSendMessages,
    .Finish = FinishSendMessages,
};
