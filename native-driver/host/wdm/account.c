/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounting: counts and describes what exists on the kernel side, and checks what an unloaded driver left
 * behind.
 */
#include "wdmp.h"

#include <dlfcn.h>

#define MAX_GROUPS  64
#define REPORT_SIZE 4096

/* Allocations of one kind and tag. */
typedef struct _GROUP {
    HOST_KIND Kind;
    ULONG Tag;
    ULONGLONG Count;
    ULONGLONG Bytes;
    PVOID Caller; /* of the first */
} GROUP;

typedef struct _SURVEY {
    PHOST_DRIVER Driver; /* count only what belongs to it; NULL: everything */
    BOOLEAN OnlyDriver;  /* no other driver is loaded: objects without an owner count as its own */
    ULONG Groups;
    GROUP Group[MAX_GROUPS];
    ULONGLONG Devices;
    ULONGLONG References;
    ULONGLONG Requests;
    ULONGLONG OpenFiles;
    char FirstFile[128]; /* the name of the first of them */
} SURVEY;

typedef struct _TEXT {
    char* Buffer;
    size_t Length;
    size_t Needed;
} TEXT;

static const char* const KindNames[HostKindCount] = {
    [HostKindPool] = "pool", [HostKindIrp] = "IRP", [HostKindMdl] = "MDL", [HostKindWorkItem] = "work item"};

static void __attribute__((format(printf, 2, 3))) Print(TEXT* Text, const char* Format, ...)
{
    va_list Arguments;
    size_t Used = Text->Needed < Text->Length ? Text->Needed : Text->Length;
    va_start(Arguments, Format);
    int Written =
        vsnprintf(Text->Length > Used ? Text->Buffer + Used : NULL, Text->Length - Used, Format, Arguments);
    va_end(Arguments);
    Text->Needed += Written > 0 ? (size_t)Written : 0;
}

/* ---- surveying --------------------------------------------------------------------------------------- */

static BOOLEAN Concerns(const SURVEY* Survey, PHOST_DRIVER Driver, ULONGLONG Sequence)
{
    if (Survey->Driver == NULL || Driver == Survey->Driver) {
        return TRUE;
    }
    return (BOOLEAN)(Driver == NULL && Survey->OnlyDriver && Sequence >= Survey->Driver->Sequence);
}

static void CountAllocation(const HOST_ALLOCATION_INFO* Info, PVOID Context)
{
    SURVEY* Survey = Context;
    ULONG i = 0;
    if (!Concerns(Survey, Info->Driver, Info->Sequence)) {
        return;
    }
    while (i < Survey->Groups && (Survey->Group[i].Kind != Info->Kind || Survey->Group[i].Tag != Info->Tag)) {
        i++;
    }
    if (i == MAX_GROUPS) {
        i--; /* the last group takes the rest */
    } else if (i == Survey->Groups) {
        Survey->Groups++;
        Survey->Group[i].Kind = Info->Kind;
        Survey->Group[i].Tag = Info->Tag;
        Survey->Group[i].Caller = Info->Caller;
    }
    Survey->Group[i].Count++;
    Survey->Group[i].Bytes += Info->Length;
}

static void CountDevice(PHOST_OBJECT Object, PVOID Context)
{
    PHOST_DEVICE Device = (PHOST_DEVICE)(Object + 1);
    SURVEY* Survey = Context;
    if (Survey->Driver == NULL || (PHOST_DRIVER)Device->Object.DriverObject == Survey->Driver) {
        Survey->Devices++;
    }
}

static void CountReferences(PHOST_OBJECT Object, PVOID Context)
{
    SURVEY* Survey = Context;
    if (Survey->Driver == NULL || Survey->OnlyDriver) {
        Survey->References += (ULONGLONG)__atomic_load_n(&Object->DriverReferences, __ATOMIC_RELAXED);
    }
}

static void CountFileRequests(PHOST_OBJECT Object, PVOID Context)
{
    PHOST_FILE File = (PHOST_FILE)(Object + 1);
    SURVEY* Survey = Context;
    HostAcquireLock(&File->Lock);
    Survey->Requests += File->PendingCount;
    HostReleaseLock(&File->Lock);
}

static void CountOpenFile(const HOST_OPEN_FILE* File, PVOID Context)
{
    SURVEY* Survey = Context;
    if (!Concerns(Survey, File->Driver, File->Sequence)) {
        return;
    }
    if (Survey->OpenFiles++ == 0) {
        snprintf(Survey->FirstFile, sizeof(Survey->FirstFile), "%s", File->Name);
    }
}

