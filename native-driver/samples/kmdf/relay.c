/* SPDX-License-Identifier: Apache-2.0
 *
 * A sample KMDF driver: a control device that relays messages from writers to readers. Its default queue is
 * parallel and hands reads, writes and IOCTLs to the driver. A read is forwarded to a manual queue, where it
 * waits for a message; a write puts its message, in memory of a lookaside list, into a collection, and a spin
 * lock of the framework lets one thread at a time match messages with reads. One IOCTL waits in a second
 * manual queue until a timer completes it. The driver never handles a cancellation: while a request is in a
 * manual queue, the framework completes it when it is cancelled or when its file is closed. What a file wrote
 * and nobody has read is thrown away with the file. Everything else is a child of the device, so that the
 * framework deletes it when the driver is unloaded.
 */
#include <ntddk.h>
#include <wdf.h>

#include "relay.h"

#define RELAY_TAG 'yleR'

/* The context of the device. */
typedef struct _RELAY {
    WDFSPINLOCK Lock;
    WDFCOLLECTION Messages; /* WDFMEMORY each, oldest first; Lock */
    WDFLOOKASIDE Lookaside;
    WDFQUEUE Reads; /* manual */
    WDFQUEUE Ticks; /* manual */
    WDFTIMER Timer;
    BOOLEAN TimerRuns; /* it is started and its callback has not begun; Lock */
    ULONG TickNumber;  /* Lock */
} RELAY, *PRELAY;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(RELAY, RelayGet)

/* The context of a message; not changed once it is in the collection. */
typedef struct _MESSAGE {
    WDFFILEOBJECT Writer; /* compared only */
    size_t Length;
} MESSAGE, *PMESSAGE;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(MESSAGE, MessageGet)

DRIVER_INITIALIZE DriverEntry;
static EVT_WDF_DRIVER_UNLOAD RelayEvtDriverUnload;
static EVT_WDF_FILE_CLEANUP RelayEvtFileCleanup;
static EVT_WDF_IO_QUEUE_IO_READ RelayEvtIoRead;
static EVT_WDF_IO_QUEUE_IO_WRITE RelayEvtIoWrite;
static EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL RelayEvtIoDeviceControl;
static EVT_WDF_TIMER RelayEvtTimer;

/* ---- messages ------------------------------------------------------------------------------------------ */

