/* SPDX-License-Identifier: Apache-2.0
 *
 * The device transport: \\.\WskBridge through Win32. One completion port takes the packets of all files of a
 * port.
 *
 * A request is an OVERLAPPED, whose Internal and InternalHigh are the I/O manager's status block: the
 * NTSTATUS and the count of bytes. Control requests go through NtDeviceIoControlFile, which DeviceIoControl
 * calls: it returns the NTSTATUS of a request that never reached the driver, while Win32 maps several to one
 * error.
 */
#include "device.h"

#include <stdlib.h>
#include <windows.h>
#include <winternl.h>

#include <wskbridge/ioctl.h>

#include "wskshim.h"

#define PACKETS 64

struct device_port {
    HANDLE handle;
};

_Static_assert(sizeof(OVERLAPPED) <= sizeof(device_request), "a request block holds an OVERLAPPED");

const char* device_transport(void)
{
    return "device";
}

/* ---- errors ------------------------------------------------------------------------------------------ */

static const struct {
    DWORD error;
    uint32_t status;
} statuses[] = {
    {ERROR_FILE_NOT_FOUND, 0xC0000034},      /* STATUS_OBJECT_NAME_NOT_FOUND */
    {ERROR_PATH_NOT_FOUND, 0xC000003A},      /* STATUS_OBJECT_PATH_NOT_FOUND */
    {ERROR_ACCESS_DENIED, 0xC0000022},       /* STATUS_ACCESS_DENIED */
    {ERROR_INVALID_HANDLE, 0xC0000008},      /* STATUS_INVALID_HANDLE */
    {ERROR_NOT_ENOUGH_MEMORY, 0xC0000017},   /* STATUS_NO_MEMORY */
    {ERROR_OUTOFMEMORY, 0xC0000017},         /* STATUS_NO_MEMORY */
    {ERROR_NO_SYSTEM_RESOURCES, 0xC000009A}, /* STATUS_INSUFFICIENT_RESOURCES */
    {ERROR_NOT_READY, 0xC00000A3},           /* STATUS_DEVICE_NOT_READY */
    {ERROR_INVALID_PARAMETER, 0xC000000D},   /* STATUS_INVALID_PARAMETER */
    {ERROR_INVALID_FUNCTION, 0xC0000010},    /* STATUS_INVALID_DEVICE_REQUEST */
    {ERROR_NOACCESS, 0xC0000005},            /* STATUS_ACCESS_VIOLATION */
    {ERROR_INVALID_USER_BUFFER, 0xC00000E8}, /* STATUS_INVALID_USER_BUFFER */
    {ERROR_WORKING_SET_QUOTA, 0xC00000A1},   /* STATUS_WORKING_SET_QUOTA */
    {ERROR_NOT_ENOUGH_QUOTA, 0xC0000044},    /* STATUS_QUOTA_EXCEEDED */
    {ERROR_NOT_FOUND, 0xC0000225},           /* STATUS_NOT_FOUND */
    {ERROR_OPERATION_ABORTED, 0xC0000120},   /* STATUS_CANCELLED */
    {ERROR_DELETE_PENDING, 0xC0000056},      /* STATUS_DELETE_PENDING */
    {ERROR_DEVICE_REMOVED, 0xC00002B6},      /* STATUS_DEVICE_REMOVED */
    {ERROR_ABANDONED_WAIT_0,
     0xC0000008}, /* the port was closed; STATUS_ABANDONED_WAIT_0 is not an error status */
    {ERROR_TOO_MANY_OPEN_FILES, 0xC000011F}, /* STATUS_TOO_MANY_OPENED_FILES */
    {ERROR_SHARING_VIOLATION, 0xC0000043},   /* STATUS_SHARING_VIOLATION */
};

/* STATUS_UNSUCCESSFUL for errors that are not in the table; none is expected. */
static int32_t status_of_error(DWORD error)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].error == error) {
            return (int32_t)statuses[i].status;
        }
    }
    return (int32_t)0xC0000001;
}

static int32_t last_status(void)
{
    return status_of_error(GetLastError());
}

/* ---- ports and files --------------------------------------------------------------------------------- */

int32_t device_port_open(device_port** opened)
{
    device_port* port = calloc(1, sizeof *port);
    if (port == NULL) {
        return WSKSHIM_STATUS_INSUFFICIENT_RESOURCES;
    }
    port->handle = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    if (port->handle == NULL) {
        int32_t status = last_status();
        free(port);
        return status;
    }
    *opened = port;
    return WSKSHIM_STATUS_SUCCESS;
}

void device_port_close(device_port* port)
{
    CloseHandle(port->handle);
    free(port);
}

int32_t device_file_open(device_port* port, device_file* file)
{
    HANDLE handle =
        CreateFileW(WSKB_WIN32_NAME, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                    OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        return last_status();
    }
    /* No thread waits on the file itself. */
    if (CreateIoCompletionPort(handle, port->handle, 0, 0) == NULL ||
        !SetFileCompletionNotificationModes(handle, FILE_SKIP_SET_EVENT_ON_HANDLE)) {
        int32_t status = last_status();
        CloseHandle(handle);
        return status;
    }
    *file = handle;
    return WSKSHIM_STATUS_SUCCESS;
}

