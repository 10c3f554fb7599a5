/* SPDX-License-Identifier: Apache-2.0
 *
 * Name resolution of backend.h with Winsock's wide functions, and the threads for it.
 */
#include "winsock_socket.h"

#include <stdlib.h>
#include <string.h>

#include "native_address.h"

static BACKEND_NAME_RESULT FromError(int Error)
{
    switch (Error) {
    case 0:
        return BackendNameFound;
    case WSAEINVAL:
    case WSAEAFNOSUPPORT:
    case WSAESOCKTNOSUPPORT:
        return BackendNameInvalid;
    case WSAEFAULT:
    case ERROR_INSUFFICIENT_BUFFER:
        return BackendNameTooSmall;
    case WSA_NOT_ENOUGH_MEMORY:
        return BackendNameNoMemory;
    default:
        return BackendNameUnknown;
    }
}

/* ---- names to addresses ------------------------------------------------------------------------------ */

static BACKEND_NAME_ENTRY* MakeEntry(const ADDRINFOW* Info)
{
    size_t Units = (Info->ai_canonname != NULL) ? wcslen(Info->ai_canonname) : 0;
    BACKEND_NAME_ENTRY* Entry = calloc(1, sizeof(*Entry) + (Units + 1) * sizeof(uint16_t));
    NATIVE_ADDRESS Native;

    if (Entry != NULL) {
        memset(&Native, 0, sizeof(Native));
        memcpy(&Native, Info->ai_addr, Info->ai_addrlen);
        FromNative(&Native, (socklen_t)Info->ai_addrlen, &Entry->Address);
        Entry->Type = Info->ai_socktype;
        Entry->Protocol = Info->ai_protocol;
        if (Units != 0) {
            memcpy(Entry->CanonicalName, Info->ai_canonname, Units * sizeof(uint16_t));
        }
    }
    return Entry;
}

static BACKEND_NAME_RESULT MakeEntries(const ADDRINFOW* Info, BACKEND_NAME_ENTRY** Entries)
{
    BACKEND_NAME_ENTRY** Link = Entries;

    for (; Info != NULL; Info = Info->ai_next) {
        if (Info->ai_family != AF_INET && Info->ai_family != AF_INET6) {
            continue;
        }
        *Link = MakeEntry(Info);
        if (*Link == NULL) {
            BackendFreeAddresses(*Entries);
            *Entries = NULL;
            return BackendNameNoMemory;
        }
        Link = &(*Link)->Next;
    }
    return (*Entries != NULL) ? BackendNameFound : BackendNameUnknown;
}

BACKEND_NAME_RESULT BackendFindAddresses(const BACKEND_NAME_QUERY* Query, BACKEND_NAME_ENTRY** Entries)
{
    ADDRINFOW Hints = {
        .ai_flags = (int)Query->Flags, .ai_socktype = Query->Type, .ai_protocol = Query->Protocol};
    ADDRINFOW* List = NULL;
    BACKEND_NAME_RESULT Result;

    Hints.ai_family = (Query->Family == BACKEND_IPV4)   ? AF_INET
                      : (Query->Family == BACKEND_IPV6) ? AF_INET6
                                                        : AF_UNSPEC;
    *Entries = NULL;
    Result = FromError(GetAddrInfoW((const WCHAR*)Query->Node, (const WCHAR*)Query->Service, &Hints, &List));
    if (Result == BackendNameFound) {
        Result = MakeEntries(List, Entries);
        FreeAddrInfoW(List);
    }
    return Result;
}

void BackendFreeAddresses(BACKEND_NAME_ENTRY* Entries)
{
    while (Entries != NULL) {
        BACKEND_NAME_ENTRY* Next = Entries->Next;

        free(Entries);
        Entries = Next;
    }
}

/* ---- addresses to names ------------------------------------------------------------------------------ */

BACKEND_NAME_RESULT BackendFindNames(const BACKEND_ADDRESS* Address, uint32_t Flags, uint16_t* Node,
                                     size_t NodeSize, uint16_t* Service, size_t ServiceSize)
{
    NATIVE_ADDRESS Native;
    socklen_t Length = ToNative(Address, &Native);

    return FromError(GetNameInfoW(&Native.Any, Length, (NodeSize != 0) ? (WCHAR*)Node : NULL, (DWORD)NodeSize,
                                  (ServiceSize != 0) ? (WCHAR*)Service : NULL, (DWORD)ServiceSize,
                                  (int)Flags));
}

/* ---- threads ----------------------------------------------------------------------------------------- */

typedef struct _THREAD {
    HANDLE Handle;
    void (*Routine)(void* Context);
    void* Context;
} THREAD;

static DWORD WINAPI RunThread(void* Context)
{
    THREAD* Thread = Context;

    Thread->Routine(Thread->Context);
    return 0;
}

BACKEND_HANDLE BackendStartThread(void (*Routine)(void* Context), void* Context)
{
    THREAD* Thread = malloc(sizeof(*Thread));

    if (Thread == NULL) {
        return BACKEND_NO_HANDLE;
    }
    Thread->Routine = Routine;
    Thread->Context = Context;
    Thread->Handle = CreateThread(NULL, 0, RunThread, Thread, 0, NULL);
    if (Thread->Handle == NULL) {
        free(Thread);
        return BACKEND_NO_HANDLE;
    }
    return (BACKEND_HANDLE)(intptr_t)Thread;
}

void BackendJoinThread(BACKEND_HANDLE Handle)
{
    THREAD* Thread = (THREAD*)(intptr_t)Handle;

    (void)WaitForSingleObject(Thread->Handle, INFINITE);
    (void)CloseHandle(Thread->Handle);
    free(Thread);
}
