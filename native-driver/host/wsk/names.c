/* SPDX-License-Identifier: Apache-2.0
 *
 * WskGetAddressInfo, WskFreeAddressInfo and WskGetNameInfo. The system's functions block, so each call has
 * its own thread, and its IRP pends meanwhile. A cancelled IRP is completed at once; its thread continues
 * until the system answers, and the answer is discarded. The client's WskDeregister waits for the thread.
 */
#include "wskp.h"

#include <nt/walk.h>

#define FLAGS_OF_ADDRESS_INFO                                                                                \
    (AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV | AI_ALL | AI_ADDRCONFIG | AI_V4MAPPED)
#define FLAGS_OF_NAME_INFO (NI_NOFQDN | NI_NUMERICHOST | NI_NAMEREQD | NI_NUMERICSERV | NI_DGRAM)

/* One call. Freed by Reap after its last reference was dropped. */
typedef struct _LOOKUP {
    LIST_ENTRY Link; /* Names.Lookups, once the call has returned */
    PPROVIDER_CLIENT Client;
    BACKEND_HANDLE Thread;
    LONG References; /* interlocked: the thread's and the IRP's */
    KSPIN_LOCK Lock;
    PIRP Irp; /* Lock; NULL once the cancel routine has it */
    BACKEND_NAME_RESULT (*Find)(struct _LOOKUP* Lookup);
    NTSTATUS(*Answer)
    (struct _LOOKUP* Lookup); /* returns the result to the client; the caller owns the IRP */

    /* WskGetAddressInfo */
    PADDRINFOEXW* Result;
    BACKEND_NAME_QUERY Query;
    BACKEND_NAME_ENTRY* Entries;

    /* WskGetNameInfo */
    BACKEND_ADDRESS Address;
    ULONG Flags;
    PUNICODE_STRING NodeOut;
    PUNICODE_STRING ServiceOut;

    /* The names that are looked up, or found. */
    WCHAR Node[NI_MAXHOST];
    WCHAR Service[NI_MAXHOST];
} LOOKUP, *PLOOKUP;

/* One list of results; the client knows Entries[0]. */
typedef struct _ADDRESS_LIST {
    LIST_ENTRY Link; /* PROVIDER_CLIENT.Lists */
    struct {
        ADDRINFOEXW Info;
        SOCKADDR_INET Address;
    } Entries[];
} ADDRESS_LIST, *PADDRESS_LIST;

static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Lookups;
} Names = {.Lookups = {&Names.Lookups, &Names.Lookups}};

/* ---- lookups ----------------------------------------------------------------------------------------- */

static PLOOKUP LookupAllocate(PPROVIDER_CLIENT Client)
{
    PLOOKUP Lookup = ExAllocatePoolZero(NonPagedPoolNx, sizeof(LOOKUP), WSK_POOL_TAG);

    if (Lookup != NULL) {
        Lookup->Client = Client;
        Lookup->References = 2;
        KeInitializeSpinLock(&Lookup->Lock);
    }
    return Lookup;
}

/* Takes any lookup of the client off the list. */
static BOOLEAN TakeLookup(PLIST_ENTRY Entry, PVOID Client)
{
    if (CONTAINING_RECORD(Entry, LOOKUP, Link)->Client != Client) {
        return FALSE;
    }
    RemoveEntryList(Entry);
    return TRUE;
}

/* The same when its thread is done with it. */
static BOOLEAN TakeFinished(PLIST_ENTRY Entry, PVOID Client)
{
    return ReadAcquire(&CONTAINING_RECORD(Entry, LOOKUP, Link)->References) == 0 && TakeLookup(Entry, Client);
}

static void Reap(PPROVIDER_CLIENT Client, HOST_CLAIM* Take)
{
    PLIST_ENTRY Entry;

    while ((Entry = HostClaimNext(&Names.Lock, &Names.Lookups, NULL, Take, Client)) != NULL) {
        PLOOKUP Lookup = CONTAINING_RECORD(Entry, LOOKUP, Link);

        if (Lookup->Thread != BACKEND_NO_HANDLE) {
            BackendJoinThread(Lookup->Thread);
        }
        NT_ASSERT(ReadAcquire(&Lookup->References) == 0);
        ExFreePoolWithTag(Lookup, WSK_POOL_TAG);
    }
}

