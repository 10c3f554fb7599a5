/* SPDX-License-Identifier: Apache-2.0
 *
 * Ancillary data between backend.h and Linux' control messages, for backend.c.
 */
#ifndef WSK_LINUX_CONTROL_H
#define WSK_LINUX_CONTROL_H

#include "backend.h"

#include <sys/socket.h>

/* For headers that lack them. */
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Room for all control messages of one datagram. */
typedef union _NATIVE_CONTROL {
    struct cmsghdr Header; /* for the alignment */
    unsigned char Bytes[320];
} NATIVE_CONTROL;

/* Describes what is sent in Room, and has Header refer to it. */
void ControlToNative(const BACKEND_CONTROL* Control, NATIVE_CONTROL* Room, struct msghdr* Header);
/* Has Header refer to Room, for the system to fill in. */
void ControlToReceive(NATIVE_CONTROL* Room, struct msghdr* Header);
/* Reads what the system filled in. */
void ControlFromNative(struct msghdr* Header, BACKEND_CONTROL* Control);

#endif
