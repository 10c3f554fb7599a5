/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that a driver has lent to a provider with an IRP. While the IRP is not completed, IoFreeMdl,
 * MmUnlockPages and ExFreePool of that memory are bugcheck DRIVER_VERIFIER_DETECTED_VIOLATION, with a report
 * that names the provider's function, the IRP and the object. Only the embedded host watches; on Wine, where
 * those three are Wine's, both functions do nothing.
 *
 * Both may be called at up to DISPATCH_LEVEL with locks of the provider held.
 */
#ifndef NT_LEND_H
#define NT_LEND_H

#include <nt/structures.h>

EXTERN_C_START

/* The first Length bytes of the chain are lent with the IRP; may be called several times for one. Keeps what
 * it knows under IRP.Tail.Overlay.AuxiliaryBuffer. When memory is short nothing is watched. */
void HostLendMemory(PIRP Irp, PCSTR Function, const void* Object, PMDL Mdl, SIZE_T Length);

/* Before the IRP is completed: everything that was lent with it belongs to its owner again. */
void HostReturnMemory(PIRP Irp);

EXTERN_C_END

#endif
