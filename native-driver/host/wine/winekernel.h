/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to host/wine: what its files need of Win32 and of Wine's ntoskrnl.exe, without windows.h, whose
 * types clash with ours.
 *
 * winekernel.dll gives wdfldr.sys and netio.sys the routines that Wine's ntoskrnl.exe lacks or only pretends
 * to have. It exports them under their own names, so that the host's code is the same as on Linux. The driver
 * does not know it.
 */
#ifndef WINEKERNEL_H
#define WINEKERNEL_H

#include <ntddk.h>

/* Says what rule was broken and ends the process that drivers run in. */
DECLSPEC_NORETURN void WineStop(PCSTR Function, PCSTR What);

void WineYield(void);

/* Keeps this module loaded until the process ends. */
void WineStay(void);

/* What files.c has to know of IRPs that end. */
void FileCreated(PFILE_OBJECT FileObject, NTSTATUS Status);
void FileRequestCompleted(PFILE_OBJECT FileObject);

/* And of the driver's own references of a file object, which put its IRP_MJ_CLOSE off. Other objects are
 * nothing to them. */
void FileReferenced(PVOID Object);
void FileDereferenced(PVOID Object);

/* Between the two the driver is not unloaded. */
void DriverHold(PDRIVER_OBJECT DriverObject);
void DriverRelease(PDRIVER_OBJECT DriverObject);

/* Makes the driver import from here what Wine's kernel lacks. */
void ImportsReplace(PDRIVER_OBJECT DriverObject);

/* Kinds of IRPs that a file counts. */
FORCEINLINE BOOLEAN FileIsRequest(UCHAR Major)
{
    return (BOOLEAN)(Major == IRP_MJ_READ || Major == IRP_MJ_WRITE || Major == IRP_MJ_DEVICE_CONTROL);
}

/* Wine's own routines whose names are ours here (ntoskrnl.def). */
NTKERNELAPI void FASTCALL WineIofCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
NTKERNELAPI void NTAPI WineIoDeleteDevice(PDEVICE_OBJECT DeviceObject);
NTKERNELAPI void NTAPI WineMmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList);
NTKERNELAPI void NTAPI WineKeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine,
                                           PVOID DeferredContext);

#endif
