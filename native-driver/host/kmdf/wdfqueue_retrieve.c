/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that the driver takes out of queues, puts back or moves to another queue.
 */
#include "kmdfp.h"

/* Lock held: may the driver take requests out now? */
static NTSTATUS FxQueueMayRetrieve(PCSTR Function, const FX_QUEUE* Queue)
{
    LONG64 State = FxQueueFlags(Queue);

    if (Queue->Config.DispatchType == WdfIoQueueDispatchParallel) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (Queue->Config.DispatchType == WdfIoQueueDispatchSequential && FX_QUEUE_OWNED(State) == 0) {
        FxStop(WDF_QUEUE_FATAL_ERROR, Queue,
               "%s was called for a sequential WDFQUEUE (%p) of which the driver owns no request\n", Function,
               (PVOID)Queue);
    }
    return (State & FX_QUEUE_NOT_PRESENTING) ? STATUS_WDF_PAUSED : STATUS_SUCCESS;
}

static NTSTATUS FxQueueRetrieve(PCSTR Function, FX_QUEUE* Queue, const FX_FILE* File, WDFREQUEST* OutRequest)
{
    NTSTATUS Status;
    FX_REQUEST* Request = NULL;
    KIRQL Irql;

    *OutRequest = NULL;
    Irql = FxQueueLock(Queue);
    Status = FxQueueMayRetrieve(Function, Queue);
    if (NT_SUCCESS(Status)) {
        Request = FxQueueClaimOldest(Queue, File != NULL ? File->FileObject : NULL);
        Status = Request != NULL ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES;
    }
    if (Request != NULL) {
        InterlockedAdd64(&Queue->State, FX_QUEUE_OWNED_ONE);
        FxQueueTakeOwnership(Queue, Request);
        *OutRequest = FX_TO_HANDLE(WDFREQUEST, Request);
    }
    FxQueueUnlock(Queue, Irql);
    return Status;
}

NTSTATUS NTAPI imp_WdfIoQueueRetrieveNextRequest(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                 WDFREQUEST* OutRequest)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(OutRequest);
    FX_REQUIRE_DISPATCH();
    return FxQueueRetrieve(FX_FUNCTION, FX_HANDLE(FX_QUEUE, FxTypeQueue, Queue), NULL, OutRequest);
}

NTSTATUS NTAPI imp_WdfIoQueueRetrieveRequestByFileObject(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE Queue,
                                                         WDFFILEOBJECT FileObject, WDFREQUEST* OutRequest)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(OutRequest);
    FX_REQUIRE_DISPATCH();
    return FxQueueRetrieve(FX_FUNCTION, FX_HANDLE(FX_QUEUE, FxTypeQueue, Queue),
                           FX_HANDLE(FX_FILE, FxTypeFileObject, FileObject), OutRequest);
}

/* ---- finding without taking -------------------------------------------------------------------------- */

