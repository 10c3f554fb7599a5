/* SPDX-License-Identifier: Apache-2.0
 *
 * MmProbeAndLockPages for the framework: returns a status instead of raising an exception.
 */
#ifndef NT_PROBE_H
#define NT_PROBE_H

#include <nt/structures.h>

EXTERN_C_START

/* STATUS_ACCESS_VIOLATION: the memory is not mapped, or not accessible in that way. On Wine, where a driver
 * cannot see a program's memory: STATUS_NOT_SUPPORTED. */
NTSTATUS HostProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation);

EXTERN_C_END

#endif
