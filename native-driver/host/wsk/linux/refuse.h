/* SPDX-License-Identifier: Apache-2.0
 *
 * What a datagram socket refuses to receive, although it arrives.
 */
#ifndef WSK_LINUX_REFUSE_H
#define WSK_LINUX_REFUSE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum _REFUSED_KIND {
    RefusedOwnMulticast, /* what this machine sends to groups */
    RefusedBroadcast,
    RefusedKinds
} REFUSED_KIND;

/* Makes the socket refuse, or accept again, one kind of datagram. 0 or an error number. */
int32_t RefuseDatagrams(int Socket, REFUSED_KIND Kind, bool Refuse);

#endif
