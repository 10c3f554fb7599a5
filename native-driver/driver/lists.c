/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists that WSK gives: GET_TRANSPORTS, GET_ADDRESSES, and AWAIT_ADDRESSES, which completes when the latter
 * has changed.
 *
 * WSK takes no IRP for a list, so the call is made in Prepare. WSK says how much room it needs; the list may
 * have grown by the next call.
 */
#include "address.h"
#include "dispatch.h"

/* How often a list that grows is asked for. */
#define ATTEMPTS 4
/* The most that a list may need; far above what there is. */
#define MAXIMUM_LIST 0x100000

/* Calls WSK. STATUS_BUFFER_OVERFLOW: *Returned bytes are needed. */
typedef NTSTATUS WSKB_QUERY(_In_ PWSKB_OPERATION Operation, _In_ SIZE_T Length, PVOID Buffer,
                            _Out_ SIZE_T* Returned);

/* On success the caller frees *List, which is NULL if the list is empty. */
static NTSTATUS QueryAll(PWSKB_OPERATION Operation, WSKB_QUERY* Query, PVOID* List, SIZE_T* Length)
{
    NTSTATUS Status = Query(Operation, 0, NULL, Length);

    *List = NULL;
    for (ULONG Attempt = 0; Status == STATUS_BUFFER_OVERFLOW && Attempt < ATTEMPTS; Attempt++) {
        SIZE_T Room = *Length;
        if (*List != NULL) {
            ExFreePoolWithTag(*List, WSKB_TAG_LIST);
        }
        *List = Room == 0 || Room > MAXIMUM_LIST ? NULL : WskbAllocateZeroed(Room, WSKB_TAG_LIST);
        if (*List == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Status = Query(Operation, Room, *List, Length);
    }
    if (Status != STATUS_SUCCESS && *List != NULL) {
        ExFreePoolWithTag(*List, WSKB_TAG_LIST);
        *List = NULL;
    }
    return Status == STATUS_BUFFER_OVERFLOW ? STATUS_INSUFFICIENT_RESOURCES : Status;
}

/* Where the entries go; NULL if there is no room for all. */
static PVOID WriteHeader(PWSKB_OPERATION Operation, ULONG Count, ULONG EntrySize, PNTSTATUS Status)
{
    WSKB_LIST* Output = Operation->Output;
    ULONG Size = (ULONG)sizeof(*Output) + Count * EntrySize;
    PVOID All;

    Output->Size = Size;
    Output->Count = Count;
    if (!NT_SUCCESS(WdfRequestRetrieveOutputBuffer(Operation->Request, Size, &All, NULL))) {
        Operation->Information = sizeof(*Output);
        *Status = STATUS_BUFFER_OVERFLOW;
        return NULL;
    }
    Operation->Information = Size;
    *Status = STATUS_SUCCESS;
    return Output + 1;
}

/* ---- GET_TRANSPORTS ---------------------------------------------------------------------------------- */

static NTSTATUS QueryTransports(PWSKB_OPERATION Operation, SIZE_T Length, PVOID Buffer, SIZE_T* Returned)
{
    const WSK_PROVIDER_NPI* Npi = &Operation->Driver->Provider.Npi;
    *Returned = 0;
    return Npi->Dispatch->WskControlClient(Npi->Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL, Length, Buffer,
                                           Returned, NULL);
}

static VOID WriteTransports(const WSK_TRANSPORT* From, ULONG Count, WSKB_TRANSPORT* To)
{
    for (ULONG Index = 0; Index < Count; Index++) {
        To[Index].Version = From[Index].Version;
        To[Index].SocketType = From[Index].SocketType;
        To[Index].Protocol = From[Index].Protocol;
        To[Index].Family = From[Index].AddressFamily;
        RtlCopyMemory(To[Index].ProviderId, &From[Index].ProviderId, sizeof(To[Index].ProviderId));
    }
}

static NTSTATUS GetTransports(PWSKB_OPERATION Operation)
{
    PVOID List;
    SIZE_T Length;

    NTSTATUS Status = WskbProviderCapture(&Operation->Driver->Provider);
    if (NT_SUCCESS(Status)) {
        Status = QueryAll(Operation, QueryTransports, &List, &Length);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    ULONG Count = List == NULL ? 0 : (ULONG)(Length / sizeof(WSK_TRANSPORT));
    WSKB_TRANSPORT* Entries = WriteHeader(Operation, Count, sizeof(*Entries), &Status);
    if (Entries != NULL && Count != 0) {
        WriteTransports(List, Count, Entries);
    }
    if (List != NULL) {
        ExFreePoolWithTag(List, WSKB_TAG_LIST);
    }
    return Status;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_TRANSPORTS) = {
    .Prepare = GetTransports,
};

/* ---- GET_ADDRESSES ----------------------------------------------------------------------------------- */

static NTSTATUS QueryAddresses(PWSKB_OPERATION Operation, SIZE_T Length, PVOID Buffer, SIZE_T* Returned)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    *Returned = 0;
    return Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskIoctl, SIO_ADDRESS_LIST_QUERY, 0, 0,
                                               NULL, Length, Buffer, Returned, NULL);
}

