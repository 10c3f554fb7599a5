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
    va_list arguments;
    size_t used = Text->Needed < Text->Length ? Text->Needed : Text->Length;
    va_start(arguments, Format);
    int written =
        vsnprintf(Text->Length > used ? Text->Buffer + used : NULL, Text->Length - used, Format, arguments);
    va_end(arguments);
    Text->Needed += written > 0 ? (size_t)written : 0;
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
    SURVEY* survey = Context;
    ULONG i = 0;
    if (!Concerns(survey, Info->Driver, Info->Sequence)) {
        return;
    }
    while (i < survey->Groups && (survey->Group[i].Kind != Info->Kind || survey->Group[i].Tag != Info->Tag)) {
        i++;
    }
    if (i == MAX_GROUPS) {
        i--; /* the last group takes the rest */
    } else if (i == survey->Groups) {
        survey->Groups++;
        survey->Group[i].Kind = Info->Kind;
        survey->Group[i].Tag = Info->Tag;
        survey->Group[i].Caller = Info->Caller;
    }
    survey->Group[i].Count++;
    survey->Group[i].Bytes += Info->Length;
}

static void CountDevice(PHOST_OBJECT Object, PVOID Context)
{
    PHOST_DEVICE device = (PHOST_DEVICE)(Object + 1);
    SURVEY* survey = Context;
    if (survey->Driver == NULL || (PHOST_DRIVER)device->Object.DriverObject == survey->Driver) {
        survey->Devices++;
    }
}

static void CountReferences(PHOST_OBJECT Object, PVOID Context)
{
    SURVEY* survey = Context;
    if (survey->Driver == NULL || survey->OnlyDriver) {
        survey->References += (ULONGLONG)__atomic_load_n(&Object->DriverReferences, __ATOMIC_RELAXED);
    }
}

static void CountFileRequests(PHOST_OBJECT Object, PVOID Context)
{
    PHOST_FILE file = (PHOST_FILE)(Object + 1);
    SURVEY* survey = Context;
    HostAcquireLock(&file->Lock);
    survey->Requests += file->PendingCount;
    HostReleaseLock(&file->Lock);
}

static void CountOpenFile(const HOST_OPEN_FILE* File, PVOID Context)
{
    SURVEY* survey = Context;
    if (!Concerns(survey, File->Driver, File->Sequence)) {
        return;
    }
    if (survey->OpenFiles++ == 0) {
        snprintf(survey->FirstFile, sizeof(survey->FirstFile), "%s", File->Name);
    }
}

static void TakeSurvey(SURVEY* Survey)
{
    static struct _OBJECT_TYPE* const referenced[] = {&HostFileType,  &HostDeviceType, &HostEventType,
                                                      &HostPortType,  &HostThreadType, &HostProcessType,
                                                      &HostDriverType};
    HostVisitAllocations(CountAllocation, Survey);
    HostVisitObjects(&HostDeviceType, CountDevice, Survey);
    HostVisitObjects(&HostFileType, CountFileRequests, Survey);
    HostVisitOpenFiles(CountOpenFile, Survey);
    for (size_t i = 0; i < ARRAYSIZE(referenced); i++) {
        HostVisitObjects(referenced[i], CountReferences, Survey);
    }
    /* The two processes that always exist are in no list. */
    CountReferences(HOST_OBJECT_OF(HostInitialProcess), Survey);
    CountReferences(HOST_OBJECT_OF(HostSystemProcess), Survey);
}

/* ---- describing -------------------------------------------------------------------------------------- */

static void PrintCaller(TEXT* Text, PVOID Caller)
{
    Dl_info info;
    if (dladdr(Caller, &info) == 0) {
        Print(Text, ", the first at %p", Caller);
    } else if (info.dli_sname != NULL) {
        Print(Text, ", the first in %s", info.dli_sname);
    } else {
        Print(Text, ", the first at %s+0x%zx", info.dli_fname,
              (size_t)((char*)Caller - (char*)info.dli_fbase));
    }
}

static void PrintGroup(TEXT* Text, const GROUP* Group)
{
    char tag[5] = {0};
    for (int i = 0; i < 4; i++) {
        UCHAR byte = (UCHAR)(Group->Tag >> (8 * i));
        tag[i] = byte >= 0x20 && byte < 0x7F ? (char)byte : '.';
    }
    Print(Text, "%s '%s': %llu allocated, %llu bytes", KindNames[Group->Kind], tag, Group->Count,
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
    SURVEY survey = {.Driver = NULL};
    TEXT text = {Text, Length, 0};
    if (Length != 0) {
        Text[0] = 0;
    }
    TakeSurvey(&survey);
    PrintSurvey(&text, &survey);
    PrintCount(&text, "requests", survey.Requests);
    PrintCount(&text, "file objects", HostCountObjects(&HostFileType));
    PrintCount(&text, "handles", HostCountHandles());
    return text.Needed;
}

void HostQueryAccounting(PHOST_ACCOUNTING Accounting)
{
    SURVEY survey = {.Driver = NULL};
    ULONGLONG count[HostKindCount] = {0};
    ULONGLONG bytes[HostKindCount] = {0};
    TakeSurvey(&survey);
    HostCountAllocations(count, bytes);
    Accounting->PoolAllocations = count[HostKindPool];
    Accounting->PoolBytes = bytes[HostKindPool];
    Accounting->Irps = count[HostKindIrp] + survey.Requests;
    Accounting->Mdls = count[HostKindMdl];
    Accounting->Devices = survey.Devices;
    Accounting->FileObjects = HostCountObjects(&HostFileType);
    Accounting->WorkItems = count[HostKindWorkItem];
    Accounting->References = survey.References;
    Accounting->Handles = HostCountHandles();
    Accounting->Requests = survey.Requests;
}

/* ---- the check at unload ----------------------------------------------------------------------------- */

void HostCheckLeaks(PHOST_DRIVER Driver)
{
    char report[REPORT_SIZE] = "";
    char name[64];
    TEXT text = {report, sizeof(report), 0};
    SURVEY survey = {.Driver = Driver, .OnlyDriver = (BOOLEAN)(HostCountServices() == 1)};

    TakeSurvey(&survey);
    PrintSurvey(&text, &survey);
    PrintCount(&text, "symbolic links", HostCountLinks(Driver));
    PrintCount(&text, "timers that are set", HostCountTimers(Driver));
    PrintCount(&text, "system threads that run", HostCountSystemThreads(Driver));
    if (text.Needed != 0) {
        HostBugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x62, (ULONG_PTR)Driver, 0, 0,
                     "The driver %s is unloaded and has left behind:\n%s",
                     HostDriverName(Driver, name, sizeof(name)), report);
    }
}