static BOOLEAN FxQueueHolds(const FX_QUEUE* Queue, const FX_REQUEST* Wanted)
{
    const LIST_ENTRY* Link;

    for (Link = Queue->Waiting.Flink; Link != &Queue->Waiting; Link = Link->Flink) {
        if (CONTAINING_RECORD(Link, FX_REQUEST, Link) == Wanted) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Lock held. The first request behind After, or from the head for NULL, that is of File, or any for NULL. */
static FX_REQUEST* FxQueueFind(FX_QUEUE* Queue, const FX_REQUEST* After, const FX_FILE* File)
{
    LIST_ENTRY* Link = After != NULL ? After->Link.Flink : Queue->Waiting.Flink;

    for (; Link != &Queue->Waiting; Link = Link->Flink) {
        FX_REQUEST* Request = CONTAINING_RECORD(Link, FX_REQUEST, Link);
        if (File == NULL || Request->Stack->FileObject == File->FileObject) {
            return Request;
        }
    }
    return NULL;
}

NTSTATUS NTAPI imp_WdfIoQueueFindRequest(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE QueueHandle,
                                         WDFREQUEST FoundRequest, WDFFILEOBJECT FileObject,
                                         PWDF_REQUEST_PARAMETERS Parameters, WDFREQUEST* OutRequest)
{
    FX_QUEUE* Queue = FX_HANDLE(FX_QUEUE, FxTypeQueue, QueueHandle);
    FX_FILE* File = FileObject != NULL ? FX_HANDLE(FX_FILE, FxTypeFileObject, FileObject) : NULL;
    FX_REQUEST* After = FoundRequest != NULL ? FX_HANDLE(FX_REQUEST, FxTypeRequest, FoundRequest) : NULL;
    NTSTATUS Status = STATUS_SUCCESS;
    FX_REQUEST* Found = NULL;
    KIRQL Irql;

    FX_REQUIRE_PARAMETER(OutRequest);
    FX_REQUIRE_DISPATCH();
    *OutRequest = NULL;
    if (Queue->Config.DispatchType != WdfIoQueueDispatchManual) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    Irql = FxQueueLock(Queue);
    if (FxQueueFlags(Queue) & FX_QUEUE_NOT_PRESENTING) {
        Status = STATUS_WDF_PAUSED;
    } else if (After != NULL && !FxQueueHolds(Queue, After)) {
        Status = STATUS_NOT_FOUND;
    } else {
        Found = FxQueueFind(Queue, After, File);
        Status = Found != NULL ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES;
    }
    if (Found != NULL) {
        imp_WdfObjectReferenceActual(DriverGlobals, Found, NULL, 0, NULL);
        if (Parameters != NULL) {
            imp_WdfRequestGetParameters(DriverGlobals, FX_TO_HANDLE(WDFREQUEST, Found), Parameters);
        }
        *OutRequest = FX_TO_HANDLE(WDFREQUEST, Found);
    }
    FxQueueUnlock(Queue, Irql);
    return Status;
}

NTSTATUS NTAPI imp_WdfIoQueueRetrieveFoundRequest(PWDF_DRIVER_GLOBALS DriverGlobals, WDFQUEUE QueueHandle,
                                                  WDFREQUEST FoundRequest, WDFREQUEST* OutRequest)
{
    FX_QUEUE* Queue = FX_HANDLE(FX_QUEUE, FxTypeQueue, QueueHandle);
    FX_REQUEST* Request = FX_HANDLE(FX_REQUEST, FxTypeRequest, FoundRequest);
    NTSTATUS Status;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_PARAMETER(OutRequest);
    FX_REQUIRE_DISPATCH();
    *OutRequest = NULL;
    Irql = FxQueueLock(Queue);
    Status = FxQueueMayRetrieve(FX_FUNCTION, Queue);
    if (NT_SUCCESS(Status)) {
        if (FxQueueHolds(Queue, Request) && FxQueueClaim(Queue, Request)) {
            InterlockedAdd64(&Queue->State, FX_QUEUE_OWNED_ONE);
            FxQueueTakeOwnership(Queue, Request);
            *OutRequest = FoundRequest;
        } else {
            Status = STATUS_NOT_FOUND;
        }
    }
    FxQueueUnlock(Queue, Irql);
    return Status;
}

/* ---- moving ------------------------------------------------------------------------------------------ */

static VOID FxRequireMovable(PCSTR Function, FX_REQUEST* Request)
{
    LONG Cancel = ReadAcquire(&Request->CancelState);
    LONG State = ReadAcquire(&Request->State);

    if (State == FxRequestCompleting) {
        FxRequestWrongState(Function, Request, State);
    }
    if (Cancel == FxCancelMarked || Cancel == FxCancelClaimed) {
        FxStop(WDF_REQUEST_FATAL_ERROR, Request,
               "%s was called for a WDFREQUEST (%p) that is marked cancelable\n", Function, (PVOID)Request);
    }
}

NTSTATUS NTAPI imp_WdfRequestForwardToIoQueue(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST RequestHandle,
                                              WDFQUEUE DestinationQueue)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(RequestHandle);
    FX_QUEUE* Queue = FX_HANDLE(FX_QUEUE, FxTypeQueue, DestinationQueue);

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (ReadAcquire(&Request->State) == FxRequestInCallerContext) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Queue->Device != Request->Device || Queue == Request->Queue) {
        FxStop(WDF_QUEUE_FATAL_ERROR, Queue, "WdfRequestForwardToIoQueue was called for the queue of %s\n",
               Queue == Request->Queue ? "the request itself" : "another device");
    }
    FxRequireMovable(FX_FUNCTION, Request);
    return FxQueueForward(Queue, Request, FALSE);
}

NTSTATUS NTAPI imp_WdfRequestRequeue(PWDF_DRIVER_GLOBALS DriverGlobals, WDFREQUEST RequestHandle)
{
    FX_REQUEST* Request = FX_REQUEST_HANDLE(RequestHandle);
    FX_QUEUE* Queue = Request->Queue;

    UNREFERENCED_PARAMETER(DriverGlobals);
    FX_REQUIRE_DISPATCH();
    if (Queue == NULL || Queue->Internal || Queue->Config.DispatchType != WdfIoQueueDispatchManual) {
        FxStop(WDF_QUEUE_FATAL_ERROR, Request,
               "WdfRequestRequeue was called for a WDFREQUEST (%p) of no manual queue\n", (PVOID)Request);
    }
    FxRequireMovable(FX_FUNCTION, Request);
    return FxQueueForward(Queue, Request, TRUE);
}
