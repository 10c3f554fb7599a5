/* SPDX-License-Identifier: Apache-2.0
 *
 * Wine does not map the memory that an MDL of a driver's own describes.
 */
#include "winekernel.h"

void NTAPI MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    WineMmBuildMdlForNonPagedPool(MemoryDescriptorList);
    MemoryDescriptorList->MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
    MemoryDescriptorList->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
}
