/* SPDX-License-Identifier: Apache-2.0
 *
 * Which sockets of this provider may share a port. As on Windows, that depends on the sharing options of
 * both, and on whether their addresses are wildcards. For sockets outside the provider the system decides.
 */
#include "wskp.h"

#define BUCKETS 256

#define FAMILY_IPV4 1u
#define FAMILY_IPV6 2u

typedef enum _VERDICT { Ok, InUse, Denied, Check } VERDICT;

/* Rows: the second socket; columns: the first, which is bound already. Both in the order none, reuse,
 * exclusive, each for a wildcard and for a specific address. Check stands for an access check against the
 * first socket's security descriptor, which refuses unless a client supplied one. */
#define KINDS 6
static const UCHAR Verdicts[KINDS][KINDS] = {
    {InUse, Ok, InUse, Ok, InUse, Ok},            /* none, wildcard */
    {Check, InUse, Check, Denied, Denied, InUse}, /* none, specific */
    {Denied, Ok, Ok, Ok, Denied, Ok},             /* reuse, wildcard */
    {Check, Denied, Ok, Ok, Denied, Denied},      /* reuse, specific */
    {InUse, InUse, InUse, InUse, InUse, InUse},   /* exclusive, wildcard */
    {Check, InUse, Check, InUse, Denied, InUse},  /* exclusive, specific */
};

/* Every bound socket, by port. Lock protects the lists and the entries in them. */
static struct {
    KSPIN_LOCK Lock;
    LIST_ENTRY Heads[BUCKETS]; /* Flink NULL: never used */
} Table;

/* Table.Lock is held. */
static PLIST_ENTRY BucketOf(USHORT Port)
{
    PLIST_ENTRY Head = &Table.Heads[(Port ^ (Port >> 8)) % BUCKETS];

    if (Head->Flink == NULL) {
        InitializeListHead(Head);
    }
    return Head;
}

static BOOLEAN IsZero(const uint8_t* Bytes, ULONG Count)
{
    for (ULONG Index = 0; Index < Count; Index++) {
        if (Bytes[Index] != 0) {
            return FALSE;
        }
    }
    return TRUE;
}

/* An IPv4 address within IPv6 becomes IPv4, so that both forms compare equal. */
static void Normalize(BACKEND_ADDRESS* Address)
{
    if (Address->Family == BACKEND_IPV6 && IsZero(Address->Bytes, 10) && Address->Bytes[10] == 0xff &&
        Address->Bytes[11] == 0xff) {
        Address->Family = BACKEND_IPV4;
        RtlMoveMemory(Address->Bytes, &Address->Bytes[12], 4);
        RtlZeroMemory(&Address->Bytes[4], 12);
        Address->ScopeId = 0;
    }
}

static void Describe(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address, SHARING_ENTRY* Entry)
{
    BOOLEAN Wildcard = IsZero(Address->Bytes, sizeof(Address->Bytes));

    Entry->Address = *Address;
    Entry->Stream = (Socket->Category != CATEGORY_DATAGRAM);
    Normalize(&Entry->Address);
    Entry->Families = (Entry->Address.Family == BACKEND_IPV4) ? FAMILY_IPV4 : FAMILY_IPV6;
    if (Wildcard && Address->Family == BACKEND_IPV6 && !Socket->V6Only) {
        Entry->Families = FAMILY_IPV4 | FAMILY_IPV6;
    }
    Entry->Kind = (UCHAR)(Socket->Sharing * 2 + (Wildcard ? 0 : 1));
}

static BOOLEAN IsSpecific(const SHARING_ENTRY* Entry)
{
    return (Entry->Kind & 1) != 0;
}

static BOOLEAN Overlaps(const SHARING_ENTRY* A, const SHARING_ENTRY* B)
{
    if (A->Stream != B->Stream || A->Address.Port != B->Address.Port || !(A->Families & B->Families)) {
        return FALSE;
    }
    return !IsSpecific(A) || !IsSpecific(B) ||
           (RtlEqualMemory(A->Address.Bytes, B->Address.Bytes, sizeof(A->Address.Bytes)) &&
            A->Address.ScopeId == B->Address.ScopeId);
}

static NTSTATUS StatusOf(VERDICT Verdict)
{
    switch (Verdict) {
    case Ok:
        return STATUS_SUCCESS;
    case InUse:
        return STATUS_ADDRESS_ALREADY_EXISTS;
    default:
        return STATUS_ACCESS_DENIED;
    }
}

/* Enables sharing in the system for two sockets that may share by the table. Table.Lock is held. */
static void AllowSharing(PPROVIDER_SOCKET First, PPROVIDER_SOCKET Second)
{
    (void)BackendSetOption(First->Handle, BackendShareAddress, 1);
    (void)BackendSetOption(Second->Handle, BackendShareAddress, 1);
}

