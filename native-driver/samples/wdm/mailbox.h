/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program needs to talk to the mailbox driver. Drivers include ntddk.h before it, programs winioctl.h.
 */
#pragma once

#define MAILBOX_DEVICE_NAME   L"\\Device\\Mailbox"
#define MAILBOX_SYMBOLIC_LINK L"\\DosDevices\\Mailbox"

/* The longest message, in bytes. */
#define MAILBOX_CAPACITY 4096

/* Copies the input to the output in reverse order. The output has room for it. */
#define IOCTL_MAILBOX_REVERSE CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

/* Input: a ULONG, the offset into the message. Replaces what the message has from there on by the second
 * buffer, which the driver only reads. */
#define IOCTL_MAILBOX_PUT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_IN_DIRECT, FILE_WRITE_DATA)

/* Input: a ULONG, the offset into the message. Output: what the message has from there on. */
#define IOCTL_MAILBOX_GET CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_OUT_DIRECT, FILE_READ_DATA)

/* Output: a ULONG, the sum of the bytes of the input, modulo 2^32. */
#define IOCTL_MAILBOX_SUM CTL_CODE(FILE_DEVICE_UNKNOWN, 0x803, METHOD_NEITHER, FILE_ANY_ACCESS)

/* Waits for the next write. Output: its message, or STATUS_BUFFER_OVERFLOW and as much as there is room for.
 */
#define IOCTL_MAILBOX_WAIT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x804, METHOD_BUFFERED, FILE_READ_DATA)
