/* SPDX-License-Identifier: Apache-2.0
 *
 * The common part of the implementations of IoBuildPartialMdl. Not for drivers.
 */
#ifndef HOST_NT_PARTIAL_H
#define HOST_NT_PARTIAL_H

#include <ntddk.h>

/* Makes Target, from MmInitializeMdl or IoAllocateMdl, describe Length bytes of Source at VirtualAddress, or
 * the rest of Source when Length is 0. If Source is mapped, Target uses that mapping. FALSE: the range is not
 * in Source, or Target has too few pages. */
FORCEINLINE BOOLEAN HostDescribePart(PMDL Source, PMDL Target, PVOID VirtualAddress, ULONG Length)
{
    SIZE_T offset = (SIZE_T)((PUCHAR)VirtualAddress - (PUCHAR)MmGetMdlVirtualAddress(Source));

    if (offset > Source->ByteCount || Length > Source->ByteCount - offset) {
        return FALSE;
    }
    ULONG length = Length != 0 ? Length : (ULONG)(Source->ByteCount - offset);
    SIZE_T size = sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, length);
    if (size > (SIZE_T)(USHORT)Target->Size) {
        return FALSE;
    }
    Target->Process = Source->Process;
    Target->StartVa = PAGE_ALIGN(VirtualAddress);
    Target->ByteOffset = BYTE_OFFSET(VirtualAddress);
    Target->ByteCount = length;
    Target->MdlFlags = (CSHORT)((Target->MdlFlags & MDL_ALLOCATED_FIXED_SIZE) | MDL_PARTIAL |
                                (Source->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)));
    Target->MappedSystemVa = Source->MappedSystemVa == NULL ? NULL : (PUCHAR)Source->MappedSystemVa + offset;
    return TRUE;
}

#endif
