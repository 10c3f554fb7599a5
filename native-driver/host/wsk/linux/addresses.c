/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's addresses on Linux.
 */
#include "backend.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "native_address.h"

static bool IsListed(const struct ifaddrs* Entry, uint16_t Family)
{
    int Native = (Family == BACKEND_IPV6) ? AF_INET6 : AF_INET;

    return Entry->ifa_addr != NULL && Entry->ifa_addr->sa_family == Native && (Entry->ifa_flags & IFF_UP) &&
           !(Entry->ifa_flags & IFF_LOOPBACK);
}

int32_t BackendListAddresses(uint16_t Family, BACKEND_ADDRESS* Addresses, uint32_t Room, uint32_t* Count)
{
    struct ifaddrs* All;
    uint32_t Found = 0;

    *Count = 0;
    if (getifaddrs(&All) < 0) {
        return errno;
    }
    for (const struct ifaddrs* Entry = All; Entry != NULL; Entry = Entry->ifa_next) {
        if (!IsListed(Entry, Family)) {
            continue;
        }
        if (Found < Room) {
            FromNative((const NATIVE_ADDRESS*)Entry->ifa_addr, sizeof(NATIVE_ADDRESS), &Addresses[Found]);
        }
        Found++;
    }
    freeifaddrs(All);
    *Count = Found;
    return 0;
}