/* The IRP's reference was dropped before: the client may free its memory as soon as the IRP is completed. */
static void CompleteLookup(PPROVIDER_CLIENT Client, PIRP Irp, NTSTATUS Status)
{
    CALL Call;

    InterlockedIncrement64(&Provider.IrpsCompleted);
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    CallEnterCompletion(&Call);
    IoCompleteRequest(Irp, IO_NETWORK_INCREMENT);
    CallLeaveCompletion(&Call);
    ClientLeave(Client);
}

static PLOOKUP LookupOf(PIRP Irp)
{
    return Irp->Tail.Overlay.DriverContext[0];
}

static DRIVER_CANCEL LookupCancel;

static void LookupCancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PLOOKUP Lookup = LookupOf(Irp);
    PPROVIDER_CLIENT Client = Lookup->Client;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Lookup->Lock, &Irql);
    Lookup->Irp = NULL;
    KeReleaseSpinLock(&Lookup->Lock, Irql);
    InterlockedDecrement(&Lookup->References);
    CompleteLookup(Client, Irp, STATUS_CANCELLED);
}

/* The caller completes the returned IRP; NULL when the cancel routine does. */
static PIRP TakeIrp(PLOOKUP Lookup)
{
    PIRP Irp;
    KIRQL Irql;

    KeAcquireSpinLock(&Lookup->Lock, &Irql);
    Irp = Lookup->Irp;
    if (Irp != NULL && IoSetCancelRoutine(Irp, NULL) == NULL) {
        Irp = NULL; /* the cancel routine is waiting for the lock */
    }
    KeReleaseSpinLock(&Lookup->Lock, Irql);
    return Irp;
}

static NTSTATUS StatusFromName(BACKEND_NAME_RESULT Result)
{
    switch (Result) {
    case BackendNameFound:
        return STATUS_SUCCESS;
    case BackendNameInvalid:
        return STATUS_INVALID_PARAMETER;
    case BackendNameTooSmall:
        return STATUS_BUFFER_TOO_SMALL;
    case BackendNameNoMemory:
        return STATUS_INSUFFICIENT_RESOURCES;
    default:
        return STATUS_NO_MATCH;
    }
}

/* Ends a lookup; called by its thread. */
static void Finish(PLOOKUP Lookup, NTSTATUS Status)
{
    PPROVIDER_CLIENT Client = Lookup->Client;
    PIRP Irp = TakeIrp(Lookup);

    if (Irp != NULL && NT_SUCCESS(Status)) {
        Status = Lookup->Answer(Lookup);
    }
    BackendFreeAddresses(Lookup->Entries);
    Lookup->Entries = NULL;
    if (Irp != NULL) {
        InterlockedDecrement(&Lookup->References);
        CompleteLookup(Client, Irp, Status);
    }
    InterlockedDecrement(&Lookup->References);
}

static void LookupThread(void* Context)
{
    PLOOKUP Lookup = Context;

    Finish(Lookup, StatusFromName(Lookup->Find(Lookup)));
}

/* Pends the call's IRP. FALSE: it was cancelled before. */
static BOOLEAN Pend(PCALL Call, PLOOKUP Lookup)
{
    PIRP Irp = Call->Irp;
    BOOLEAN Pended = TRUE;
    KIRQL Irql;

    KeAcquireSpinLock(&Lookup->Lock, &Irql);
    Irp->Tail.Overlay.DriverContext[0] = Lookup;
    Lookup->Irp = Irp;
    (void)IoSetCancelRoutine(Irp, LookupCancel);
    if (ReadBooleanAcquire(&Irp->Cancel) && IoSetCancelRoutine(Irp, NULL) != NULL) {
        Pended = FALSE;
    } else {
        IoMarkIrpPending(Irp);
    }
    KeReleaseSpinLock(&Lookup->Lock, Irql);
    return Pended;
}

static NTSTATUS Submit(PCALL Call, PCSTR Function, PLOOKUP Lookup)
{
    PPROVIDER_CLIENT Client = ClientEnter(Function, Call->Client); /* until the IRP is completed */
    KIRQL Irql;

    if (!Pend(Call, Lookup)) {
        ClientLeave(Client);
        ExFreePoolWithTag(Lookup, WSK_POOL_TAG);
        return CallComplete(Call, STATUS_CANCELLED, 0);
    }
    Lookup->Thread = BackendStartThread(LookupThread, Lookup);
    if (Lookup->Thread == BACKEND_NO_HANDLE) {
        Finish(Lookup, STATUS_INSUFFICIENT_RESOURCES);
    }
    KeAcquireSpinLock(&Names.Lock, &Irql);
    InsertTailList(&Names.Lookups, &Lookup->Link);
    KeReleaseSpinLock(&Names.Lock, Irql);
    return CallPended(Call);
}

