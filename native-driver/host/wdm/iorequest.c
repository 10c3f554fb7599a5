/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage of the I/O manager's requests, the list of a file's pending ones, and their cancellation.
 *
 * A file caches finished requests for its next IOCTLs. The fields that the driver could access are
 * overwritten first, so that a late access is noticed; under AddressSanitizer requests are freed instead,
 * which catches more.
 */
#include "wdmp.h"

#include <nt/walk.h>

#define POISON ((PVOID)0xDFDFDFDFDFDFDFDFULL)

/* ---- storage ----------------------------------------------------------------------------------------- */

PHOST_REQUEST HostAllocateRequest(CCHAR StackSize)
{
    PHOST_REQUEST request = NULL;
    SIZE_T length = sizeof(HOST_REQUEST) + (SIZE_T)StackSize * sizeof(IO_STACK_LOCATION);
    C_ASSERT(offsetof(HOST_REQUEST, Stack) == offsetof(HOST_REQUEST, Irp) + sizeof(IRP));
    if (posix_memalign((void**)&request, 64, ALIGN_UP_BY(length, 64)) != 0) {
        return NULL;
    }
    memset(request, 0, sizeof(HOST_REQUEST));
    request->StackSize = StackSize;
    return request;
}

void HostFreeRequest(PHOST_REQUEST Request)
{
    free(Request->Packet);
    free(Request);
}

void HostFreeCachedRequests(PHOST_FILE File)
{
    while (File->Free != NULL) {
        PHOST_REQUEST request = File->Free;
        File->Free = request->NextFree;
        HostFreeRequest(request);
    }
}

/* ---- taking and returning requests ------------------------------------------------------------------- */

PHOST_REQUEST HostTakeRequest(PHOST_FILE File)
{
    CCHAR stackSize = File->Object.DeviceObject->StackSize;
    if (HostFailNow(HOST_TAG_IRP)) {
        return NULL;
    }
    HostAcquireLock(&File->Lock);
    PHOST_REQUEST request = File->Free;
    if (HOST_LIKELY(request != NULL && request->StackSize == stackSize)) {
        File->Free = request->NextFree;
        File->FreeCount--;
    } else {
        HostReleaseLock(&File->Lock);
        request = HostAllocateRequest(stackSize);
        if (request == NULL) {
            return NULL;
        }
        HostAcquireLock(&File->Lock);
    }
    InsertTailList(&File->Pending, &request->Link);
    File->PendingCount++;
    HostReleaseLock(&File->Lock);
    return request;
}

/* Frees or overwrites what the driver must not touch any more. */
static void Poison(PHOST_REQUEST Request)
{
    Request->Irp.Type = 0;
    Request->Irp.MdlAddress = POISON;
    Request->Irp.AssociatedIrp.SystemBuffer = POISON;
    Request->Mdl.MappedSystemVa = POISON;
    Request->Mdl.StartVa = POISON;
    Request->Mdl.MdlFlags = 0;
    if (Request->LargeBuffer != NULL) {
        free(Request->LargeBuffer);
        Request->LargeBuffer = NULL;
    } else if (Request->SystemBufferLength != 0) {
        memset(Request->SmallBuffer, HOST_FREED_BYTE, Request->SystemBufferLength);
    }
}

/* File lock held. Returns a request that the caller frees after releasing the lock, or NULL. */
static PHOST_REQUEST Recycle(PHOST_FILE File, PHOST_REQUEST Request)
{
    if (HOST_UNLIKELY(Request->CancelHolds != 0)) {
        Request->Retired = TRUE;
        return NULL;
    }
    if (HOST_ADDRESS_SANITIZER || HOST_UNLIKELY(File->FreeCount >= HOST_REQUESTS_CACHED)) {
        return Request;
    }
    __atomic_store_n(&Request->State, 0, __ATOMIC_RELAXED);
    Request->NextFree = File->Free;
    File->Free = Request;
    File->FreeCount++;
    return NULL;
}

void HostRetireRequest(PHOST_REQUEST Request, BOOLEAN Unlink, BOOLEAN Reuse)
{
    PHOST_FILE file = Request->File;
    PHOST_REQUEST surplus = NULL;

    if (Reuse) {
        Poison(Request);
    }
    HostAcquireLock(&file->Lock);
    if (Unlink) {
        PLIST_ENTRY next = Request->Link.Flink;
        PLIST_ENTRY previous = Request->Link.Blink;
        previous->Flink = next;
        next->Blink = previous;
        file->PendingCount--;
    }
    if (Reuse) {
        surplus = Recycle(file, Request);
    }
    HostReleaseLock(&file->Lock);
    if (surplus != NULL) {
        HostFreeRequest(surplus);
    }
}

/* ---- cancelling -------------------------------------------------------------------------------------- */

/* File lock held. Keeps the request from being reused if it is the wanted one (NULL: any). One that is not
 * yet READY was sent after this cancellation. */
static BOOLEAN HoldRequest(PLIST_ENTRY Entry, PVOID Wanted)
{
    PHOST_REQUEST request = CONTAINING_RECORD(Entry, HOST_REQUEST, Link);
    if (!(__atomic_load_n(&request->State, __ATOMIC_ACQUIRE) & HOST_REQUEST_READY) ||
        (Wanted != NULL && request->Irp.UserIosb != Wanted)) {
        return FALSE;
    }
    request->CancelHolds++;
    return TRUE;
}

/* File lock held. A held request still leaves the list when it completes, so the walk could not continue from
 * it later: all are held in one pass. */
static ULONG HoldPending(PHOST_FILE File, PIO_STATUS_BLOCK Wanted, PHOST_REQUEST* Held, ULONG Limit)
{
    PLIST_ENTRY entry = NULL;
    ULONG count = 0;
    while (count < Limit && (entry = HostClaimEntry(&File->Pending, entry, HoldRequest, Wanted)) != NULL) {
        Held[count++] = CONTAINING_RECORD(entry, HOST_REQUEST, Link);
    }
    return count;
}

static void ReleaseHold(PHOST_FILE File, PHOST_REQUEST Request)
{
    PHOST_REQUEST surplus = NULL;
    HostAcquireLock(&File->Lock);
    if (--Request->CancelHolds == 0 && Request->Retired) {
        surplus = Recycle(File, Request);
    }
    HostReleaseLock(&File->Lock);
    if (surplus != NULL) {
        HostFreeRequest(surplus);
    }
}

static NTSTATUS CancelFile(PHOST_FILE File, PIO_STATUS_BLOCK Wanted)
{
    HostAcquireLock(&File->Lock);
    ULONG limit = File->PendingCount;
    HostReleaseLock(&File->Lock);
    PHOST_REQUEST* held = malloc((limit + 1) * sizeof(*held));
    if (held == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    HostAcquireLock(&File->Lock);
    ULONG count = HoldPending(File, Wanted, held, limit);
    HostReleaseLock(&File->Lock);
    for (ULONG i = 0; i < count; i++) {
        IoCancelIrp(&held[i]->Irp);
        ReleaseHold(File, held[i]);
    }
    free(held);
    return count != 0 ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

NTSTATUS NtCancelIoFileEx(HANDLE FileHandle, PIO_STATUS_BLOCK IoRequestToCancel,
                          PIO_STATUS_BLOCK IoStatusBlock)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    PHOST_FILE file = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (file == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS status = CancelFile(file, IoRequestToCancel);
    HostDereference(file);
    if (IoStatusBlock != NULL) {
        IoStatusBlock->Status = status;
        IoStatusBlock->Information = 0;
    }
    return status;
}
