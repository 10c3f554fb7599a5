/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shim uses of the system: files of the device, overlapped control requests and a completion port.
 * Each transport implements it in one source file: device_win32.c over Win32, device_embedded.c over the
 * host's I/O manager, linked into the process. Status values are NTSTATUS.
 */
#ifndef WSKSHIM_DEVICE_H
#define WSKSHIM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct device_port device_port;
typedef void* device_file;

/* Storage for an IO_STATUS_BLOCK or an OVERLAPPED. Must stay valid, like the buffers of its request, until
 * the request's packet was taken or device_control has returned its final status. */
typedef struct device_request {
    uint64_t opaque[4];
} device_request;

typedef struct device_packet {
    device_request* request; /* NULL: a wake-up */
    int32_t status;
    uint64_t information;
} device_packet;

/* "embedded" or "device". */
const char* device_transport(void);

/* On the embedded transport opening the first port loads the driver, and closing the last one unloads it. */
int32_t device_port_open(device_port** port);
void device_port_close(device_port* port);

/* Opens the device for reading and writing, overlapped, on the port. */
int32_t device_file_open(device_port* port, device_file* file);
void device_file_close(device_file file);

/* Starts a request. STATUS_PENDING: its packet comes to the port. Otherwise it is complete with that status,
 * wrote *information, and no packet comes. */
int32_t device_control(device_file file, device_request* request, uint32_t code, void* in, uint32_t in_length,
                       void* out, uint32_t out_length, uint64_t* information);

/* The same, but waits for completion. */
int32_t device_control_wait(device_file file, uint32_t code, void* in, uint32_t in_length, void* out,
                            uint32_t out_length, uint64_t* information);

/* Asks to cancel one request, or all of the file's when request is NULL. */
int32_t device_cancel(device_file file, device_request* request);

/* Takes up to count packets; timeout_ms -1 waits for ever. Returns how many, 0 after the time passed. */
int32_t device_wait(device_port* port, device_packet* packets, int32_t count, int32_t timeout_ms);

/* The same for threads that take turns: one that took packets has the turn until it calls device_end_turn, or
 * this again. In the foreground it returns 0 at once when the thread must not wait. hand_on: the background
 * thread must continue at once. */
int32_t device_wait_in_turn(device_port* port, device_packet* packets, int32_t count, int32_t timeout_ms,
                            bool foreground);
void device_end_turn(device_port* port, bool hand_on);

/* Queues a packet with these values. */
int32_t device_post(device_port* port, device_request* request, int32_t status, uint64_t information);

/* The embedded transport's accounting, faults and debug messages, see wskshim.h; STATUS_NOT_SUPPORTED
 * elsewhere. */
int32_t device_accounting(char* text, size_t length);
int32_t device_fault(int32_t fault, uint64_t argument, int32_t status);
int32_t device_trace(int32_t level);
int32_t device_trace_take(char* text, size_t length, int32_t timeout_ms);

/* Major version that the shim asks the driver for: WSKB_VERSION_MAJOR unless a fault changes it. */
uint16_t device_client_major(void);

#endif
