/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory descriptor lists. Kernel and user share one address space here, so a mapping is the address itself.
 */
#include "wdmp.h"

#include <nt/partial.h>

PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, PIRP Irp)
{
    UNREFERENCED_PARAMETER(ChargeQuota);
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    SIZE_T Size = sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, Length);
    PMDL Mdl = HostAllocate(HostKindMdl, Size, HOST_TAG_MDL, __builtin_return_address(0));
    if (Mdl == NULL) {
        return NULL;
    }
    memset(Mdl, 0, Size);
    MmInitializeMdl(Mdl, VirtualAddress, Length);
    if (Irp != NULL && !SecondaryBuffer) {
        Irp->MdlAddress = Mdl;
    } else if (Irp != NULL) {
        PMDL* Link = &Irp->MdlAddress;
        while (*Link != NULL) {
            Link = &(*Link)->Next;
        }
        *Link = Mdl;
    }
    return Mdl;
}

void IoFreeMdl(PMDL Mdl)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    HostVerify(HostKindMdl, Mdl, __func__);
    HostCheckMdlNotLent(Mdl, __func__);
    if (Mdl->MdlFlags & MDL_PAGES_LOCKED) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Mdl, (ULONG_PTR)Mdl->MdlFlags, 0, 0,
                     "IoFreeMdl was called for an MDL whose pages were not unlocked with MmUnlockPages.");
    }
    HostFree(HostKindMdl, Mdl, __func__);
}

void IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (!HostDescribePart(SourceMdl, TargetMdl, VirtualAddress, Length)) {
        HostBugcheck(
            TARGET_MDL_TOO_SMALL, (ULONG_PTR)TargetMdl, (ULONG_PTR)SourceMdl, Length, 0,
            "IoBuildPartialMdl was called for a range that is outside of its source, or has more pages "
            "than its target has room for.");
    }
}

void MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (MemoryDescriptorList->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL)) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)MemoryDescriptorList, 0, 0, 0,
                     "MmBuildMdlForNonPagedPool was called for an MDL that describes its pages already.");
    }
    MemoryDescriptorList->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    MemoryDescriptorList->MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
}

/* Reached only for an MDL whose pages are not mapped; those of the I/O manager and of nonpaged pool always
 * are. */
PVOID MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                   MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                   ULONG BugCheckOnFailure, ULONG Priority)
{
    UNREFERENCED_PARAMETER(AccessMode);
    UNREFERENCED_PARAMETER(CacheType);
    UNREFERENCED_PARAMETER(RequestedAddress);
    UNREFERENCED_PARAMETER(BugCheckOnFailure);
    UNREFERENCED_PARAMETER(Priority);
    if ((MemoryDescriptorList->MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL)) == 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)MemoryDescriptorList,
                     (ULONG_PTR)MemoryDescriptorList->MdlFlags, 0, 0,
                     "An MDL is mapped that has neither locked pages nor pages of nonpaged pool.");
    }
    MemoryDescriptorList->MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
    MemoryDescriptorList->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    if (MemoryDescriptorList->MdlFlags & MDL_PARTIAL) {
        MemoryDescriptorList->MdlFlags |= MDL_PARTIAL_HAS_BEEN_MAPPED;
    }
    return MemoryDescriptorList->MappedSystemVa;
}

void MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    if (BaseAddress != MemoryDescriptorList->MappedSystemVa ||
        (MemoryDescriptorList->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) == 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)MemoryDescriptorList,
                     (ULONG_PTR)BaseAddress, (ULONG_PTR)MemoryDescriptorList->MdlFlags, 0,
                     "MmUnmapLockedPages was called for an MDL that is not mapped at that address.");
    }
    MemoryDescriptorList->MdlFlags &= (CSHORT) ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
    MemoryDescriptorList->MappedSystemVa = NULL;
}