/* Table.Lock is held. */
static NTSTATUS CheckOthers(PPROVIDER_SOCKET Socket, const SHARING_ENTRY* Wanted)
{
    PLIST_ENTRY Head = BucketOf(Wanted->Address.Port);
    PLIST_ENTRY Link;

    for (Link = Head->Flink; Link != Head; Link = Link->Flink) {
        const SHARING_ENTRY* First = CONTAINING_RECORD(Link, SHARING_ENTRY, Link);
        NTSTATUS Status =
            Overlaps(First, Wanted) ? StatusOf((VERDICT)Verdicts[Wanted->Kind][First->Kind]) : STATUS_SUCCESS;

        if (!NT_SUCCESS(Status)) {
            return Status;
        }
    }
    for (Link = Head->Flink; Link != Head; Link = Link->Flink) {
        if (Overlaps(CONTAINING_RECORD(Link, SHARING_ENTRY, Link), Wanted)) {
            AllowSharing(CONTAINING_RECORD(Link, PROVIDER_SOCKET, Entry.Link), Socket);
        }
    }
    return STATUS_SUCCESS;
}

/* The address is that of a bound socket. Table.Lock is held. */
static void EnterLocked(PPROVIDER_SOCKET Socket)
{
    Describe(Socket, &Socket->Local, &Socket->Entry);
    InsertTailList(BucketOf(Socket->Entry.Address.Port), &Socket->Entry.Link);
    Socket->Entry.Linked = TRUE;
}

/* Records the result of a bind. A port that follows (PortFollows) is not in the table yet. Table.Lock is
 * held. */
static NTSTATUS Bound(PPROVIDER_SOCKET Socket, PORT_ORIGIN Origin, int32_t Error)
{
    NTSTATUS Status = StatusFromBackend(Error);

    if (NT_SUCCESS(Status)) {
        Status = StatusFromBackend(BackendGetLocalAddress(Socket->Handle, &Socket->Local));
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Socket->PortOrigin = (Socket->Local.Port == 0) ? PortFollows : Origin;
    if (Socket->PortOrigin != PortFollows) {
        EnterLocked(Socket);
    }
    return Status;
}

static int32_t BindToAnyPort(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    return (Socket->Category == CATEGORY_CONNECTION) ? BackendBindToConnect(Socket->Handle, Address)
                                                     : BackendBind(Socket->Handle, Address);
}

/* Table.Lock is held. */
static NTSTATUS BindLocked(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    SHARING_ENTRY Wanted;
    NTSTATUS Status;

    if (Address->Port == 0) {
        return Bound(Socket, PortChosen, BindToAnyPort(Socket, Address));
    }
    Describe(Socket, Address, &Wanted);
    Status = CheckOthers(Socket, &Wanted);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Socket->Sharing == SharingReuse) {
        /* Sockets outside the provider may allow sharing too. */
        (void)BackendSetOption(Socket->Handle, BackendShareAddress, 1);
    }
    return Bound(Socket, PortGiven, BackendBind(Socket->Handle, Address));
}

NTSTATUS SharingBind(PPROVIDER_SOCKET Socket, const BACKEND_ADDRESS* Address)
{
    NTSTATUS Status;
    KIRQL Irql;

    KeAcquireSpinLock(&Table.Lock, &Irql);
    Status = BindLocked(Socket, Address);
    KeReleaseSpinLock(&Table.Lock, Irql);
    return Status;
}

NTSTATUS SharingChoosePort(PPROVIDER_SOCKET Socket)
{
    BACKEND_ADDRESS Address = Socket->Local;
    NTSTATUS Status;
    KIRQL Irql;

    KeAcquireSpinLock(&Table.Lock, &Irql);
    Status = Bound(Socket, PortChosen, BackendBind(Socket->Handle, &Address));
    KeReleaseSpinLock(&Table.Lock, Irql);
    return Status;
}

void SharingLearnPort(PPROVIDER_SOCKET Socket)
{
    BACKEND_ADDRESS Now;
    KIRQL Irql;

    if (BackendGetLocalAddress(Socket->Handle, &Now) == 0) {
        Socket->Local.Port = Now.Port;
        KeAcquireSpinLock(&Table.Lock, &Irql);
        EnterLocked(Socket);
        KeReleaseSpinLock(&Table.Lock, Irql);
    }
}

void SharingRemove(PPROVIDER_SOCKET Socket)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Table.Lock, &Irql);
    if (Socket->Entry.Linked) {
        RemoveEntryList(&Socket->Entry.Link);
        Socket->Entry.Linked = FALSE;
    }
    KeReleaseSpinLock(&Table.Lock, Irql);
}