/* The addresses of the list stand behind it, and the list points to them. */
static VOID WriteAddresses(const SOCKET_ADDRESS_LIST* From, ULONG Count, WSKB_SOCKADDR* To)
{
    for (ULONG Index = 0; Index < Count; Index++) {
        SOCKADDR_INET Address = {0};
        SIZE_T Length = (SIZE_T)From->Address[Index].iSockaddrLength;
        if (Length <= sizeof(Address)) {
            RtlCopyMemory(&Address, From->Address[Index].lpSockaddr, Length);
        }
        WskbWriteAddress(&Address, &To[Index]);
    }
}

static NTSTATUS GetAddressesGuarded(PWSKB_OPERATION Operation)
{
    PVOID Buffer;
    SIZE_T Length;

    NTSTATUS Status = QueryAll(Operation, QueryAddresses, &Buffer, &Length);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    SOCKET_ADDRESS_LIST* List = Buffer;
    ULONG Count = List == NULL || List->iAddressCount < 0 ? 0 : (ULONG)List->iAddressCount;
    WSKB_SOCKADDR* Entries = WriteHeader(Operation, Count, sizeof(*Entries), &Status);
    if (Entries != NULL && Count != 0) {
        WriteAddresses(List, Count, Entries);
    }
    if (List != NULL) {
        ExFreePoolWithTag(List, WSKB_TAG_LIST);
    }
    return Status;
}

/* WSK takes these two requests at PASSIVE_LEVEL only. A program's request is presented there, but another
 * driver's may not be. The lock says at which level the thread was. */
static NTSTATUS RequirePassive(PWSKB_SOCKET Socket)
{
    KIRQL Irql;
    KeAcquireSpinLock(&Socket->Lock, &Irql);
    KeReleaseSpinLock(&Socket->Lock, Irql);
    return Irql == PASSIVE_LEVEL ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST;
}

static NTSTATUS GetAddresses(PWSKB_OPERATION Operation)
{
    NTSTATUS Status = RequirePassive(Operation->Socket);
    if (NT_SUCCESS(Status)) {
        Status = WskbSocketEnter(Operation->Socket);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = GetAddressesGuarded(Operation);
    WskbSocketLeave(Operation->Socket);
    if (Status == STATUS_FILE_FORCED_CLOSED) {
        WskbSocketDied(Operation->Socket);
    }
    return Status;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_ADDRESSES) = {
    .Categories = WSKB_ANY_CATEGORY,
    .States = WSKB_CREATED_STATES,
    .Prepare = GetAddresses,
};

/* ---- AWAIT_ADDRESSES --------------------------------------------------------------------------------- */

static NTSTATUS PrepareAwaitAddresses(PWSKB_OPERATION Operation)
{
    NTSTATUS Status = RequirePassive(Operation->Socket);
    return NT_SUCCESS(Status) ? WSKB_CALL_FOLLOWS : Status;
}

static VOID CallAwaitAddresses(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, 0,
                                               NULL, 0, NULL, NULL, Operation->Irp);
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(AWAIT_ADDRESSES) = {
    .Categories = WSKB_ANY_CATEGORY,
    .States = WSKB_CREATED_STATES,
    .Kind = WskbTransfer,
    .Prepare = PrepareAwaitAddresses,
    .Call = CallAwaitAddresses,
    .Finish = WskbFinishWithoutInformation,
};
