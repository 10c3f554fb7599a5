/* SPDX-License-Identifier: Apache-2.0
 *
 * Process records: found by EPROCESS; they count sockets and locked bytes.
 */
#include "process.h"

/* Driver's lock is held. */
static PWSKB_PROCESS FindProcess(PWSKB_DRIVER Driver, PEPROCESS Process)
{
    for (PLIST_ENTRY Entry = Driver->Processes.Flink; Entry != &Driver->Processes; Entry = Entry->Flink) {
        PWSKB_PROCESS Found = CONTAINING_RECORD(Entry, WSKB_PROCESS, Link);
        if (Found->Process == Process) {
            return Found;
        }
    }
    return NULL;
}

/* Counts one more socket of the process. If the process has no record yet, New becomes its record. */
static NTSTATUS CountSocket(PWSKB_DRIVER Driver, PEPROCESS Process, PWSKB_PROCESS* New,
                            PWSKB_PROCESS* Counted)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    PWSKB_PROCESS Record = FindProcess(Driver, Process);
    if (Record == NULL && *New != NULL) {
        Record = *New;
        *New = NULL;
        ObReferenceObject(Process);
        Record->Process = Process;
        InsertTailList(&Driver->Processes, &Record->Link);
    }
    if (Record == NULL) {
        Status = STATUS_NOT_FOUND;
    } else if (Record->Sockets == WSKB_MAXIMUM_SOCKETS) {
        Status = STATUS_QUOTA_EXCEEDED;
    } else {
        Record->Sockets++;
    }
    KeReleaseSpinLock(&Driver->Lock, Irql);
    *Counted = Record;
    return Status;
}

_Use_decl_annotations_ NTSTATUS WskbProcessAddSocket(PWSKB_DRIVER Driver, PEPROCESS Process,
                                                     PWSKB_PROCESS* Record)
{
    PWSKB_PROCESS New = NULL;
    NTSTATUS Status = CountSocket(Driver, Process, &New, Record);
    if (Status != STATUS_NOT_FOUND) {
        return Status;
    }
    New = WskbAllocateZeroed(sizeof(*New), WSKB_TAG_PROCESS);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = CountSocket(Driver, Process, &New, Record);
    if (New != NULL) {
        ExFreePoolWithTag(New, WSKB_TAG_PROCESS); /* another thread added one first */
    }
    return Status;
}

_Use_decl_annotations_ VOID WskbProcessRemoveSocket(PWSKB_DRIVER Driver, PWSKB_PROCESS Record)
{
    BOOLEAN Last;
    KIRQL Irql;

    KeAcquireSpinLock(&Driver->Lock, &Irql);
    Last = --Record->Sockets == 0;
    if (Last) {
        RemoveEntryList(&Record->Link);
    }
    KeReleaseSpinLock(&Driver->Lock, Irql);
    if (Last) {
        ObDereferenceObject(Record->Process);
        ExFreePoolWithTag(Record, WSKB_TAG_PROCESS);
    }
}

_Use_decl_annotations_ BOOLEAN WskbProcessAddBytes(PWSKB_PROCESS Record, SIZE_T Length)
{
    LONG64 Bytes = InterlockedAdd64(&Record->Bytes, (LONG64)Length);
    if (Bytes <= (LONG64)WSKB_MAXIMUM_BYTES || Length == 0) {
        return TRUE;
    }
    WskbProcessRemoveBytes(Record, Length);
    return FALSE;
}

_Use_decl_annotations_ VOID WskbProcessRemoveBytes(PWSKB_PROCESS Record, SIZE_T Length)
{
    (VOID) InterlockedAdd64(&Record->Bytes, -(LONG64)Length);
}
