/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program needs to talk to the echo driver. Drivers include ntddk.h before it, programs winioctl.h.
 */
#pragma once

#define ECHO_DEVICE_NAME   L"\\Device\\KernelEcho"
#define ECHO_SYMBOLIC_LINK L"\\DosDevices\\KernelEcho"

/* Connections at one time; more are refused. */
#define ECHO_MAXIMUM_CONNECTIONS 64

/* Indications of one connection that the driver keeps; then TCP has to wait. */
#define ECHO_MAXIMUM_RETAINED 8

/* Input: a ULONG, the TCP port of the loopback address to listen on, or 0 for any. Output: a ULONG, the port.
 * STATUS_INVALID_DEVICE_STATE when the driver listens already. */
#define IOCTL_ECHO_LISTEN CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_WRITE_DATA)

/* Output: an ECHO_STATE. */
#define IOCTL_ECHO_QUERY CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_READ_DATA)

typedef struct _ECHO_STATE {
    ULONG Connections; /* open now */
    ULONG Accepted;    /* since the driver was loaded, like all below */
    ULONG Refused;     /* connections above the limit */
    ULONG Retained;    /* indications that were kept */
    ULONG Delayed;     /* indications that were not accepted at first */
    ULONG Aborted;     /* connections that did not end in order */
} ECHO_STATE, *PECHO_STATE;
