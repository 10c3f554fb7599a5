/* SPDX-License-Identifier: Apache-2.0
 *
 * Lent memory on Wine: freeing it is Wine's, so nobody would ask for what is lent.
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
