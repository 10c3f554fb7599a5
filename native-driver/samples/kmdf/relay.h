/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program needs to talk to the relay driver. Drivers include ntddk.h before it, programs winioctl.h.
 */
#pragma once

#define RELAY_DEVICE_NAME   L"\\Device\\Relay"
#define RELAY_SYMBOLIC_LINK L"\\DosDevices\\Relay"

/* The longest message, in bytes, and how many the driver keeps. */
#define RELAY_MESSAGE_SIZE  512
#define RELAY_MESSAGE_LIMIT 8

/* The time between two ticks, in milliseconds. */
#define RELAY_TICK_TIME 20

/* Output: a RELAY_STATE. */
#define IOCTL_RELAY_QUERY CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

/* Output: the oldest message, which stays. STATUS_NO_MORE_ENTRIES when there is none. */
#define IOCTL_RELAY_PEEK CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_OUT_DIRECT, FILE_READ_DATA)

/* Is complete at the next tick of the driver's clock, or with those of a tick that is just being completed.
 * The clock runs while somebody waits for it. Output: a ULONG, the number of the tick. */
#define IOCTL_RELAY_TICK CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_BUFFERED, FILE_ANY_ACCESS)

typedef struct _RELAY_STATE {
    ULONG Messages;     /* written and not yet read */
    ULONG WaitingReads; /* without those that are just being completed */
} RELAY_STATE, *PRELAY_STATE;
