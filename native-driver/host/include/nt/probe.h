/* SPDX-License-Identifier: Apache-2.0
 *
 * MmProbeAndLockPages for the framework: the same, with a status in the place of the exception.
 */
#ifndef NT_PROBE_H
#define NT_PROBE_H

#include <nt/structures.h>

EXTERN_C_START

/* STATUS_ACCESS_VIOLATION: the memory is not there, or can't be accessed so. On Wine, where a driver does not
 * see a program's memory: STATUS_NOT_SUPPORTED. */
NTSTATUS HostProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation);

EXTERN_C_END

#endif
