/* SPDX-License-Identifier: Apache-2.0
 *
 * Lent memory is not tracked on Wine: Wine frees memory itself, so nothing would check.
 */
#include <ntddk.h>

#include <nt/lend.h>

void HostLendMemory(PIRP Irp, PCSTR Function, const void* Object, PMDL Mdl, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Irp);
    UNREFERENCED_PARAMETER(Function);
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Mdl);
    UNREFERENCED_PARAMETER(Length);
}

void HostReturnMemory(PIRP Irp)
{
    UNREFERENCED_PARAMETER(Irp);
}
