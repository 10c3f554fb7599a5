/* SPDX-License-Identifier: Apache-2.0
 *
 * wskshim_layout: sizes and offsets of the structures that callers in other languages read and write, told by
 * the compiler that built the library.
 */
#include "wskshim.h"

#include <stdio.h>

typedef struct layout_entry {
    const char* name;
    uint32_t offset;
    uint32_t size;
    uint32_t is_field;
} layout_entry;

#define STRUCTURE(type)                                                                                      \
    {                                                                                                        \
#type, 0, sizeof(type), 0                                                                            \
    }
#define FIELD(type, field)                                                                                   \
    {                                                                                                        \
#type "." #field, offsetof(type, field), sizeof(((type*)0)->field), 1                                \
    }

static const layout_entry entries[] = {
    STRUCTURE(wskshim_submission),
    FIELD(wskshim_submission, opcode),
    FIELD(wskshim_submission, flags),
    FIELD(wskshim_submission, socket),
    FIELD(wskshim_submission, user_data),
    FIELD(wskshim_submission, buffer),
    FIELD(wskshim_submission, length),
    FIELD(wskshim_submission, address),
    STRUCTURE(wskshim_completion),
    FIELD(wskshim_completion, user_data),
    FIELD(wskshim_completion, status),
    FIELD(wskshim_completion, bytes),
    FIELD(wskshim_completion, opcode),
    FIELD(wskshim_completion, flags),
    FIELD(wskshim_completion, value),
    FIELD(wskshim_completion, address),
    STRUCTURE(WSKB_SOCKADDR),
    FIELD(WSKB_SOCKADDR, Family),
    FIELD(WSKB_SOCKADDR, Port),
    FIELD(WSKB_SOCKADDR, V4.Address),
    FIELD(WSKB_SOCKADDR, V6.FlowInfo),
    FIELD(WSKB_SOCKADDR, V6.Address),
    FIELD(WSKB_SOCKADDR, V6.ScopeId),
    STRUCTURE(WSKB_VERSION_REQUEST),
    FIELD(WSKB_VERSION_REQUEST, Size),
    FIELD(WSKB_VERSION_REQUEST, Magic),
    FIELD(WSKB_VERSION_REQUEST, Major),
    FIELD(WSKB_VERSION_REQUEST, Minor),
    STRUCTURE(WSKB_VERSION),
    FIELD(WSKB_VERSION, Size),
    FIELD(WSKB_VERSION, Magic),
    FIELD(WSKB_VERSION, Major),
    FIELD(WSKB_VERSION, Minor),
    FIELD(WSKB_VERSION, FrameworkMajor),
    FIELD(WSKB_VERSION, FrameworkMinor),
    FIELD(WSKB_VERSION, ProviderHighest),
    FIELD(WSKB_VERSION, ProviderLowest),
    FIELD(WSKB_VERSION, MaximumDatagram),
    FIELD(WSKB_VERSION, Features),
    FIELD(WSKB_VERSION, MaximumTransfer),
    FIELD(WSKB_VERSION, MaximumOperations),
    FIELD(WSKB_VERSION, MaximumSockets),
    FIELD(WSKB_VERSION, MaximumUnclaimed),
    FIELD(WSKB_VERSION, MaximumBytes),
    STRUCTURE(WSKB_STATISTICS),
    FIELD(WSKB_STATISTICS, Size),
    FIELD(WSKB_STATISTICS, ControlRequests),
    FIELD(WSKB_STATISTICS, CompletedRequests),
    FIELD(WSKB_STATISTICS, StartedIrps),
    FIELD(WSKB_STATISTICS, CompletedIrps),
    FIELD(WSKB_STATISTICS, CancelledRequests),
    FIELD(WSKB_STATISTICS, SentDatagrams),
    FIELD(WSKB_STATISTICS, ReceivedDatagrams),
    FIELD(WSKB_STATISTICS, SentBytes),
    FIELD(WSKB_STATISTICS, ReceivedBytes),
    FIELD(WSKB_STATISTICS, AcceptedConnections),
    FIELD(WSKB_STATISTICS, OpenSockets),
    FIELD(WSKB_STATISTICS, UnclaimedSockets),
    FIELD(WSKB_STATISTICS, OperationsInFlight),
    FIELD(WSKB_STATISTICS, LingeringSockets),
    STRUCTURE(WSKB_CREATE),
    FIELD(WSKB_CREATE, Size),
    FIELD(WSKB_CREATE, Category),
    FIELD(WSKB_CREATE, Family),
    FIELD(WSKB_CREATE, Protocol),
    STRUCTURE(WSKB_ADDRESS),
    FIELD(WSKB_ADDRESS, Size),
    FIELD(WSKB_ADDRESS, Address),
    STRUCTURE(WSKB_OPTION),
    FIELD(WSKB_OPTION, Size),
    FIELD(WSKB_OPTION, Option),
    FIELD(WSKB_OPTION, Value),
    STRUCTURE(WSKB_DATAGRAM),
    FIELD(WSKB_DATAGRAM, Size),
    FIELD(WSKB_DATAGRAM, Flags),
    FIELD(WSKB_DATAGRAM, Length),
    FIELD(WSKB_DATAGRAM, RemoteAddress),
    STRUCTURE(WSKB_SEND_TO),
    STRUCTURE(WSKB_TRANSFER),
    STRUCTURE(WSKB_ACCEPTED),
    STRUCTURE(WSKB_ATTACH),
    FIELD(WSKB_ATTACH, Size),
    FIELD(WSKB_ATTACH, Token),
};

int32_t wskshim_layout(uint64_t text, int32_t length)
{
    char* out = (char*)(uintptr_t)text;
    int32_t total = 0;
    if (text == 0 || length < 0) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const layout_entry* entry = &entries[i];
        size_t room = total < length ? (size_t)(length - total) : 0;
        char* at = room == 0 ? NULL : out + total;
        total += entry->is_field ? snprintf(at, room, "%s=%u:%u\n", entry->name, entry->offset, entry->size)
                                 : snprintf(at, room, "%s=%u\n", entry->name, entry->size);
    }
    return total;
}