void device_file_close(device_file file)
{
    CloseHandle(file);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

/* Starts a request. STATUS_PENDING: it reached the driver, and its result comes in the status block. An
 * error: it did not, and there will be no packet. The packet carries the context; without a context there is
 * no packet.
 */
static int32_t start(device_file file, HANDLE event, OVERLAPPED* overlapped, void* context, uint32_t code,
                     void* in, uint32_t in_length, void* out, uint32_t out_length)
{
    overlapped->Internal = (ULONG_PTR)WSKSHIM_STATUS_PENDING;
    NTSTATUS status =
        NtDeviceIoControlFile(file, event, NULL, context, (PIO_STATUS_BLOCK)&overlapped->Internal, code, in,
                              in_length, out, out_length);
    bool refused = status < 0 && overlapped->Internal == (ULONG_PTR)WSKSHIM_STATUS_PENDING;
    return refused ? status : WSKSHIM_STATUS_PENDING;
}

int32_t device_control(device_file file, device_request* request, uint32_t code, void* in, uint32_t in_length,
                       void* out, uint32_t out_length, uint64_t* information)
{
    OVERLAPPED* overlapped = (OVERLAPPED*)request;
    memset(overlapped, 0, sizeof *overlapped);
    *information = 0;
    return start(file, NULL, overlapped, overlapped, code, in, in_length, out, out_length);
}

int32_t device_control_wait(device_file file, uint32_t code, void* in, uint32_t in_length, void* out,
                            uint32_t out_length, uint64_t* information)
{
    OVERLAPPED overlapped = {0};
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    *information = 0;
    if (event == NULL) {
        return last_status();
    }
    int32_t status = start(file, event, &overlapped, NULL, code, in, in_length, out, out_length);
    if (status == WSKSHIM_STATUS_PENDING) {
        WaitForSingleObject(event, INFINITE);
        status = (int32_t)overlapped.Internal;
        *information = status >= 0 || (uint32_t)status >> 30 == 2 ? overlapped.InternalHigh : 0;
    }
    CloseHandle(event);
    return status;
}

int32_t device_cancel(device_file file, device_request* request)
{
    return CancelIoEx(file, (OVERLAPPED*)request) ? WSKSHIM_STATUS_SUCCESS : last_status();
}

/* ---- the completion port ----------------------------------------------------------------------------- */

int32_t device_wait(device_port* port, device_packet* packets, int32_t count, int32_t timeout_ms)
{
    OVERLAPPED_ENTRY taken[PACKETS];
    ULONG removed = 0;
    ULONG room = count < PACKETS ? (ULONG)count : PACKETS;
    if (!GetQueuedCompletionStatusEx(port->handle, taken, room, &removed,
                                     timeout_ms < 0 ? INFINITE : (DWORD)timeout_ms, FALSE)) {
        return GetLastError() == WAIT_TIMEOUT ? 0 : last_status();
    }
    for (ULONG i = 0; i < removed; i++) {
        const OVERLAPPED* overlapped = taken[i].lpOverlapped;
        packets[i] = (device_packet){.request = (device_request*)taken[i].lpOverlapped};
        if (overlapped != NULL) {
            packets[i].status = (int32_t)overlapped->Internal;
            packets[i].information = overlapped->InternalHigh;
        }
    }
    return (int32_t)removed;
}

/* The system counts a thread that took packets as one of the port's while it runs, whatever it does, and
 * limits how many of them run. So only the background thread takes packets, and there are no turns. */
int32_t device_wait_in_turn(device_port* port, device_packet* packets, int32_t count, int32_t timeout_ms,
                            bool foreground)
{
    return foreground ? 0 : device_wait(port, packets, count, timeout_ms);
}

void device_end_turn(device_port* port, bool hand_on)
{
    (void)port;
    (void)hand_on;
}

/* The shim's own packet carries its result in the OVERLAPPED, where the I/O manager would write it. */
int32_t device_post(device_port* port, device_request* request, int32_t status, uint64_t information)
{
    OVERLAPPED* overlapped = (OVERLAPPED*)request;
    if (overlapped != NULL) {
        overlapped->Internal = (ULONG_PTR)(uint32_t)status;
        overlapped->InternalHigh = information;
    }
    return PostQueuedCompletionStatus(port->handle, 0, 0, overlapped) ? WSKSHIM_STATUS_SUCCESS
                                                                      : last_status();
}

/* ---- only on the embedded transport ------------------------------------------------------------------ */

int32_t device_accounting(char* text, size_t length)
{
    (void)text;
    (void)length;
    return WSKSHIM_STATUS_NOT_SUPPORTED;
}

int32_t device_fault(int32_t fault, uint64_t argument, int32_t status)
{
    (void)fault;
    (void)argument;
    (void)status;
    return WSKSHIM_STATUS_NOT_SUPPORTED;
}

int32_t device_trace(int32_t level)
{
    (void)level;
    return WSKSHIM_STATUS_NOT_SUPPORTED;
}

int32_t device_trace_take(char* text, size_t length, int32_t timeout_ms)
{
    (void)text;
    (void)length;
    (void)timeout_ms;
    return WSKSHIM_STATUS_NOT_SUPPORTED;
}

uint16_t device_client_major(void)
{
    return WSKB_VERSION_MAJOR;
}