/* The checks of both functions. */
static void Enter(PCALL Call, PCSTR Function, PWSK_CLIENT Client, PEPROCESS Process, PETHREAD Thread,
                  PIRP Irp)
{
    if (KeGetCurrentIrql() > PASSIVE_LEVEL) {
        CallMisuse(Function, "called above PASSIVE_LEVEL", NULL);
    }
    CallEnterClient(Call, Function, Client, Irp, IrpRequired);
    if (NT_SUCCESS(Call->Status) && Thread != NULL && Process == NULL) {
        Call->Status = STATUS_INVALID_PARAMETER;
    }
    Reap(Call->Client, TakeFinished);
}

/* ---- WskGetAddressInfo ------------------------------------------------------------------------------- */

static BACKEND_NAME_RESULT FindAddresses(PLOOKUP Lookup)
{
    return BackendFindAddresses(&Lookup->Query, &Lookup->Entries);
}

static void FillEntry(PADDRINFOEXW Info, SOCKADDR_INET* Address, const BACKEND_NAME_ENTRY* Entry)
{
    AddressToClient(&Entry->Address, (PSOCKADDR)(PVOID)Address);
    Info->ai_family = Address->si_family;
    Info->ai_socktype = Entry->Type;
    Info->ai_protocol = Entry->Protocol;
    Info->ai_addrlen = (Address->si_family == AF_INET) ? sizeof(SOCKADDR_IN) : sizeof(SOCKADDR_IN6);
    Info->ai_addr = (PVOID)Address;
}

static SIZE_T NameBytes(const BACKEND_NAME_ENTRY* Entry)
{
    SIZE_T Length = 0;

    while (Entry->CanonicalName[Length] != 0) {
        Length++;
    }
    return (Length == 0) ? 0 : (Length + 1) * sizeof(WCHAR);
}

static NTSTATUS AnswerAddresses(PLOOKUP Lookup)
{
    SIZE_T Bytes = NameBytes(Lookup->Entries);
    SIZE_T Count = 0;
    SIZE_T Index = 0;
    PADDRESS_LIST List;
    KIRQL Irql;

    for (BACKEND_NAME_ENTRY* Entry = Lookup->Entries; Entry != NULL; Entry = Entry->Next) {
        Count++;
    }
    List = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*List) + Count * sizeof(List->Entries[0]) + Bytes,
                              WSK_POOL_TAG);
    if (List == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (BACKEND_NAME_ENTRY* Entry = Lookup->Entries; Entry != NULL; Entry = Entry->Next, Index++) {
        FillEntry(&List->Entries[Index].Info, &List->Entries[Index].Address, Entry);
        List->Entries[Index].Info.ai_next = (Entry->Next != NULL) ? &List->Entries[Index + 1].Info : NULL;
    }
    if (Bytes != 0) {
        List->Entries[0].Info.ai_canonname = (PWSTR)(PVOID)&List->Entries[Count];
        RtlCopyMemory(List->Entries[0].Info.ai_canonname, Lookup->Entries->CanonicalName, Bytes);
    }
    KeAcquireSpinLock(&Names.Lock, &Irql);
    InsertTailList(&Lookup->Client->Lists, &List->Link);
    KeReleaseSpinLock(&Names.Lock, Irql);
    *Lookup->Result = &List->Entries[0].Info;
    return STATUS_SUCCESS;
}

/* Copies the client's string. FALSE when it is longer than any name. */
static BOOLEAN CopyName(PUNICODE_STRING String, PWCHAR Name, const uint16_t** Query)
{
    if (String == NULL || String->Length == 0) {
        return TRUE;
    }
    if (String->Buffer == NULL || String->Length % sizeof(WCHAR) != 0 ||
        String->Length >= NI_MAXHOST * sizeof(WCHAR)) {
        return FALSE;
    }
    RtlCopyMemory(Name, String->Buffer, String->Length);
    *Query = (const uint16_t*)Name;
    return TRUE;
}

