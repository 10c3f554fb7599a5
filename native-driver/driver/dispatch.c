/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of control codes, and the validation that all of them share.
 */
#include "dispatch.h"

typedef struct _WSKB_DISPATCH_ENTRY {
    ULONG Code;
    WSKB_HANDLER* Handler;
    ULONG InputSize;  /* of its structure, which begins with its size; 0 for none */
    ULONG OutputSize; /* of the structure it fills or, for direct codes, of the prefix before the payload */
    ULONG States;     /* WSKB_SOCKET_STATE bits; 0: needs no socket */
    ULONG Categories; /* WSKB_CATEGORY_ bits, which are WSK's */
} WSKB_DISPATCH_ENTRY;

#define DATAGRAM   WSKB_CATEGORY_DATAGRAM
#define CONNECTION WSKB_CATEGORY_CONNECTION
#define LISTEN     WSKB_CATEGORY_LISTEN
#define ANY        (DATAGRAM | CONNECTION | LISTEN)

/* Place of a code in the table. */
#define INDEX(Code) ((((ULONG)(Code) >> 2) & 0xFFF) - WSKB_FIRST_FUNCTION)

/* Code and sizes are the protocol's. */
#define ENTRY(Name, Handler, States, Categories)                                                             \
    [INDEX(IOCTL_WSKB_##Name)] = {IOCTL_WSKB_##Name, Handler, WSKB_IN_##Name,                                \
                                  WSKB_OUT_##Name,   States,  Categories}

static const WSKB_DISPATCH_ENTRY Table[] = {
    ENTRY(GET_VERSION, WskbGetVersion, 0, 0),
    ENTRY(NOP, WskbNop, 0, 0),
    ENTRY(GET_STATISTICS, WskbGetStatistics, 0, 0),
    ENTRY(CREATE, WskbCreate, 0, 0),
    ENTRY(ATTACH, WskbAttach, 0, 0),
    ENTRY(BIND, WskbBind, WSKB_UNBOUND_STATES, ANY),
    ENTRY(GET_LOCAL_ADDRESS, WskbGetLocalAddress, WSKB_BOUND_STATES, ANY),
    ENTRY(GET_REMOTE_ADDRESS, WskbGetRemoteAddress, WskbConnected, CONNECTION),
    ENTRY(SET_REMOTE_ADDRESS, WskbSetRemoteAddress, WskbBound, DATAGRAM),
    ENTRY(SET_SENDTO_ADDRESS, WskbSetSendToAddress, WskbBound, DATAGRAM),
    ENTRY(GET_OPTION, WskbGetOption, WSKB_CREATED_STATES, ANY),
    ENTRY(SET_OPTION, WskbSetOption, WSKB_CREATED_STATES, ANY),
    ENTRY(SEND_TO, WskbSendTo, WskbBound, DATAGRAM),
    ENTRY(RECEIVE_FROM, WskbReceiveFrom, WskbBound, DATAGRAM),
    ENTRY(CONNECT, WskbConnect, WskbBound, CONNECTION),
    ENTRY(SEND, WskbSend, WskbConnected, CONNECTION),
    ENTRY(RECEIVE, WskbReceive, WskbConnected, CONNECTION),
    ENTRY(DISCONNECT, WskbDisconnect, WskbConnected, CONNECTION),
    ENTRY(ACCEPT, WskbAccept, WskbBound, LISTEN),
};

static const WSKB_DISPATCH_ENTRY* FindEntry(ULONG Code)
{
    ULONG Index = INDEX(Code);
    if (Index >= ARRAYSIZE(Table) || Table[Index].Code != Code) {
        return NULL;
    }
    return &Table[Index];
}

/* The system buffer is the kernel's copy: nobody changes it while it is looked at. */
static NTSTATUS ReadInput(PWSKB_CALL Call, const WSKB_DISPATCH_ENTRY* Entry, size_t Length)
{
    PVOID Input;
    if (Entry->InputSize == 0) {
        return STATUS_SUCCESS;
    }
    if (Length < Entry->InputSize) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    NTSTATUS Status = WdfRequestRetrieveInputBuffer(Call->Request, Entry->InputSize, &Input, NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    ULONG Size = *(const ULONG*)Input;
    if (Size < Entry->InputSize || Size > Length) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Call->Input = Input;
    return STATUS_SUCCESS;
}

static NTSTATUS FindOutput(PWSKB_CALL Call, const WSKB_DISPATCH_ENTRY* Entry, size_t Length)
{
    if (Length < Entry->OutputSize) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if ((Entry->Code & 3) == METHOD_BUFFERED) {
        return Entry->OutputSize == 0
                   ? STATUS_SUCCESS
                   : WdfRequestRetrieveOutputBuffer(Call->Request, Entry->OutputSize, &Call->Output, NULL);
    }
    if (Length > WSKB_MAXIMUM_TRANSFER + sizeof(WSKB_DATAGRAM)) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    Call->PayloadLength = (ULONG)Length;
    return Length == 0 ? STATUS_SUCCESS : WdfRequestRetrieveOutputWdmMdl(Call->Request, &Call->Payload);
}

static NTSTATUS FindSocket(PWSKB_CALL Call, const WSKB_DISPATCH_ENTRY* Entry)
{
    if (Entry->States == 0) {
        return STATUS_SUCCESS;
    }
    PWSKB_SOCKET Socket = ReadPointerAcquire((PVOID volatile*)&Call->File->Socket);
    if (Socket == NULL) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (ReadAcquire(&Socket->Dead)) {
        return STATUS_FILE_FORCED_CLOSED;
    }
    if (!(Entry->Categories & Socket->Category)) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!(Entry->States & (ULONG)ReadAcquire(&Socket->State))) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    Call->Socket = Socket;
    return STATUS_SUCCESS;
}

static NTSTATUS Dispatch(PWSKB_CALL Call, ULONG Code, size_t InputLength, size_t OutputLength)
{
    const WSKB_DISPATCH_ENTRY* Entry = FindEntry(Code);
    if (Entry == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    NTSTATUS Status = ReadInput(Call, Entry, InputLength);
    if (NT_SUCCESS(Status)) {
        Status = FindOutput(Call, Entry, OutputLength);
    }
    if (NT_SUCCESS(Status)) {
        Status = FindSocket(Call, Entry);
    }
    return NT_SUCCESS(Status) ? Entry->Handler(Call) : Status;
}

/* Another driver can send a request to the device that belongs to no file. */
static NTSTATUS FindFile(PWSKB_CALL Call)
{
    WDFFILEOBJECT FileObject = WdfRequestGetFileObject(Call->Request);
    if (FileObject == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Call->File = WskbGetFile(FileObject);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_ VOID WskbEvtIoDeviceControl(WDFQUEUE Queue, WDFREQUEST Request,
                                                   size_t OutputBufferLength, size_t InputBufferLength,
                                                   ULONG IoControlCode)
{
    WSKB_CALL Call = {0};

    UNREFERENCED_PARAMETER(Queue);
    Call.Driver = WskbGetDriver(WdfGetDriver());
    Call.Request = Request;
    InterlockedIncrement64(&Call.Driver->Counters.ControlRequests);
    NTSTATUS Status = FindFile(&Call);
    if (NT_SUCCESS(Status)) {
        Status = Dispatch(&Call, IoControlCode, InputBufferLength, OutputBufferLength);
    }
    if (Status != STATUS_PENDING) {
        WskbCompleteRequest(Call.Driver, Request, Status, NT_ERROR(Status) ? 0 : Call.Information);
    }
}

_Use_decl_annotations_ PWSKB_OPERATION WskbPrepareOperation(PWSKB_CALL Call)
{
    PWSKB_OPERATION Operation = WskbGetOperation(Call->Request);
    Operation->Request = Call->Request;
    Operation->Socket = Call->Socket;
    Operation->Output = Call->Output;
    return Operation;
}

_Use_decl_annotations_ PEPROCESS WskbRequestorProcess(PWSKB_CALL Call)
{
    return IoGetRequestorProcess(WdfRequestWdmGetIrp(Call->Request));
}

_Use_decl_annotations_ VOID WskbSetBuffer(PWSKB_OPERATION Operation, PWSKB_CALL Call, ULONG Offset,
                                          ULONG Length)
{
    Operation->Buffer.Mdl = Length == 0 ? NULL : Call->Payload;
    Operation->Buffer.Offset = Length == 0 ? 0 : Offset;
    Operation->Buffer.Length = Length;
}

_Use_decl_annotations_ VOID WskbClampInformation(PWSKB_OPERATION Operation)
{
    if (Operation->Information > Operation->Buffer.Length) {
        Operation->Information = Operation->Buffer.Length;
    }
}

_Use_decl_annotations_ VOID WskbBytesBeatCancellation(PWSKB_OPERATION Operation)
{
    if (Operation->Status == STATUS_CANCELLED && Operation->Information != 0) {
        Operation->Status = STATUS_SUCCESS;
    }
}
