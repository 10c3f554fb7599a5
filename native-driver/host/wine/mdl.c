/* SPDX-License-Identifier: Apache-2.0
 *
 * Mapping the memory of a driver's own MDL, which Wine does not do.
 */
#include "winekernel.h"

#include <nt/partial.h>
#include <nt/probe.h>

void NTAPI MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    WineMmBuildMdlForNonPagedPool(MemoryDescriptorList);
    MemoryDescriptorList->MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
    MemoryDescriptorList->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
}

/* Wine's own version does nothing. */
void NTAPI BuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    if (!HostDescribePart(SourceMdl, TargetMdl, VirtualAddress, Length)) {
        KeBugCheckEx(TARGET_MDL_TOO_SMALL, (ULONG_PTR)TargetMdl, (ULONG_PTR)SourceMdl, Length, 0);
    }
}

/* The process that drivers run in cannot see a program's memory. */
NTSTATUS HostProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    UNREFERENCED_PARAMETER(Mdl);
    UNREFERENCED_PARAMETER(AccessMode);
    UNREFERENCED_PARAMETER(Operation);
    return STATUS_NOT_SUPPORTED;
}
