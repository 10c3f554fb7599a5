/* SPDX-License-Identifier: Apache-2.0
 *
 * The addresses of this machine: SIO_ADDRESS_LIST_QUERY, and SIO_ADDRESS_LIST_CHANGE, whose IRP is pending
 * until they have changed. Those IRPs have a queue of their own in each socket.
 */
#include "wskp.h"

/* Room for addresses that come between counting them and listing them. */
#define SPARE 8

static LONG Generation; /* interlocked; raised with each change */

/* ---- the list ---------------------------------------------------------------------------------------- */

static SIZE_T AddressSize(ADDRESS_FAMILY Family)
{
    return (Family == AF_INET6) ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN);
}

/* Each address is aligned like a pointer. */
static SIZE_T SlotSize(ADDRESS_FAMILY Family)
{
    return (AddressSize(Family) + sizeof(PVOID) - 1) & ~(sizeof(PVOID) - 1);
}

static SIZE_T ListSize(ADDRESS_FAMILY Family, ULONG Count)
{
    SIZE_T Header = FIELD_OFFSET(SOCKET_ADDRESS_LIST, Address) + Count * sizeof(SOCKET_ADDRESS);

    if (Header < sizeof(SOCKET_ADDRESS_LIST)) {
        Header = sizeof(SOCKET_ADDRESS_LIST);
    }
    return Header + Count * SlotSize(Family);
}

static void WriteList(ADDRESS_FAMILY Family, const BACKEND_ADDRESS* Addresses, ULONG Count,
                      PSOCKET_ADDRESS_LIST List)
{
    PUCHAR Slot = (PUCHAR)List + ListSize(Family, Count) - Count * SlotSize(Family);

    List->iAddressCount = (INT)Count;
    for (ULONG Index = 0; Index < Count; Index++, Slot += SlotSize(Family)) {
        List->Address[Index].lpSockaddr = (PSOCKADDR)(PVOID)Slot;
        List->Address[Index].iSockaddrLength = (INT)AddressSize(Family);
        AddressToClient(&Addresses[Index], List->Address[Index].lpSockaddr);
    }
}

/* Lists the addresses in memory that the caller frees. */
static NTSTATUS ReadAddresses(ADDRESS_FAMILY Family, BACKEND_ADDRESS** Addresses, PULONG Count)
{
    uint16_t Native = (Family == AF_INET6) ? BACKEND_IPV6 : BACKEND_IPV4;
    uint32_t Found = 0;
    uint32_t Room;
    int32_t Error = BackendListAddresses(Native, NULL, 0, &Found);

    *Addresses = NULL;
    if (Error == 0) {
        Room = Found + SPARE;
        *Addresses = ExAllocatePoolZero(NonPagedPoolNx, Room * sizeof(BACKEND_ADDRESS), WSK_POOL_TAG);
        if (*Addresses == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Error = BackendListAddresses(Native, *Addresses, Room, &Found);
        *Count = (Found < Room) ? Found : Room;
    }
    if (Error != 0 && *Addresses != NULL) {
        ExFreePoolWithTag(*Addresses, WSK_POOL_TAG);
    }
    return StatusFromBackend(Error);
}

NTSTATUS AddressesQuery(PPROVIDER_SOCKET Socket, SIZE_T OutputSize, PVOID Output, SIZE_T* Returned)
{
    BACKEND_ADDRESS* Addresses;
    ULONG Count = 0;
    NTSTATUS Status = ReadAddresses(Socket->Family, &Addresses, &Count);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *Returned = ListSize(Socket->Family, Count);
    if (Output == NULL || OutputSize < *Returned) {
        Status = STATUS_BUFFER_OVERFLOW;
    } else {
        WriteList(Socket->Family, Addresses, Count, Output);
    }
    ExFreePoolWithTag(Addresses, WSK_POOL_TAG);
    return Status;
}

/* ---- changes ----------------------------------------------------------------------------------------- */

NTSTATUS AddressesWatch(PIRP Irp)
{
    NTSTATUS Status = StatusFromBackend(BackendWatchAddresses());

    ArgumentsOf(Irp)->AwaitAddresses.Generation = ReadAcquire(&Generation);
    return Status;
}

/* Notice.Lock is held. */
BOOLEAN AttemptAwaitAddresses(PPROVIDER_SOCKET Socket, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Socket);
    if (ReadAcquire(&Generation) == ArgumentsOf(Irp)->AwaitAddresses.Generation) {
        return FALSE;
    }
    return RequestDone(Irp, STATUS_SUCCESS);
}

static void Notify(PPROVIDER_SOCKET Socket)
{
    RequestRun(Socket, &Socket->Notice);
}

void AddressesChanged(void)
{
    InterlockedIncrement(&Generation);
    SocketForEach(Notify);
}
