/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to host/wine: declares what its files use of Win32 and of Wine's ntoskrnl.exe. windows.h is not
 * included: its types clash with ours.
 *
 * winekernel.dll gives wdfldr.sys and netio.sys the routines that Wine's ntoskrnl.exe lacks or only pretends
 * to have. It exports them under their own names, so that the host's code is the same as on Linux. The driver
 * is not linked with it.
 */
#ifndef WINEKERNEL_H
#define WINEKERNEL_H

#include <ntddk.h>

/* Reports the broken rule and ends the process that drivers run in. */
DECLSPEC_NORETURN void WineStop(PCSTR Function, PCSTR What);

void WineYield(void);

/* Keeps this module loaded until the process ends. */
void WineStay(void);

/* Tell files.c about completed IRPs. */
void FileCreated(PFILE_OBJECT FileObject, NTSTATUS Status);
void FileRequestCompleted(PFILE_OBJECT FileObject);

/* Tell files.c about the driver's own references to a file object, which delay its IRP_MJ_CLOSE. Other
 * objects are ignored. */
void FileReferenced(PVOID Object);
void FileDereferenced(PVOID Object);

/* Between these two calls the driver is not unloaded. */
void DriverHold(PDRIVER_OBJECT DriverObject);
void DriverRelease(PDRIVER_OBJECT DriverObject);

/* IoBuildPartialMdl for the driver. */
void NTAPI BuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length);

/* Redirects the driver's imports that Wine's kernel lacks to this module. */
void ImportsReplace(PDRIVER_OBJECT DriverObject);

/* IRPs that count as requests of a file. */
FORCEINLINE BOOLEAN FileIsRequest(UCHAR Major)
{
    return (BOOLEAN)(Major == IRP_MJ_READ || Major == IRP_MJ_WRITE || Major == IRP_MJ_DEVICE_CONTROL);
}

/* Wine's versions of routines that this module replaces (ntoskrnl.def). */
NTKERNELAPI void FASTCALL WineIofCompleteRequest(PIRP Irp, CCHAR PriorityBoost);
NTKERNELAPI void NTAPI WineIoDeleteDevice(PDEVICE_OBJECT DeviceObject);
NTKERNELAPI void NTAPI WineMmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList);

#endif
