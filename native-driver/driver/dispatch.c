/* SPDX-License-Identifier: Apache-2.0
 *
 * Dispatch of IOCTLs to operations: the table of control codes, and the validation that all of them share:
 * lengths, flags, the socket's category and its state. Prepare validates the rest.
 */
#include "dispatch.h"
#include "gate.h"

typedef struct _WSKB_DISPATCH_ENTRY {
    ULONG Code;
    ULONG InputSize;  /* of its structure, which begins with its size; 0 for none */
    ULONG OutputSize; /* of the structure it fills or, for direct codes, of the prefix before the payload */
    const WSKB_OPERATION_TYPE* Type;
} WSKB_DISPATCH_ENTRY;

static const WSKB_DISPATCH_ENTRY Table[] = {
#define ENTRY(name, function, method, access, in, out)                                                       \
    [(function)-                                                                                             \
        WSKB_FIRST_FUNCTION] = {IOCTL_WSKB_##name, WSKB_IN_##name, WSKB_OUT_##name, &WSKB_TYPE_OF(name)},
    WSKB_CONTROL_CODES(ENTRY)
#undef ENTRY
};

static const WSKB_DISPATCH_ENTRY* FindEntry(ULONG Code)
{
    ULONG Index = ((Code >> 2) & 0xFFF) - WSKB_FIRST_FUNCTION;
    if (Index >= ARRAYSIZE(Table) || Table[Index].Code != Code) {
        return NULL;
    }
    return &Table[Index];
}

/* The system buffer is the kernel's own copy, so the caller cannot change it between check and use. */
static NTSTATUS ReadInput(PWSKB_OPERATION Operation, const WSKB_DISPATCH_ENTRY* Entry, size_t Length)
{
    PVOID Input;
    if (Entry->InputSize == 0) {
        return STATUS_SUCCESS;
    }
    if (Length < Entry->InputSize) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    NTSTATUS Status = WdfRequestRetrieveInputBuffer(Operation->Request, Entry->InputSize, &Input, NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    ULONG Size = *(const ULONG*)Input;
    if (Size < Entry->InputSize || Size > Length) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Operation->Input = Input;
    Operation->InputLength = (ULONG)Length;
    return STATUS_SUCCESS;
}

/* Every input that has flags begins with these fields. */
static NTSTATUS ReadFlags(PWSKB_OPERATION Operation)
{
    const WSKB_TRANSFER* Input = Operation->Input;
    ULONG Allowed = Operation->Type->Flags;
    if (Allowed == WSKB_NO_FLAGS || Input == NULL) {
        return STATUS_SUCCESS;
    }
    Operation->Flags = Input->Flags;
    Operation->Timeout = Input->Timeout;
    return (Operation->Flags & ~Allowed) == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS FindOutput(PWSKB_OPERATION Operation, const WSKB_DISPATCH_ENTRY* Entry, size_t Length)
{
    if (Length < Entry->OutputSize) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if ((Entry->Code & 3) == METHOD_BUFFERED) {
        return Entry->OutputSize == 0 ? STATUS_SUCCESS
                                      : WdfRequestRetrieveOutputBuffer(Operation->Request, Entry->OutputSize,
                                                                       &Operation->Output, NULL);
    }
    if (Length > WSKB_MAXIMUM_TRANSFER + sizeof(WSKB_DATAGRAM)) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    Operation->PayloadLength = (ULONG)Length;
    return Length == 0 ? STATUS_SUCCESS
                       : WdfRequestRetrieveOutputWdmMdl(Operation->Request, &Operation->Payload);
}

static NTSTATUS FindSocket(PWSKB_OPERATION Operation)
{
    const WSKB_OPERATION_TYPE* Type = Operation->Type;
    if (Type->Categories == 0) {
        return STATUS_SUCCESS;
    }
    PWSKB_SOCKET Socket = ReadPointerAcquire((PVOID volatile*)&Operation->File->Socket);
    if (Socket == NULL) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (ReadAcquire(&Socket->Dead)) {
        return STATUS_FILE_FORCED_CLOSED;
    }
    if (!(Type->Categories & Socket->Category)) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!(Type->States & (ULONG)ReadAcquire(&Socket->State))) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    Operation->Socket = Socket;
    return STATUS_SUCCESS;
}

static NTSTATUS Dispatch(PWSKB_OPERATION Operation, ULONG Code, size_t InputLength, size_t OutputLength)
{
    const WSKB_DISPATCH_ENTRY* Entry = FindEntry(Code);
    if (Entry == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Operation->Type = Entry->Type;
    NTSTATUS Status = ReadInput(Operation, Entry, InputLength);
    if (NT_SUCCESS(Status) && !WskbHasGate(Operation->Driver, Entry->Type->Gate)) {
        Status = STATUS_NOT_SUPPORTED;
    }
    if (NT_SUCCESS(Status)) {
        Status = FindOutput(Operation, Entry, OutputLength);
    }
    if (NT_SUCCESS(Status)) {
        Status = FindSocket(Operation);
    }
    if (NT_SUCCESS(Status)) {
        Status = ReadFlags(Operation);
    }
    return NT_SUCCESS(Status) ? WskbOperationRun(Operation) : Status;
}

/* Another driver can send the device a request without a file object. */
static VOID RefuseWithoutFile(WDFREQUEST Request)
{
    PWSKB_DRIVER Driver = WskbGetDriver(WdfGetDriver());
    InterlockedIncrement64(&Driver->Counters.ControlRequests);
    WskbCompleteRequest(Driver, Request, STATUS_INVALID_DEVICE_REQUEST, 0);
}

_Use_decl_annotations_ VOID WskbEvtIoDeviceControl(WDFQUEUE Queue, WDFREQUEST Request,
                                                   size_t OutputBufferLength, size_t InputBufferLength,
                                                   ULONG IoControlCode)
{
    WDFFILEOBJECT FileObject = WdfRequestGetFileObject(Request);

    UNREFERENCED_PARAMETER(Queue);
    if (FileObject == NULL) {
        RefuseWithoutFile(Request);
        return;
    }
    PWSKB_OPERATION Operation = WskbGetOperation(Request);
    Operation->Request = Request;
    Operation->File = WskbGetFile(FileObject);
    Operation->Driver = Operation->File->Driver;
    PWSKB_DRIVER Driver = Operation->Driver;
    InterlockedIncrement64(&Driver->Counters.ControlRequests);
    NTSTATUS Status = Dispatch(Operation, IoControlCode, InputBufferLength, OutputBufferLength);
    if (Status != STATUS_PENDING) {
        WskbCompleteRequest(Driver, Request, Status, NT_ERROR(Status) ? 0 : Operation->Information);
    }
}
