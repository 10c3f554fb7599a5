/* SPDX-License-Identifier: Apache-2.0
 *
 * Name resolution of backend.h with getaddrinfo and getnameinfo, in UTF-8, and the threads for it.
 */
#include "backend.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "native_address.h"

/* A name with as many characters as the provider takes. */
#define NAME_UNITS 1025
#define NAME_BYTES (3 * NAME_UNITS)

typedef struct _FLAG_PAIR {
    uint32_t Windows;
    int Native;
} FLAG_PAIR;

static const FLAG_PAIR AddressFlags[] = {
    {0x1, AI_PASSIVE},      {0x2, AI_CANONNAME}, {0x4, AI_NUMERICHOST}, {0x8, AI_NUMERICSERV},
    {0x400, AI_ADDRCONFIG}, {0x100, AI_ALL},     {0x800, AI_V4MAPPED},
};

static const FLAG_PAIR NameFlags[] = {
    {0x1, NI_NOFQDN}, {0x2, NI_NUMERICHOST}, {0x4, NI_NAMEREQD}, {0x8, NI_NUMERICSERV}, {0x10, NI_DGRAM},
};

static int NativeFlags(const FLAG_PAIR* Pairs, size_t Count, uint32_t Flags)
{
    int Native = 0;

    for (size_t Index = 0; Index < Count; Index++) {
        Native |= (Flags & Pairs[Index].Windows) ? Pairs[Index].Native : 0;
    }
    return Native;
}

static BACKEND_NAME_RESULT FromError(int Error)
{
    switch (Error) {
    case 0:
        return BackendNameFound;
    case EAI_BADFLAGS:
    case EAI_FAMILY:
    case EAI_SOCKTYPE:
        return BackendNameInvalid;
    case EAI_OVERFLOW:
        return BackendNameTooSmall;
    case EAI_MEMORY:
        return BackendNameNoMemory;
    default:
        return BackendNameUnknown;
    }
}

/* ---- UTF-16 and UTF-8 -------------------------------------------------------------------------------- */

/* Takes the next character; an unpaired surrogate becomes the replacement character. */
static uint32_t NextOfUtf16(const uint16_t** Text)
{
    uint32_t First = *(*Text)++;

    if (First < 0xd800 || First > 0xdfff) {
        return First;
    }
    if (First < 0xdc00 && **Text >= 0xdc00 && **Text <= 0xdfff) {
        return 0x10000 + ((First - 0xd800) << 10) + (uint32_t)(*(*Text)++ - 0xdc00);
    }
    return 0xfffd;
}

/* Bytes holds three times the characters of Text, and the 0. */
static const char* ToUtf8(const uint16_t* Text, char* Bytes)
{
    char* To = Bytes;

    if (Text == NULL) {
        return NULL;
    }
    while (*Text != 0) {
        uint32_t Point = NextOfUtf16(&Text);

        if (Point < 0x80) {
            *To++ = (char)Point;
            continue;
        }
        if (Point < 0x800) {
            *To++ = (char)(0xc0 | (Point >> 6));
        } else {
            if (Point < 0x10000) {
                *To++ = (char)(0xe0 | (Point >> 12));
            } else {
                *To++ = (char)(0xf0 | (Point >> 18));
                *To++ = (char)(0x80 | ((Point >> 12) & 0x3f));
            }
            *To++ = (char)(0x80 | ((Point >> 6) & 0x3f));
        }
        *To++ = (char)(0x80 | (Point & 0x3f));
    }
    *To = 0;
    return Bytes;
}

/* The system's names are normally ASCII; any other byte becomes one character. Writes at most as many
 * characters as there are bytes. */
static void FromBytes(const char* Bytes, uint16_t* Text)
{
    size_t Index = 0;

    do {
        Text[Index] = (unsigned char)Bytes[Index];
    } while (Bytes[Index++] != 0);
}

/* ---- names to addresses ------------------------------------------------------------------------------ */

