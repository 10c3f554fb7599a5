/* SPDX-License-Identifier: Apache-2.0
 *
 * Wine does not map the memory that an MDL of a driver's own describes.
 */
#include "winekernel.h"

#include <nt/probe.h>

void NTAPI MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    WineMmBuildMdlForNonPagedPool(MemoryDescriptorList);
    MemoryDescriptorList->MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
    MemoryDescriptorList->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
}

/* A driver's process does not see a program's memory. */
NTSTATUS HostProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    UNREFERENCED_PARAMETER(Mdl);
    UNREFERENCED_PARAMETER(AccessMode);
    UNREFERENCED_PARAMETER(Operation);
    return STATUS_NOT_SUPPORTED;
}
