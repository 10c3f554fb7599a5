/* SPDX-License-Identifier: Apache-2.0
 *
 * iomanager.h and wskhost.h where the driver is a service: the driver's tests run against wskbridge.sys
 * itself. The native functions come from ntdll.dll; only functions that it does not have are implemented
 * here. Loading and unloading the driver starts and stops its service, which must exist.
 *
 * The system does not report what exists in its kernel, so the accounting is 0. But the service stops only
 * when the driver's last socket is closed, so a leaked socket is still detected.
 *
 * There is no fault injection and no process object. A list excludes the tests that need them; running one
 * ends the program.
 */
#include <iomanager.h>
#include <wskhost.h>

#include <stdio.h>
#include <stdlib.h>

#include "service.h"

#define FILE_COMPLETION_INFORMATION_CLASS 30
#define FILE_SHARE_ALL                    7u

typedef struct {
    HANDLE Port;
    PVOID Key;
} FILE_COMPLETION_INFORMATION;

NTSTATUS NtOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                    PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions);
NTSTATUS NtSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                              ULONG Length, ULONG FileInformationClass);

/* The driver's entry point is in its own image. */
DRIVER_INITIALIZE FxDriverEntry, DriverEntry;

static DECLSPEC_NORETURN void NotHere(const char* Function)
{
    fprintf(stderr, "%s: the embedded host alone can do that\n", Function);
    abort();
}

NTSTATUS FxDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    NotHere("FxDriverEntry");
}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(DriverObject);
    UNREFERENCED_PARAMETER(RegistryPath);
    NotHere("DriverEntry");
}

/* ---- services ---------------------------------------------------------------------------------------- */

NTSTATUS HostLoadDriver(PCWSTR ServiceName, PDRIVER_INITIALIZE Entry)
{
    UNREFERENCED_PARAMETER(Entry);
    return ServiceStart(ServiceName) == 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

NTSTATUS HostUnloadDriver(PCWSTR ServiceName)
{
    return ServiceStop(ServiceName) == 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

/* ---- files ------------------------------------------------------------------------------------------- */

/* Win32's \\.\Name is \??\Name. */
NTSTATUS HostOpenFile(PCWSTR Name, ACCESS_MASK DesiredAccess, PHANDLE FileHandle)
{
    static const WCHAR Win32[] = L"\\\\.\\";
    static const WCHAR Native[] = L"\\??\\";
    WCHAR Path[64];
    USHORT Length = 0;
    UNICODE_STRING Text;
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK Block;

    while (Name[Length] != 0) {
        if (Length == ARRAYSIZE(Path)) {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        Path[Length] = Name[Length];
        Length++;
    }
    if (Length >= 4 && memcmp(Path, Win32, 4 * sizeof(WCHAR)) == 0) {
        memcpy(Path, Native, 4 * sizeof(WCHAR));
    }
    Text.Buffer = Path;
    Text.Length = Text.MaximumLength = (USHORT)(Length * sizeof(WCHAR));
    InitializeObjectAttributes(&Attributes, &Text, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return NtOpenFile(FileHandle, DesiredAccess, &Attributes, &Block, FILE_SHARE_ALL, 0);
}

NTSTATUS HostAssociateCompletionPort(HANDLE FileHandle, HANDLE IoCompletionHandle, PVOID KeyContext)
{
    FILE_COMPLETION_INFORMATION Information = {IoCompletionHandle, KeyContext};
    IO_STATUS_BLOCK Block;

    return NtSetInformationFile(FileHandle, &Block, &Information, sizeof(Information),
                                FILE_COMPLETION_INFORMATION_CLASS);
}

/* ---- accounting -------------------------------------------------------------------------------------- */

void HostQueryAccounting(PHOST_ACCOUNTING Accounting)
{
    memset(Accounting, 0, sizeof(*Accounting));
}

void WskHostQueryAccounting(PWSKHOST_ACCOUNTING Accounting)
{
    memset(Accounting, 0, sizeof(*Accounting));
}

size_t HostDescribeLeaks(char* Text, size_t Length)
{
    if (Length > 0) {
        *Text = 0;
    }
    return 0;
}

/* ---- faults and processes: not supported; removing them does nothing --------------------------------- */

void HostFailAllocation(ULONG Nth, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    if (Nth != 0) {
        NotHere(__func__);
    }
}

void WskHostFailCall(ULONG Nth, NTSTATUS Status)
{
    UNREFERENCED_PARAMETER(Status);
    if (Nth != 0) {
        NotHere(__func__);
    }
}

void WskHostOverstate(ULONG Bytes)
{
    if (Bytes != 0) {
        NotHere(__func__);
    }
}

void WskHostForceClose(void)
{
    NotHere(__func__);
}

void WskHostSetAvailable(BOOLEAN Available)
{
    if (!Available) {
        NotHere(__func__);
    }
}

void WskHostHoldCloses(BOOLEAN Hold)
{
    if (Hold) {
        NotHere(__func__);
    }
}

void HostExtendIrps(BOOLEAN Extend)
{
    if (Extend) {
        NotHere(__func__);
    }
}

void HostHideSystemRoutine(PCWSTR Name)
{
    if (Name != NULL) {
        NotHere(__func__);
    }
}

void HostSetProcessRights(HOST_PROCESS_RIGHTS Rights)
{
    if (Rights != HostProcessAdministrator) {
        NotHere(__func__);
    }
}

PEPROCESS HostCreateProcess(HOST_PROCESS_RIGHTS Rights)
{
    UNREFERENCED_PARAMETER(Rights);
    NotHere(__func__);
}

void HostEnterProcess(PEPROCESS Process)
{
    UNREFERENCED_PARAMETER(Process);
    NotHere(__func__);
}

void HostEndProcess(PEPROCESS Process)
{
    UNREFERENCED_PARAMETER(Process);
    NotHere(__func__);
}
