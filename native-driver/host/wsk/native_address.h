/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses in the form of the socket functions. POSIX and Winsock use the same field names, so both backends
 * share this file; each includes its system's socket headers first.
 */
#ifndef WSK_NATIVE_ADDRESS_H
#define WSK_NATIVE_ADDRESS_H

#include "backend.h"

#include <string.h>

typedef union _NATIVE_ADDRESS {
    struct sockaddr Any;
    struct sockaddr_in V4;
    struct sockaddr_in6 V6;
} NATIVE_ADDRESS;

static inline socklen_t ToNative(const BACKEND_ADDRESS* Address, NATIVE_ADDRESS* Native)
{
    memset(Native, 0, sizeof(*Native));
    if (Address->Family == BACKEND_IPV4) {
        Native->V4.sin_family = AF_INET;
        Native->V4.sin_port = Address->Port;
        memcpy(&Native->V4.sin_addr, Address->Bytes, 4);
        return sizeof(Native->V4);
    }
    Native->V6.sin6_family = AF_INET6;
    Native->V6.sin6_port = Address->Port;
    Native->V6.sin6_flowinfo = Address->FlowInfo;
    Native->V6.sin6_scope_id = Address->ScopeId;
    memcpy(&Native->V6.sin6_addr, Address->Bytes, 16);
    return sizeof(Native->V6);
}

static inline void FromNative(const NATIVE_ADDRESS* Native, socklen_t Length, BACKEND_ADDRESS* Address)
{
    memset(Address, 0, sizeof(*Address));
    if (Length >= (socklen_t)sizeof(Native->V4) && Native->Any.sa_family == AF_INET) {
        Address->Family = BACKEND_IPV4;
        Address->Port = Native->V4.sin_port;
        memcpy(Address->Bytes, &Native->V4.sin_addr, 4);
    } else if (Length >= (socklen_t)sizeof(Native->V6) && Native->Any.sa_family == AF_INET6) {
        Address->Family = BACKEND_IPV6;
        Address->Port = Native->V6.sin6_port;
        Address->FlowInfo = Native->V6.sin6_flowinfo;
        Address->ScopeId = Native->V6.sin6_scope_id;
        memcpy(Address->Bytes, &Native->V6.sin6_addr, 16);
    }
}

#endif
