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
    PHOST_REQUEST Request = NULL;
    SIZE_T Length = sizeof(HOST_REQUEST) + (SIZE_T)StackSize * sizeof(IO_STACK_LOCATION);
    C_ASSERT(offsetof(HOST_REQUEST, Stack) == offsetof(HOST_REQUEST, Irp) + sizeof(IRP));
    if (posix_memalign((void**)&Request, 64, ALIGN_UP_BY(Length, 64)) != 0) {
        return NULL;
    }
    memset(Request, 0, sizeof(HOST_REQUEST));
    Request->StackSize = StackSize;
    return Request;
}

void HostFreeRequest(PHOST_REQUEST Request)
{
    free(Request->Packet);
    free(Request);
}

void HostFreeCachedRequests(PHOST_FILE File)
{
    while (File->Free != NULL) {
        PHOST_REQUEST Request = File->Free;
        File->Free = Request->NextFree;
        HostFreeRequest(Request);
    }
}

/* ---- taking and returning requests ------------------------------------------------------------------- */

PHOST_REQUEST HostTakeRequest(PHOST_FILE File)
{
    CCHAR StackSize = File->Object.DeviceObject->StackSize;
    if (HostFailNow(HOST_TAG_IRP)) {
        return NULL;
    }
    HostAcquireLock(&File->Lock);
    PHOST_REQUEST Request = File->Free;
    if (HOST_LIKELY(Request != NULL && Request->StackSize == StackSize)) {
        File->Free = Request->NextFree;
        File->FreeCount--;
    } else {
        HostReleaseLock(&File->Lock);
        Request = HostAllocateRequest(StackSize);
        if (Request == NULL) {
            return NULL;
        }
        HostAcquireLock(&File->Lock);
    }
    InsertTailList(&File->Pending, &Request->Link);
    File->PendingCount++;
    HostReleaseLock(&File->Lock);
    return Request;
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
    PHOST_FILE File = Request->File;
    PHOST_REQUEST Surplus = NULL;

    if (Reuse) {
        Poison(Request);
    }
    HostAcquireLock(&File->Lock);
    if (Unlink) {
        PLIST_ENTRY Next = Request->Link.Flink;
        PLIST_ENTRY Previous = Request->Link.Blink;
        Previous->Flink = Next;
        Next->Blink = Previous;
        File->PendingCount--;
    }
    if (Reuse) {
        Surplus = Recycle(File, Request);
    }
    HostReleaseLock(&File->Lock);
    if (Surplus != NULL) {
        HostFreeRequest(Surplus);
    }
}

/* ---- cancelling -------------------------------------------------------------------------------------- */

/* File lock held. Keeps the request from being reused if it is the wanted one (NULL: any). One that is not
 * yet READY was sent after this cancellation. */
static BOOLEAN HoldRequest(PLIST_ENTRY Entry, PVOID Wanted)
{
    PHOST_REQUEST Request = CONTAINING_RECORD(Entry, HOST_REQUEST, Link);
    if (!(__atomic_load_n(&Request->State, __ATOMIC_ACQUIRE) & HOST_REQUEST_READY) ||
        (Wanted != NULL && Request->Irp.UserIosb != Wanted)) {
        return FALSE;
    }
    Request->CancelHolds++;
    return TRUE;
}

/* File lock held. A held request still leaves the list when it completes, so the walk could not continue from
 * it later: all are held in one pass. */
static ULONG HoldPending(PHOST_FILE File, PIO_STATUS_BLOCK Wanted, PHOST_REQUEST* Held, ULONG Limit)
{
    PLIST_ENTRY Entry = NULL;
    ULONG Count = 0;
    while (Count < Limit && (Entry = HostClaimEntry(&File->Pending, Entry, HoldRequest, Wanted)) != NULL) {
        Held[Count++] = CONTAINING_RECORD(Entry, HOST_REQUEST, Link);
    }
    return Count;
}

static void ReleaseHold(PHOST_FILE File, PHOST_REQUEST Request)
{
    PHOST_REQUEST Surplus = NULL;
    HostAcquireLock(&File->Lock);
    if (--Request->CancelHolds == 0 && Request->Retired) {
        Surplus = Recycle(File, Request);
    }
    HostReleaseLock(&File->Lock);
    if (Surplus != NULL) {
        HostFreeRequest(Surplus);
    }
}

static NTSTATUS CancelFile(PHOST_FILE File, PIO_STATUS_BLOCK Wanted)
{
    HostAcquireLock(&File->Lock);
    ULONG Limit = File->PendingCount;
    HostReleaseLock(&File->Lock);
    PHOST_REQUEST* Held = malloc((Limit + 1) * sizeof(*Held));
    if (Held == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    HostAcquireLock(&File->Lock);
    ULONG Count = HoldPending(File, Wanted, Held, Limit);
    HostReleaseLock(&File->Lock);
    for (ULONG i = 0; i < Count; i++) {
        IoCancelIrp(&Held[i]->Irp);
        ReleaseHold(File, Held[i]);
    }
    free(Held);
    return Count != 0 ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

NTSTATUS NtCancelIoFileEx(HANDLE FileHandle, PIO_STATUS_BLOCK IoRequestToCancel,
                          PIO_STATUS_BLOCK IoStatusBlock)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    PHOST_FILE File = HostReferenceHandle(FileHandle, &HostFileType, HostCurrentProcess());
    if (File == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS Status = CancelFile(File, IoRequestToCancel);
    HostDereference(File);
    if (IoStatusBlock != NULL) {
        IoStatusBlock->Status = Status;
        IoStatusBlock->Information = 0;
    }
    return Status;
}
