/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that a driver has lent to a provider with an IRP. While the IRP is not completed, IoFreeMdl,
 * MmUnlockPages and ExFreePool of that memory are bugcheck DRIVER_VERIFIER_DETECTED_VIOLATION, with a report
 * that names the provider's function, the IRP and the object. Only the embedded host checks; on Wine both
 * functions do nothing, since those three routines are Wine's own.
 *
 * Both may be called at up to DISPATCH_LEVEL with locks of the provider held.
 */
#ifndef NT_LEND_H
#define NT_LEND_H

#include <nt/structures.h>

EXTERN_C_START

/* Records that the first Length bytes of the chain are lent with the IRP; may be called several times for one
 * IRP. Keeps its records in IRP.Tail.Overlay.AuxiliaryBuffer. Out of memory, nothing is checked. */
void HostLendMemory(PIRP Irp, PCSTR Function, const void* Object, PMDL Mdl, SIZE_T Length);

/* Called before the IRP is completed: the owner may free all memory that was lent with it. */
void HostReturnMemory(PIRP Irp);

EXTERN_C_END

#endif