/* Fills Buffer, and returns the number of bytes and whether that was all. */
static NTSTATUS MessageCopy(_In_ WDFMEMORY Message, _Out_writes_bytes_(Size) PVOID Buffer, _In_ size_t Size,
                            _Out_ size_t* Copied)
{
    PMESSAGE Context = MessageGet(Message);

    *Copied = Context->Length < Size ? Context->Length : Size;
    NTSTATUS Status = WdfMemoryCopyToBuffer(Message, 0, Buffer, *Copied);
    if (!NT_SUCCESS(Status)) {
        *Copied = 0;
        return Status;
    }
    return Context->Length > Size ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS MessageCreate(_In_ PRELAY Relay, _In_ WDFREQUEST Request, _In_ size_t Length,
                              _Out_ WDFMEMORY* Message)
{
    PVOID Data;

    *Message = NULL;
    if (Length > RELAY_MESSAGE_SIZE) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    NTSTATUS Status = WdfRequestRetrieveInputBuffer(Request, 1, &Data, NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = WdfMemoryCreateFromLookaside(Relay->Lookaside, Message);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    MessageGet(*Message)->Writer = WdfRequestGetFileObject(Request);
    MessageGet(*Message)->Length = Length;
    return WdfMemoryCopyFromBuffer(*Message, 0, Data, Length);
}

static NTSTATUS MessageAdd(_In_ PRELAY Relay, _In_ WDFMEMORY Message)
{
    NTSTATUS Status = STATUS_DEVICE_BUSY;

    WdfSpinLockAcquire(Relay->Lock);
    if (WdfCollectionGetCount(Relay->Messages) < RELAY_MESSAGE_LIMIT) {
        Status = WdfCollectionAdd(Relay->Messages, Message);
    }
    WdfSpinLockRelease(Relay->Lock);
    return Status;
}

/* ---- reads and writes -----------------------------------------------------------------------------------
 */

/* Takes a message and a read that waits for one; FALSE when one of them is not there. */
static BOOLEAN RelayMatch(_In_ PRELAY Relay, _Out_ WDFMEMORY* Message, _Out_ WDFREQUEST* Request)
{
    BOOLEAN Matched = FALSE;

    *Request = NULL;
    WdfSpinLockAcquire(Relay->Lock);
    *Message = (WDFMEMORY)WdfCollectionGetFirstItem(Relay->Messages);
    if (*Message != NULL && NT_SUCCESS(WdfIoQueueRetrieveNextRequest(Relay->Reads, Request))) {
        /* Removing it drops the collection's reference only. */
        WdfCollectionRemoveItem(Relay->Messages, 0);
        Matched = TRUE;
    }
    WdfSpinLockRelease(Relay->Lock);
    return Matched;
}

/* Called after a message or a read was added, so that no two wait for each other. */
static VOID RelayDeliver(_In_ PRELAY Relay)
{
    WDFMEMORY Message;
    WDFREQUEST Request;
    PVOID Buffer;
    size_t Size;

    while (RelayMatch(Relay, &Message, &Request)) {
        size_t Copied = 0;
        NTSTATUS Status = WdfRequestRetrieveOutputBuffer(Request, 1, &Buffer, &Size);
        if (NT_SUCCESS(Status)) {
            Status = MessageCopy(Message, Buffer, Size, &Copied);
        }
        WdfObjectDelete(Message);
        WdfRequestCompleteWithInformation(Request, Status, Copied);
    }
}

_Use_decl_annotations_ static VOID RelayEvtIoRead(WDFQUEUE Queue, WDFREQUEST Request, size_t Length)
{
    PRELAY Relay = RelayGet(WdfIoQueueGetDevice(Queue));
    NTSTATUS Status = WdfRequestForwardToIoQueue(Request, Relay->Reads);

    UNREFERENCED_PARAMETER(Length);
    if (!NT_SUCCESS(Status)) {
        WdfRequestComplete(Request, Status);
        return;
    }
    RelayDeliver(Relay);
}

_Use_decl_annotations_ static VOID RelayEvtIoWrite(WDFQUEUE Queue, WDFREQUEST Request, size_t Length)
{
    PRELAY Relay = RelayGet(WdfIoQueueGetDevice(Queue));
    WDFMEMORY Message;
    NTSTATUS Status = MessageCreate(Relay, Request, Length, &Message);

    if (NT_SUCCESS(Status)) {
        Status = MessageAdd(Relay, Message);
    }
    if (!NT_SUCCESS(Status)) {
        if (Message != NULL) {
            WdfObjectDelete(Message);
        }
        WdfRequestComplete(Request, Status);
        return;
    }
    RelayDeliver(Relay);
    WdfRequestCompleteWithInformation(Request, STATUS_SUCCESS, Length);
}

/* Takes the oldest message of this writer; NULL: there is none. */
static WDFMEMORY RelayTakeMessageOf(_In_ PRELAY Relay, _In_ WDFFILEOBJECT Writer)
{
    WDFMEMORY Found = NULL;

    WdfSpinLockAcquire(Relay->Lock);
    for (ULONG Index = 0; Index < WdfCollectionGetCount(Relay->Messages); Index++) {
        WDFMEMORY Message = (WDFMEMORY)WdfCollectionGetItem(Relay->Messages, Index);
        if (MessageGet(Message)->Writer == Writer) {
            WdfCollectionRemoveItem(Relay->Messages, Index);
            Found = Message;
            break;
        }
    }
    WdfSpinLockRelease(Relay->Lock);
    return Found;
}

/* The last handle is closed. The framework completes what the file has in the manual queues. */
_Use_decl_annotations_ static VOID RelayEvtFileCleanup(WDFFILEOBJECT FileObject)
{
    PRELAY Relay = RelayGet(WdfFileObjectGetDevice(FileObject));
    WDFMEMORY Message;

    while ((Message = RelayTakeMessageOf(Relay, FileObject)) != NULL) {
        WdfObjectDelete(Message);
    }
}

/* ---- IOCTLs ---------------------------------------------------------------------------------------------
 */

static NTSTATUS ControlQuery(_In_ PRELAY Relay, _In_ WDFREQUEST Request, _Out_ size_t* Information)
{
    PRELAY_STATE State;
    ULONG Waiting;
    NTSTATUS Status = WdfRequestRetrieveOutputBuffer(Request, sizeof(*State), (PVOID*)&State, NULL);

    *Information = 0;
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    (VOID) WdfIoQueueGetState(Relay->Reads, &Waiting, NULL);
    WdfSpinLockAcquire(Relay->Lock);
    State->Messages = WdfCollectionGetCount(Relay->Messages);
    WdfSpinLockRelease(Relay->Lock);
    State->WaitingReads = Waiting;
    *Information = sizeof(*State);
    return STATUS_SUCCESS;
}

static NTSTATUS ControlPeek(_In_ PRELAY Relay, _In_ WDFREQUEST Request, _Out_ size_t* Information)
{
    PVOID Buffer;
    size_t Size;
    NTSTATUS Status = WdfRequestRetrieveOutputBuffer(Request, 1, &Buffer, &Size);

    *Information = 0;
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WdfSpinLockAcquire(Relay->Lock);
    WDFMEMORY Message = (WDFMEMORY)WdfCollectionGetFirstItem(Relay->Messages);
    Status = Message == NULL ? STATUS_NO_MORE_ENTRIES : MessageCopy(Message, Buffer, Size, Information);
    WdfSpinLockRelease(Relay->Lock);
    return Status;
}

/* The request is in its queue before the timer is looked at: a timer that runs then will see it. */
static NTSTATUS ControlTick(_In_ PRELAY Relay, _In_ WDFREQUEST Request)
{
    NTSTATUS Status = WdfRequestForwardToIoQueue(Request, Relay->Ticks);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WdfSpinLockAcquire(Relay->Lock);
    if (!Relay->TimerRuns) {
        Relay->TimerRuns = TRUE;
        (VOID) WdfTimerStart(Relay->Timer, WDF_REL_TIMEOUT_IN_MS(RELAY_TICK_TIME));
    }
    WdfSpinLockRelease(Relay->Lock);
    return STATUS_PENDING;
}

_Use_decl_annotations_ static VOID RelayEvtIoDeviceControl(WDFQUEUE Queue, WDFREQUEST Request,
                                                           size_t OutputBufferLength,
                                                           size_t InputBufferLength, ULONG IoControlCode)
{
    PRELAY Relay = RelayGet(WdfIoQueueGetDevice(Queue));
    size_t Information = 0;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(OutputBufferLength);
    UNREFERENCED_PARAMETER(InputBufferLength);
    switch (IoControlCode) {
    case IOCTL_RELAY_QUERY:
        Status = ControlQuery(Relay, Request, &Information);
        break;
    case IOCTL_RELAY_PEEK:
        Status = ControlPeek(Relay, Request, &Information);
        break;
    case IOCTL_RELAY_TICK:
        Status = ControlTick(Relay, Request);
        break;
    default:
        Status = STATUS_INVALID_DEVICE_REQUEST;
        break;
    }
    if (Status != STATUS_PENDING) {
        WdfRequestCompleteWithInformation(Request, Status, Information);
    }
}

static VOID CompleteTick(_In_ WDFREQUEST Request, _In_ ULONG Number)
{
    PULONG Output;
    NTSTATUS Status = WdfRequestRetrieveOutputBuffer(Request, sizeof(*Output), (PVOID*)&Output, NULL);

    if (!NT_SUCCESS(Status)) {
        WdfRequestComplete(Request, Status);
        return;
    }
    *Output = Number;
    WdfRequestCompleteWithInformation(Request, STATUS_SUCCESS, sizeof(*Output));
}

/* At DISPATCH_LEVEL. */
_Use_decl_annotations_ static VOID RelayEvtTimer(WDFTIMER Timer)
{
    PRELAY Relay = RelayGet(WdfTimerGetParentObject(Timer));
    WDFREQUEST Request;

    WdfSpinLockAcquire(Relay->Lock);
    Relay->TimerRuns = FALSE;
    ULONG Number = ++Relay->TickNumber;
    WdfSpinLockRelease(Relay->Lock);
    while (NT_SUCCESS(WdfIoQueueRetrieveNextRequest(Relay->Ticks, &Request))) {
        CompleteTick(Request, Number);
    }
}

/* ---- the device: at PASSIVE_LEVEL. What fails is deleted with the device. -------------------------------
 */

static NTSTATUS CreateManualQueue(_In_ WDFDEVICE Device, _Out_ WDFQUEUE* Queue)
{
    WDF_IO_QUEUE_CONFIG Config;

    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
    Config.PowerManaged = WdfFalse;
    return WdfIoQueueCreate(Device, &Config, WDF_NO_OBJECT_ATTRIBUTES, Queue);
}

static NTSTATUS CreateQueues(_In_ WDFDEVICE Device)
{
    PRELAY Relay = RelayGet(Device);
    WDF_IO_QUEUE_CONFIG Config;
    NTSTATUS Status = CreateManualQueue(Device, &Relay->Reads);

    if (NT_SUCCESS(Status)) {
        Status = CreateManualQueue(Device, &Relay->Ticks);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchParallel);
    Config.PowerManaged = WdfFalse;
    Config.EvtIoRead = RelayEvtIoRead;
    Config.EvtIoWrite = RelayEvtIoWrite;
    Config.EvtIoDeviceControl = RelayEvtIoDeviceControl;
    return WdfIoQueueCreate(Device, &Config, WDF_NO_OBJECT_ATTRIBUTES, WDF_NO_HANDLE);
}

static NTSTATUS CreateTimer(_In_ WDFDEVICE Device)
{
    WDF_TIMER_CONFIG Config;
    WDF_OBJECT_ATTRIBUTES Attributes;

    WDF_TIMER_CONFIG_INIT(&Config, RelayEvtTimer);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Device;
    return WdfTimerCreate(&Config, &Attributes, &RelayGet(Device)->Timer);
}

static NTSTATUS CreateMessages(_In_ WDFDEVICE Device)
{
    PRELAY Relay = RelayGet(Device);
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES MessageAttributes;

    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Device;
    NTSTATUS Status = WdfSpinLockCreate(&Attributes, &Relay->Lock);
    if (NT_SUCCESS(Status)) {
        Status = WdfCollectionCreate(&Attributes, &Relay->Messages);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&MessageAttributes, MESSAGE);
    MessageAttributes.ParentObject = Device;
    return WdfLookasideListCreate(&Attributes, RELAY_MESSAGE_SIZE, NonPagedPoolNx, &MessageAttributes,
                                  RELAY_TAG, &Relay->Lookaside);
}

/* Frees DeviceInit in every case. */
static NTSTATUS CreateNamedDevice(_In_ PWDFDEVICE_INIT DeviceInit, _Out_ WDFDEVICE* Device)
{
    DECLARE_CONST_UNICODE_STRING(Name, RELAY_DEVICE_NAME);
    WDF_FILEOBJECT_CONFIG Files;
    WDF_OBJECT_ATTRIBUTES Attributes;

    WDF_FILEOBJECT_CONFIG_INIT(&Files, WDF_NO_EVENT_CALLBACK, WDF_NO_EVENT_CALLBACK, RelayEvtFileCleanup);
    WdfDeviceInitSetFileObjectConfig(DeviceInit, &Files, WDF_NO_OBJECT_ATTRIBUTES);
    WdfDeviceInitSetIoType(DeviceInit, WdfDeviceIoBuffered);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, RELAY);
    NTSTATUS Status = WdfDeviceInitAssignName(DeviceInit, &Name);
    if (NT_SUCCESS(Status)) {
        Status = WdfDeviceCreate(&DeviceInit, &Attributes, Device);
    }
    if (!NT_SUCCESS(Status)) {
        WdfDeviceInitFree(DeviceInit);
    }
    return Status;
}

static NTSTATUS CreateControlDevice(_In_ WDFDRIVER Driver)
{
    DECLARE_CONST_UNICODE_STRING(Sddl, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
    DECLARE_CONST_UNICODE_STRING(Link, RELAY_SYMBOLIC_LINK);
    WDFDEVICE Device;
    PWDFDEVICE_INIT DeviceInit = WdfControlDeviceInitAllocate(Driver, &Sddl);

    if (DeviceInit == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS Status = CreateNamedDevice(DeviceInit, &Device);
    if (NT_SUCCESS(Status)) {
        Status = CreateMessages(Device);
    }
    if (NT_SUCCESS(Status)) {
        Status = CreateTimer(Device);
    }
    if (NT_SUCCESS(Status)) {
        Status = CreateQueues(Device);
    }
    if (NT_SUCCESS(Status)) {
        Status = WdfDeviceCreateSymbolicLink(Device, &Link);
    }
    if (NT_SUCCESS(Status)) {
        WdfControlFinishInitializing(Device);
    }
    return Status;
}

/* The framework unloads a driver of control devices only when it has this callback. */
_Use_decl_annotations_ static VOID RelayEvtDriverUnload(WDFDRIVER Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}

_Use_decl_annotations_ NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WDF_DRIVER_CONFIG Config;
    WDFDRIVER Driver;

    WDF_DRIVER_CONFIG_INIT(&Config, WDF_NO_EVENT_CALLBACK);
    Config.DriverInitFlags |= WdfDriverInitNonPnpDriver;
    Config.EvtDriverUnload = RelayEvtDriverUnload;
    Config.DriverPoolTag = RELAY_TAG;
    NTSTATUS Status = WdfDriverCreate(DriverObject, RegistryPath, WDF_NO_OBJECT_ATTRIBUTES, &Config, &Driver);
    return NT_SUCCESS(Status) ? CreateControlDevice(Driver) : Status;
}