static BACKEND_NAME_ENTRY* MakeEntry(const struct addrinfo* Info)
{
    const char* Name = (Info->ai_canonname != NULL) ? Info->ai_canonname : "";
    BACKEND_NAME_ENTRY* Entry = calloc(1, sizeof(*Entry) + (strlen(Name) + 1) * sizeof(uint16_t));
    NATIVE_ADDRESS Native;

    if (Entry != NULL) {
        memset(&Native, 0, sizeof(Native));
        memcpy(&Native, Info->ai_addr, Info->ai_addrlen);
        FromNative(&Native, Info->ai_addrlen, &Entry->Address);
        Entry->Type = Info->ai_socktype;
        Entry->Protocol = Info->ai_protocol;
        FromBytes(Name, Entry->CanonicalName);
    }
    return Entry;
}

static BACKEND_NAME_RESULT MakeEntries(const struct addrinfo* Info, BACKEND_NAME_ENTRY** Entries)
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
    char Node[NAME_BYTES];
    char Service[NAME_BYTES];
    struct addrinfo Hints = {.ai_socktype = Query->Type, .ai_protocol = Query->Protocol};
    struct addrinfo* List = NULL;
    BACKEND_NAME_RESULT Result;

    Hints.ai_flags = NativeFlags(AddressFlags, sizeof(AddressFlags) / sizeof(AddressFlags[0]), Query->Flags);
    Hints.ai_family = (Query->Family == BACKEND_IPV4)   ? AF_INET
                      : (Query->Family == BACKEND_IPV6) ? AF_INET6
                                                        : AF_UNSPEC;
    *Entries = NULL;
    Result =
        FromError(getaddrinfo(ToUtf8(Query->Node, Node), ToUtf8(Query->Service, Service), &Hints, &List));
    if (Result == BackendNameFound) {
        Result = MakeEntries(List, Entries);
        freeaddrinfo(List);
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

static socklen_t BytesFor(size_t Size)
{
    return (socklen_t)((Size < NAME_UNITS) ? Size : NAME_UNITS);
}

BACKEND_NAME_RESULT BackendFindNames(const BACKEND_ADDRESS* Address, uint32_t Flags, uint16_t* Node,
                                     size_t NodeSize, uint16_t* Service, size_t ServiceSize)
{
    char NodeBytes[NAME_UNITS];
    char ServiceBytes[NAME_UNITS];
    NATIVE_ADDRESS Native;
    socklen_t Length = ToNative(Address, &Native);
    int NativeFlag = NativeFlags(NameFlags, sizeof(NameFlags) / sizeof(NameFlags[0]), Flags);
    BACKEND_NAME_RESULT Result =
        FromError(getnameinfo(&Native.Any, Length, (NodeSize != 0) ? NodeBytes : NULL, BytesFor(NodeSize),
                              (ServiceSize != 0) ? ServiceBytes : NULL, BytesFor(ServiceSize), NativeFlag));

    if (Result == BackendNameFound && NodeSize != 0) {
        FromBytes(NodeBytes, Node);
    }
    if (Result == BackendNameFound && ServiceSize != 0) {
        FromBytes(ServiceBytes, Service);
    }
    return Result;
}

/* ---- threads ----------------------------------------------------------------------------------------- */

typedef struct _THREAD {
    pthread_t Thread;
    void (*Routine)(void* Context);
    void* Context;
} THREAD;

static void* RunThread(void* Context)
{
    THREAD* Thread = Context;

    Thread->Routine(Thread->Context);
    return NULL;
}

/* Signals are blocked: they are for the program's own threads. */
BACKEND_HANDLE BackendStartThread(void (*Routine)(void* Context), void* Context)
{
    THREAD* Thread = malloc(sizeof(*Thread));
    sigset_t All;
    sigset_t Before;
    int Error;

    if (Thread == NULL) {
        return BACKEND_NO_HANDLE;
    }
    Thread->Routine = Routine;
    Thread->Context = Context;
    (void)sigfillset(&All);
    (void)pthread_sigmask(SIG_SETMASK, &All, &Before);
    Error = pthread_create(&Thread->Thread, NULL, RunThread, Thread);
    (void)pthread_sigmask(SIG_SETMASK, &Before, NULL);
    if (Error != 0) {
        free(Thread);
        return BACKEND_NO_HANDLE;
    }
    return (BACKEND_HANDLE)(intptr_t)Thread;
}

void BackendJoinThread(BACKEND_HANDLE Handle)
{
    THREAD* Thread = (THREAD*)(intptr_t)Handle;

    (void)pthread_join(Thread->Thread, NULL);
    free(Thread);
}