static void TakeSurvey(SURVEY* Survey)
{
    static struct _OBJECT_TYPE* const Referenced[] = {&HostFileType,  &HostDeviceType, &HostEventType,
                                                      &HostPortType,  &HostThreadType, &HostProcessType,
                                                      &HostDriverType};
    HostVisitAllocations(CountAllocation, Survey);
    HostVisitObjects(&HostDeviceType, CountDevice, Survey);
    HostVisitObjects(&HostFileType, CountFileRequests, Survey);
    HostVisitOpenFiles(CountOpenFile, Survey);
    for (size_t i = 0; i < ARRAYSIZE(Referenced); i++) {
        HostVisitObjects(Referenced[i], CountReferences, Survey);
    }
    /* The two processes that always exist are in no list. */
    CountReferences(HOST_OBJECT_OF(HostInitialProcess), Survey);
    CountReferences(HOST_OBJECT_OF(HostSystemProcess), Survey);
}

/* ---- describing -------------------------------------------------------------------------------------- */

static void PrintCaller(TEXT* Text, PVOID Caller)
{
    Dl_info Info;
    if (dladdr(Caller, &Info) == 0) {
        Print(Text, ", the first at %p", Caller);
    } else if (Info.dli_sname != NULL) {
        Print(Text, ", the first in %s", Info.dli_sname);
    } else {
        Print(Text, ", the first at %s+0x%zx", Info.dli_fname,
              (size_t)((char*)Caller - (char*)Info.dli_fbase));
    }
}

static void PrintGroup(TEXT* Text, const GROUP* Group)
{
    char Tag[5] = {0};
    for (int i = 0; i < 4; i++) {
        UCHAR Byte = (UCHAR)(Group->Tag >> (8 * i));
        Tag[i] = Byte >= 0x20 && Byte < 0x7F ? (char)Byte : '.';
    }
    Print(Text, "%s '%s': %llu allocated, %llu bytes", KindNames[Group->Kind], Tag, Group->Count,
          Group->Bytes);
    PrintCaller(Text, Group->Caller);
    Print(Text, "\n");
}

static void PrintCount(TEXT* Text, const char* Name, ULONGLONG Count)
{
    if (Count != 0) {
        Print(Text, "%s: %llu\n", Name, Count);
    }
}

static void PrintSurvey(TEXT* Text, const SURVEY* Survey)
{
    for (ULONG i = 0; i < Survey->Groups; i++) {
        PrintGroup(Text, &Survey->Group[i]);
    }
    PrintCount(Text, "devices", Survey->Devices);
    PrintCount(Text, "references of objects", Survey->References);
    if (Survey->OpenFiles != 0) {
        Print(Text, "files that are open: %llu, the first %s\n", Survey->OpenFiles, Survey->FirstFile);
    }
}

size_t HostDescribeLeaks(char* Text, size_t Length)
{
    SURVEY Survey = {.Driver = NULL};
    TEXT Writer = {Text, Length, 0};
    if (Length != 0) {
        Text[0] = 0;
    }
    TakeSurvey(&Survey);
    PrintSurvey(&Writer, &Survey);
    PrintCount(&Writer, "requests", Survey.Requests);
    PrintCount(&Writer, "file objects", HostCountObjects(&HostFileType));
    PrintCount(&Writer, "handles", HostCountHandles());
    return Writer.Needed;
}

void HostQueryAccounting(PHOST_ACCOUNTING Accounting)
{
    SURVEY Survey = {.Driver = NULL};
    ULONGLONG Count[HostKindCount] = {0};
    ULONGLONG Bytes[HostKindCount] = {0};
    TakeSurvey(&Survey);
    HostCountAllocations(Count, Bytes);
    Accounting->PoolAllocations = Count[HostKindPool];
    Accounting->PoolBytes = Bytes[HostKindPool];
    Accounting->Irps = Count[HostKindIrp] + Survey.Requests;
    Accounting->Mdls = Count[HostKindMdl];
    Accounting->Devices = Survey.Devices;
    Accounting->FileObjects = HostCountObjects(&HostFileType);
    Accounting->WorkItems = Count[HostKindWorkItem];
    Accounting->References = Survey.References;
    Accounting->Handles = HostCountHandles();
    Accounting->Requests = Survey.Requests;
}

/* ---- the check at unload ----------------------------------------------------------------------------- */

void HostCheckLeaks(PHOST_DRIVER Driver)
{
    char Report[REPORT_SIZE] = "";
    char Name[64];
    TEXT Text = {Report, sizeof(Report), 0};
    SURVEY Survey = {.Driver = Driver, .OnlyDriver = (BOOLEAN)(HostCountServices() == 1)};

    TakeSurvey(&Survey);
    PrintSurvey(&Text, &Survey);
    PrintCount(&Text, "symbolic links", HostCountLinks(Driver));
    PrintCount(&Text, "timers that are set", HostCountTimers(Driver));
    PrintCount(&Text, "system threads that run", HostCountSystemThreads(Driver));
    if (Text.Needed != 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x62, (ULONG_PTR)Driver, 0, 0,
                     "The driver %s is unloaded and has left behind:\n%s",
                     HostDriverName(Driver, Name, sizeof(Name)), Report);
    }
}