static BOOLEAN TakeHints(const ADDRINFOEXW* Hints, BACKEND_NAME_QUERY* Query)
{
    if (Hints == NULL) {
        return TRUE;
    }
    if (Hints->ai_addrlen != 0 || Hints->ai_canonname != NULL || Hints->ai_addr != NULL ||
        Hints->ai_blob != NULL || Hints->ai_bloblen != 0 || Hints->ai_provider != NULL ||
        Hints->ai_next != NULL || ((ULONG)Hints->ai_flags & ~(ULONG)FLAGS_OF_ADDRESS_INFO) != 0) {
        return FALSE;
    }
    switch (Hints->ai_family) {
    case AF_UNSPEC:
        break;
    case AF_INET:
        Query->Family = BACKEND_IPV4;
        break;
    case AF_INET6:
        Query->Family = BACKEND_IPV6;
        break;
    default:
        return FALSE;
    }
    Query->Flags = (uint32_t)Hints->ai_flags;
    Query->Type = Hints->ai_socktype;
    Query->Protocol = Hints->ai_protocol;
    return TRUE;
}

NTSTATUS WSKAPI ProviderWskGetAddressInfo(PWSK_CLIENT Client, PUNICODE_STRING NodeName,
                                          PUNICODE_STRING ServiceName, ULONG NameSpace, GUID* NameProvider,
                                          PADDRINFOEXW Hints, PADDRINFOEXW* Result, PEPROCESS OwningProcess,
                                          PETHREAD OwningThread, PIRP Irp)
{
    CALL Call;
    PLOOKUP Lookup;

    Enter(&Call, "WskGetAddressInfo", Client, OwningProcess, OwningThread, Irp);
    if (!NT_SUCCESS(Call.Status)) {
        return CallComplete(&Call, Call.Status, 0);
    }
    if ((NameSpace != NS_ALL && NameSpace != NS_DNS) || NameProvider != NULL) {
        return CallComplete(&Call, STATUS_NOT_SUPPORTED, 0);
    }
    Lookup = LookupAllocate(Call.Client);
    if (Lookup == NULL) {
        return CallComplete(&Call, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    Lookup->Find = FindAddresses;
    Lookup->Answer = AnswerAddresses;
    Lookup->Result = Result;
    if (Result == NULL || !CopyName(NodeName, Lookup->Node, &Lookup->Query.Node) ||
        !CopyName(ServiceName, Lookup->Service, &Lookup->Query.Service) ||
        (Lookup->Query.Node == NULL && Lookup->Query.Service == NULL) || !TakeHints(Hints, &Lookup->Query)) {
        ExFreePoolWithTag(Lookup, WSK_POOL_TAG);
        return CallComplete(&Call, STATUS_INVALID_PARAMETER, 0);
    }
    return Submit(&Call, "WskGetAddressInfo", Lookup);
}

/* ---- WskFreeAddressInfo ------------------------------------------------------------------------------ */

static BOOLEAN TakeList(PLIST_ENTRY Entry, PVOID Info)
{
    if (&CONTAINING_RECORD(Entry, ADDRESS_LIST, Link)->Entries[0].Info != Info) {
        return FALSE;
    }
    RemoveEntryList(Entry);
    return TRUE;
}

VOID WSKAPI ProviderWskFreeAddressInfo(PWSK_CLIENT WskClient, PADDRINFOEXW AddrInfo)
{
    PPROVIDER_CLIENT Client;
    PLIST_ENTRY Entry;

    if (KeGetCurrentIrql() > PASSIVE_LEVEL) {
        CallMisuse("WskFreeAddressInfo", "called above PASSIVE_LEVEL", AddrInfo);
    }
    Client = ClientEnter("WskFreeAddressInfo", WskClient);
    Entry = HostClaimNext(&Names.Lock, &Client->Lists, NULL, TakeList, AddrInfo);
    if (Entry == NULL) {
        CallMisuse("WskFreeAddressInfo", "called for a list that WskGetAddressInfo did not return", AddrInfo);
    }
    ExFreePoolWithTag(CONTAINING_RECORD(Entry, ADDRESS_LIST, Link), WSK_POOL_TAG);
    ClientLeave(Client);
}

void NamesEnd(PPROVIDER_CLIENT Client)
{
    Reap(Client, TakeLookup);
    if (!IsListEmpty(&Client->Lists)) {
        PADDRESS_LIST List = CONTAINING_RECORD(Client->Lists.Flink, ADDRESS_LIST, Link);

        CallMisuse("WskDeregister",
                   "called before a list of WskGetAddressInfo was given to WskFreeAddressInfo",
                   &List->Entries[0].Info);
    }
}

/* ---- WskGetNameInfo ---------------------------------------------------------------------------------- */

static SIZE_T Room(const UNICODE_STRING* String)
{
    return (String != NULL) ? NI_MAXHOST : 0;
}

static BACKEND_NAME_RESULT FindNames(PLOOKUP Lookup)
{
    return BackendFindNames(&Lookup->Address, Lookup->Flags, (uint16_t*)Lookup->Node, Room(Lookup->NodeOut),
                            (uint16_t*)Lookup->Service, Room(Lookup->ServiceOut));
}

/* The string's length in bytes, without the 0 that is stored too if there is room. */
static SIZE_T BytesOf(PCWSTR Name)
{
    SIZE_T Length = 0;

    while (Name[Length] != 0) {
        Length++;
    }
    return Length * sizeof(WCHAR);
}

static BOOLEAN Fits(const UNICODE_STRING* String, PCWSTR Name)
{
    return (BOOLEAN)(String == NULL || BytesOf(Name) <= String->MaximumLength);
}

static void GiveName(PUNICODE_STRING String, PCWSTR Name)
{
    SIZE_T Bytes;

    if (String == NULL) {
        return;
    }
    Bytes = BytesOf(Name);
    String->Length = (USHORT)Bytes;
    if (Bytes + sizeof(WCHAR) <= String->MaximumLength) {
        Bytes += sizeof(WCHAR);
    }
    RtlCopyMemory(String->Buffer, Name, Bytes);
}

static NTSTATUS AnswerNames(PLOOKUP Lookup)
{
    if (!Fits(Lookup->NodeOut, Lookup->Node) || !Fits(Lookup->ServiceOut, Lookup->Service)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    GiveName(Lookup->NodeOut, Lookup->Node);
    GiveName(Lookup->ServiceOut, Lookup->Service);
    return STATUS_SUCCESS;
}

static NTSTATUS TakeAddress(const SOCKADDR* SockAddr, ULONG Length, BACKEND_ADDRESS* Address)
{
    if (SockAddr == NULL || Length < RTL_SIZEOF_THROUGH_FIELD(SOCKADDR, sa_family)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (SockAddr->sa_family == AF_INET && Length >= sizeof(SOCKADDR_IN)) {
        return AddressFromClient(SockAddr, AF_INET, Address);
    }
    if (SockAddr->sa_family == AF_INET6 && Length >= sizeof(SOCKADDR_IN6)) {
        return AddressFromClient(SockAddr, AF_INET6, Address);
    }
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS WSKAPI ProviderWskGetNameInfo(PWSK_CLIENT Client, PSOCKADDR SockAddr, ULONG SockAddrLength,
                                       PUNICODE_STRING NodeName, PUNICODE_STRING ServiceName, ULONG Flags,
                                       PEPROCESS OwningProcess, PETHREAD OwningThread, PIRP Irp)
{
    BACKEND_ADDRESS Address;
    CALL Call;
    PLOOKUP Lookup;

    Enter(&Call, "WskGetNameInfo", Client, OwningProcess, OwningThread, Irp);
    if (!NT_SUCCESS(Call.Status)) {
        return CallComplete(&Call, Call.Status, 0);
    }
    if ((NodeName == NULL && ServiceName == NULL) || (Flags & ~(ULONG)FLAGS_OF_NAME_INFO) != 0 ||
        !NT_SUCCESS(TakeAddress(SockAddr, SockAddrLength, &Address))) {
        return CallComplete(&Call, STATUS_INVALID_PARAMETER, 0);
    }
    Lookup = LookupAllocate(Call.Client);
    if (Lookup == NULL) {
        return CallComplete(&Call, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    Lookup->Find = FindNames;
    Lookup->Answer = AnswerNames;
    Lookup->Address = Address;
    Lookup->Flags = Flags;
    Lookup->NodeOut = NodeName;
    Lookup->ServiceOut = ServiceName;
    return Submit(&Call, "WskGetNameInfo", Lookup);
}
