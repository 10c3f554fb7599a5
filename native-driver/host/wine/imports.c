/* SPDX-License-Identifier: Apache-2.0
 *
 * Replaces kernel routines that a driver imports and that Wine's ntoskrnl.exe lacks, or that must work
 * together with files.c. A driver is linked with ntoskrnl.exe, as on Windows, so its import table is changed
 * before it gets its first request.
 */
#include "winekernel.h"

#include <bcrypt.h>

#define COMPLETION_TAG 0x6B436957u /* WiCk */

#define PAGE_READWRITE 0x04u
__declspec(dllimport) int VirtualProtect(PVOID Address, SIZE_T Size, ULONG Protection, PULONG Before);

/* ---- completion routines that keep their driver loaded ----------------------------------------------- */

typedef struct _SAFE_COMPLETION {
    PDRIVER_OBJECT DriverObject;
    PIO_COMPLETION_ROUTINE Routine;
    PVOID Context;
} SAFE_COMPLETION;

static NTSTATUS RunSafeCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    SAFE_COMPLETION Safe = *(SAFE_COMPLETION*)Context;
    NTSTATUS Status;

    ExFreePoolWithTag(Context, COMPLETION_TAG);
    Status = Safe.Routine(DeviceObject, Irp, Safe.Context);
    DriverRelease(Safe.DriverObject);
    return Status;
}

static NTSTATUS NTAPI SetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                             PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context,
                                             BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError,
                                             BOOLEAN InvokeOnCancel)
{
    SAFE_COMPLETION* Safe = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*Safe), COMPLETION_TAG);

    if (Safe == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Safe->DriverObject = DeviceObject->DriverObject;
    Safe->Routine = CompletionRoutine;
    Safe->Context = Context;
    DriverHold(Safe->DriverObject);
    IoSetCompletionRoutine(Irp, RunSafeCompletion, Safe, InvokeOnSuccess, InvokeOnError, InvokeOnCancel);
    return STATUS_SUCCESS;
}

/* ---- references to file objects ---------------------------------------------------------------------- */

static LONG_PTR FASTCALL ReferenceObject(PVOID Object)
{
    FileReferenced(Object);
    return ObfReferenceObject(Object);
}

/* After the dereference the object is still valid if files.c knows it, since files.c references it. */
static LONG_PTR FASTCALL DereferenceObject(PVOID Object)
{
    LONG_PTR Left = ObfDereferenceObject(Object);

    FileDereferenced(Object);
    return Left;
}

static void NTAPI DereferenceObjectDeferDelete(PVOID Object)
{
    (void)DereferenceObject(Object);
}

/* ---- random numbers ---------------------------------------------------------------------------------- */

/* Wine's provider works at any IRQL, but rejects the flag that asks for DISPATCH_LEVEL. */
static NTSTATUS NTAPI OpenAlgorithmProvider(BCRYPT_ALG_HANDLE* Algorithm, PCWSTR Name, PCWSTR Implementation,
                                            ULONG Flags)
{
    return BCryptOpenAlgorithmProvider(Algorithm, Name, Implementation, Flags & ~(ULONG)BCRYPT_PROV_DISPATCH);
}

/* ---- debug messages ---------------------------------------------------------------------------------- */

/* Wine has no masks, and shows whatever is written. */
static NTSTATUS NTAPI QueryDebugFilterState(ULONG ComponentId, ULONG Level)
{
    (void)ComponentId;
    return Level <= DPFLTR_WARNING_LEVEL ? TRUE : FALSE;
}

/* ---- the import table -------------------------------------------------------------------------------- */

static const struct {
    PCSTR Name;
    PVOID Routine;
} Replacements[] = {
    {"BCryptOpenAlgorithmProvider", (PVOID)OpenAlgorithmProvider},
    {"DbgQueryDebugFilterState", (PVOID)QueryDebugFilterState},
    {"IoBuildPartialMdl", (PVOID)BuildPartialMdl},
    {"IoSetCompletionRoutineEx", (PVOID)SetCompletionRoutineEx},
    {"ObDereferenceObjectDeferDelete", (PVOID)DereferenceObjectDeferDelete},
    {"ObfDereferenceObject", (PVOID)DereferenceObject},
    {"ObfReferenceObject", (PVOID)ReferenceObject},
};

/* Offsets in a 64-bit image. */
#define HEADERS_OFFSET 0x3C
#define IMPORT_DIRECTORY                                                                                     \
    (0x18 + 0x70 + 8) /* from the signature: file header, optional header, second directory */
#define BY_ORDINAL 0x8000000000000000ull

typedef struct _IMPORT_DESCRIPTOR {
    ULONG Names;
    ULONG TimeDateStamp;
    ULONG ForwarderChain;
    ULONG Module;
    ULONG Addresses;
} IMPORT_DESCRIPTOR;

static BOOLEAN IsSame(PCSTR Left, PCSTR Right)
{
    while (*Left != 0 && *Left == *Right) {
        Left++;
        Right++;
    }
    return (BOOLEAN)(*Left == *Right);
}

static void Replace(PCSTR Name, PVOID* Address)
{
    ULONG Protection;

    for (ULONG i = 0; i < ARRAYSIZE(Replacements); i++) {
        if (IsSame(Name, Replacements[i].Name)) {
            VirtualProtect(Address, sizeof(*Address), PAGE_READWRITE, &Protection);
            *Address = Replacements[i].Routine;
            VirtualProtect(Address, sizeof(*Address), Protection, &Protection);
        }
    }
}

void ImportsReplace(PDRIVER_OBJECT DriverObject)
{
    PUCHAR Base = DriverObject->DriverStart;
    ULONG Directory = *(ULONG*)(Base + *(ULONG*)(Base + HEADERS_OFFSET) + IMPORT_DIRECTORY);
    const IMPORT_DESCRIPTOR* Import = (const IMPORT_DESCRIPTOR*)(Base + Directory);

    if (Directory == 0) {
        return;
    }
    for (; Import->Module != 0; Import++) {
        const ULONGLONG* Names = (const ULONGLONG*)(Base + Import->Names);
        PVOID* Addresses = (PVOID*)(Base + Import->Addresses);
        for (ULONG i = 0; Import->Names != 0 && Names[i] != 0; i++) {
            if ((Names[i] & BY_ORDINAL) == 0) {
                Replace((PCSTR)(Base + Names[i] + sizeof(USHORT)), &Addresses[i]);
            }
        }
    }
}
