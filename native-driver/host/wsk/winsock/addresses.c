/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's addresses with Winsock. Changes are not reported: this backend is for Wine, which does not
 * tell of them in a way that the poller could wait for.
 */
#include "winsock_socket.h"

#include <iphlpapi.h>
#include <stdlib.h>
#include <string.h>

#include "native_address.h"

#define SKIPPED (GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER)
/* How often a list that grows is asked for. */
#define ATTEMPTS 4

/* The caller frees *Adapters; NULL: there are none. */
static int32_t ReadAdapters(ULONG Family, IP_ADAPTER_ADDRESSES** Adapters)
{
    ULONG Size = 16384;
    ULONG Error = ERROR_BUFFER_OVERFLOW;

    *Adapters = NULL;
    for (int Attempt = 0; Error == ERROR_BUFFER_OVERFLOW && Attempt < ATTEMPTS; Attempt++) {
        free(*Adapters);
        *Adapters = calloc(1, Size);
        if (*Adapters == NULL) {
            return WSA_NOT_ENOUGH_MEMORY;
        }
        Error = GetAdaptersAddresses(Family, SKIPPED, NULL, *Adapters, &Size);
    }
    if (Error != NO_ERROR) {
        free(*Adapters);
        *Adapters = NULL;
    }
    return (Error == NO_ERROR || Error == ERROR_NO_DATA) ? 0 : WSAENOBUFS;
}

int32_t BackendListAddresses(uint16_t Family, BACKEND_ADDRESS* Addresses, uint32_t Room, uint32_t* Count)
{
    IP_ADAPTER_ADDRESSES* Adapters;
    int32_t Error = ReadAdapters((Family == BACKEND_IPV6) ? AF_INET6 : AF_INET, &Adapters);
    uint32_t Found = 0;

    for (const IP_ADAPTER_ADDRESSES* Adapter = Adapters; Adapter != NULL; Adapter = Adapter->Next) {
        if (Adapter->IfType == IF_TYPE_SOFTWARE_LOOPBACK || Adapter->OperStatus != IfOperStatusUp) {
            continue;
        }
        for (const IP_ADAPTER_UNICAST_ADDRESS* One = Adapter->FirstUnicastAddress; One != NULL;
             One = One->Next, Found++) {
            if (Found < Room) {
                FromNative((const NATIVE_ADDRESS*)One->Address.lpSockaddr, One->Address.iSockaddrLength,
                           &Addresses[Found]);
            }
        }
    }
    free(Adapters);
    *Count = Found;
    return Error;
}

int32_t BackendWatchAddresses(void)
{
    return WSAEOPNOTSUPP;
}
