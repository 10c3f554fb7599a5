/* SPDX-License-Identifier: Apache-2.0
 *
 * Locking the pages of a program's memory. The program is this process, so it is enough to check that the
 * memory is accessible. Unlike on Windows, the driver's access faults if the program unmaps the memory later.
 */
#include "wdmp.h"

#include <nt/exceptions.h>
#include <nt/probe.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

/* ---- is the memory accessible? ----------------------------------------------------------------------- */

/* Where the accessible memory that begins at or before Start ends; Start when it is not accessible. */
static ULONG_PTR AccessibleUntil(FILE* Maps, ULONG_PTR Start, BOOLEAN Write)
{
    char Line[512];
    unsigned long From;
    unsigned long To;
    char Permissions[5];
    rewind(Maps);
    while (fgets(Line, sizeof(Line), Maps) != NULL) {
        if (sscanf(Line, "%lx-%lx %4s", &From, &To, Permissions) == 3 && Start >= From && Start < To) {
            return Permissions[Write ? 1 : 0] != '-' ? To : Start;
        }
    }
    return Start;
}

/* For kernels, and kinds of memory, for which madvise cannot tell. */
static BOOLEAN IsMapped(ULONG_PTR Start, ULONG_PTR End, BOOLEAN Write)
{
    FILE* Maps = fopen("/proc/self/maps", "re");
    if (Maps == NULL) {
        return FALSE;
    }
    while (Start < End) {
        ULONG_PTR Until = AccessibleUntil(Maps, Start, Write);
        if (Until == Start) {
            break;
        }
        Start = Until;
    }
    fclose(Maps);
    return (BOOLEAN)(Start >= End);
}

/* madvise brings the pages in as an access would, and changes nothing in them. It fails with EINVAL for
 * memory without the permission, for device memory, and on Linux before 5.14. */
static BOOLEAN IsAccessible(PMDL Mdl, BOOLEAN Write)
{
    ULONG_PTR Start = (ULONG_PTR)MmGetMdlBaseVa(Mdl);
    ULONG_PTR End = (ULONG_PTR)MmGetMdlVirtualAddress(Mdl) + MmGetMdlByteCount(Mdl);
    if (End < Start) {
        return FALSE;
    }
    End = ALIGN_UP_BY(End, PAGE_SIZE);
    int Result;
    do {
        Result = madvise((PVOID)Start, End - Start, Write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    } while (Result != 0 && (errno == EINTR || errno == EAGAIN));
    if (Result == 0) {
        return TRUE;
    }
    return (BOOLEAN)(errno == EINVAL && IsMapped(Start, End, Write));
}

/* ---- locking ----------------------------------------------------------------------------------------- */

static void CheckNotDescribed(PMDL Mdl)
{
    if (Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Mdl, (ULONG_PTR)Mdl->MdlFlags, 0, 0,
                     "MmProbeAndLockPages was called for an MDL that describes its pages already.");
    }
}

NTSTATUS HostProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    BOOLEAN Write = (BOOLEAN)(Operation != IoReadAccess);
    HOST_MAX_IRQL(AccessMode == UserMode ? APC_LEVEL : DISPATCH_LEVEL);
    CheckNotDescribed(Mdl);
    if (MmGetMdlByteCount(Mdl) != 0 && !IsAccessible(Mdl, Write)) {
        return STATUS_ACCESS_VIOLATION;
    }
    Mdl->MdlFlags |= MDL_PAGES_LOCKED;
    if (Write) {
        Mdl->MdlFlags |= MDL_WRITE_OPERATION;
    }
    Mdl->Process = HostCurrentProcess();
    return STATUS_SUCCESS;
}

void MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    NTSTATUS Status = HostProbeAndLockPages(MemoryDescriptorList, AccessMode, Operation);
    if (!NT_SUCCESS(Status)) {
        ExRaiseStatus(Status);
    }
}

void MmUnlockPages(PMDL MemoryDescriptorList)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if ((MemoryDescriptorList->MdlFlags & MDL_PAGES_LOCKED) == 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)MemoryDescriptorList,
                     (ULONG_PTR)MemoryDescriptorList->MdlFlags, 0, 0,
                     "MmUnlockPages was called for an MDL whose pages are not locked.");
    }
    HostCheckMdlNotLent(MemoryDescriptorList, __func__);
    MemoryDescriptorList->MdlFlags &=
        (CSHORT) ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION);
    MemoryDescriptorList->MappedSystemVa = NULL;
    MemoryDescriptorList->Process = NULL;
}
