/* SPDX-License-Identifier: Apache-2.0
 *
 * The embedded transport: the driver runs in this process, on the host's I/O manager. The first port loads
 * it. The last one unloads it, or a thread does so later, when no connection lingers any more.
 */
#include <iomanager.h>
#include <wskhost.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <wskbridge/ioctl.h>

#include "device.h"
#include "wskshim.h"

#define SERVICE_NAME L"WskBridge"
#define PACKETS      64

/* How often an unused driver is checked for connections that still linger. */
#define LINGER_LOOK_MS 100

struct device_port {
    HANDLE handle;
};

_Static_assert(sizeof(IO_STATUS_BLOCK) <= sizeof(device_request), "a request block holds an IO_STATUS_BLOCK");

DRIVER_INITIALIZE FxDriverEntry;

static pthread_mutex_t service_lock = PTHREAD_MUTEX_INITIALIZER;
static int service_users;  /* open ports; service_lock */
static bool driver_loaded; /* service_lock */
static bool unloads_later; /* a thread waits for the end of lingering; service_lock */
static atomic_bool driver_missing;
static atomic_uint client_major = WSKB_VERSION_MAJOR;

const char* device_transport(void)
{
    return "embedded";
}

/* ---- the service ------------------------------------------------------------------------------------- */

static NTSTATUS start_service(void)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (atomic_load(&driver_missing)) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    pthread_mutex_lock(&service_lock);
    if (!driver_loaded) {
        status = HostLoadDriver(SERVICE_NAME, FxDriverEntry);
        driver_loaded = NT_SUCCESS(status);
    }
    service_users += NT_SUCCESS(status);
    pthread_mutex_unlock(&service_lock);
    return status;
}

static bool connections_linger(void)
{
    WSKB_STATISTICS statistics = {0};
    uint64_t information;
    HANDLE handle;
    if (!NT_SUCCESS(HostOpenFile(WSKB_WIN32_NAME, FILE_READ_DATA, &handle))) {
        return false;
    }
    device_control_wait(handle, IOCTL_WSKB_GET_STATISTICS, NULL, 0, &statistics, sizeof statistics,
                        &information);
    NtClose(handle);
    return statistics.LingeringSockets != 0;
}

/* service_lock is held. FALSE: connections linger, so the driver stays. */
static bool unload_driver(void)
{
    if (service_users != 0 || !driver_loaded) {
        return true; /* the driver is in use again, or not loaded */
    }
    if (connections_linger()) {
        return false;
    }
    HostUnloadDriver(SERVICE_NAME);
    driver_loaded = false;
    return true;
}

static void* unload_later(void* nothing)
{
    bool over = false;
    while (!over) {
        usleep(LINGER_LOOK_MS * 1000);
        pthread_mutex_lock(&service_lock);
        over = unload_driver();
        unloads_later = !over;
        pthread_mutex_unlock(&service_lock);
    }
    return nothing;
}

/* An unload waits for the peers of lingering connections, so a thread does it then instead of the caller. If
 * the thread can't be created, the driver stays until a port is opened and closed again. */
static void stop_service(void)
{
    pthread_t thread;
    pthread_mutex_lock(&service_lock);
    service_users--;
    if (!unload_driver() && !unloads_later && pthread_create(&thread, NULL, unload_later, NULL) == 0) {
        pthread_detach(thread);
        unloads_later = true;
    }
    pthread_mutex_unlock(&service_lock);
}

int32_t device_port_open(device_port** opened)
{
    device_port* port = calloc(1, sizeof *port);
    if (port == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS status = start_service();
    if (!NT_SUCCESS(status)) {
        free(port);
        return status;
    }
    status = NtCreateIoCompletion(&port->handle, GENERIC_READ | GENERIC_WRITE, NULL, 0);
    if (!NT_SUCCESS(status)) {
        stop_service();
        free(port);
        return status;
    }
    *opened = port;
    return status;
}

void device_port_close(device_port* port)
{
    NtClose(port->handle);
    stop_service();
    free(port);
}

/* ---- files and requests ------------------------------------------------------------------------------ */

int32_t device_file_open(device_port* port, device_file* file)
{
    HANDLE handle;
    NTSTATUS status = HostOpenFile(WSKB_WIN32_NAME, FILE_READ_DATA | FILE_WRITE_DATA, &handle);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = HostAssociateCompletionPort(handle, port->handle, NULL);
    if (NT_SUCCESS(status)) {
        status = HostSetInlineCompletion(handle);
    }
    if (!NT_SUCCESS(status)) {
        NtClose(handle);
        return status;
    }
    *file = handle;
    return status;
}

void device_file_close(device_file file)
{
    NtClose(file);
}

int32_t device_control(device_file file, device_request* request, uint32_t code, void* in, uint32_t in_length,
                       void* out, uint32_t out_length, uint64_t* information)
{
    PIO_STATUS_BLOCK block = (PIO_STATUS_BLOCK)request;
    block->Information = 0;
    NTSTATUS status =
        NtDeviceIoControlFile(file, NULL, NULL, request, block, code, in, in_length, out, out_length);
    if (status != STATUS_PENDING) {
        *information = NT_ERROR(status) ? 0 : block->Information;
    }
    return status;
}

int32_t device_control_wait(device_file file, uint32_t code, void* in, uint32_t in_length, void* out,
                            uint32_t out_length, uint64_t* information)
{
    IO_STATUS_BLOCK block = {0};
    HANDLE event;
    NTSTATUS status = NtCreateEvent(&event, GENERIC_READ | GENERIC_WRITE, NULL, NotificationEvent, FALSE);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = NtDeviceIoControlFile(file, event, NULL, NULL, &block, code, in, in_length, out, out_length);
    if (status == STATUS_PENDING) {
        NtWaitForSingleObject(event, FALSE, NULL);
        status = block.Status;
    }
    NtClose(event);
    *information = NT_ERROR(status) ? 0 : block.Information;
    return status;
}

int32_t device_cancel(device_file file, device_request* request)
{
    IO_STATUS_BLOCK block;
    return NtCancelIoFileEx(file, (PIO_STATUS_BLOCK)request, &block);
}

/* ---- the completion port ----------------------------------------------------------------------------- */

/* Converts the result of a wait. */
static int32_t hand_over(NTSTATUS status, const FILE_IO_COMPLETION_INFORMATION* taken, ULONG removed,
                         device_packet* packets)
{
    if (status == STATUS_TIMEOUT || status == STATUS_DEVICE_BUSY) {
        return 0;
    }
    if (status == STATUS_ABANDONED_WAIT_0) {
        return WSKSHIM_STATUS_INVALID_HANDLE; /* closed; the system's status is no error */
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }
    for (ULONG i = 0; i < removed; i++) {
        packets[i].request = taken[i].ApcContext;
        packets[i].status = taken[i].IoStatusBlock.Status;
        packets[i].information = taken[i].IoStatusBlock.Information;
    }
    return (int32_t)removed;
}

static ULONG room(int32_t count)
{
    return count < PACKETS ? (ULONG)count : PACKETS;
}

int32_t device_wait(device_port* port, device_packet* packets, int32_t count, int32_t timeout_ms)
{
    FILE_IO_COMPLETION_INFORMATION taken[PACKETS];
    LARGE_INTEGER timeout = {.QuadPart = -(LONGLONG)timeout_ms * 10000};
    ULONG removed = 0;
    NTSTATUS status = NtRemoveIoCompletionEx(port->handle, taken, room(count), &removed,
                                             timeout_ms < 0 ? NULL : &timeout, FALSE);
    return hand_over(status, taken, removed, packets);
}

int32_t device_wait_in_turn(device_port* port, device_packet* packets, int32_t count, int32_t timeout_ms,
                            bool foreground)
{
    FILE_IO_COMPLETION_INFORMATION taken[PACKETS];
    LARGE_INTEGER timeout = {.QuadPart = -(LONGLONG)timeout_ms * 10000};
    ULONG removed = 0;
    NTSTATUS status = HostRemoveInTurn(port->handle, taken, room(count), &removed,
                                       timeout_ms < 0 ? NULL : &timeout, foreground);
    return hand_over(status, taken, removed, packets);
}

void device_end_turn(device_port* port, bool hand_on)
{
    HostEndTurn(port->handle, hand_on);
}

int32_t device_post(device_port* port, device_request* request, int32_t status, uint64_t information)
{
    return NtSetIoCompletion(port->handle, NULL, request, status, information);
}

/* ---- accounting and faults --------------------------------------------------------------------------- */

int32_t device_accounting(char* text, size_t length)
{
    HOST_ACCOUNTING host;
    WSKHOST_ACCOUNTING wsk;
    HostQueryAccounting(&host);
    WskHostQueryAccounting(&wsk);
    return snprintf(
        text, length,
        "pool=%llu\nirps=%llu\nmdls=%llu\ndevices=%llu\nfiles=%llu\nwork-items=%llu\nreferences=%llu\n"
        "handles=%llu\nrequests=%llu\nsockets=%llu\npending-irps=%llu\ncaptures=%llu\n",
        (unsigned long long)host.PoolAllocations, (unsigned long long)host.Irps,
        (unsigned long long)host.Mdls, (unsigned long long)host.Devices, (unsigned long long)host.FileObjects,
        (unsigned long long)host.WorkItems, (unsigned long long)host.References,
        (unsigned long long)host.Handles, (unsigned long long)host.Requests, (unsigned long long)wsk.Sockets,
        (unsigned long long)wsk.PendingIrps, (unsigned long long)wsk.Captures);
}

static void clear_faults(void)
{
    HostFailAllocation(0, 0);
    WskHostFailCall(0, STATUS_SUCCESS);
    WskHostSetAvailable(TRUE);
    HostSetProcessRights(HostProcessAdministrator);
    atomic_store(&driver_missing, false);
    atomic_store(&client_major, WSKB_VERSION_MAJOR);
    HostSetSystemVersion(0, 0, 0);
}

int32_t device_fault(int32_t fault, uint64_t argument, int32_t status)
{
    switch (fault) {
    case WSKSHIM_FAULT_NONE:
        clear_faults();
        break;
    case WSKSHIM_FAULT_ALLOCATION:
        HostFailAllocation((ULONG)argument, 0);
        break;
    case WSKSHIM_FAULT_WSK_CALL:
        WskHostFailCall((ULONG)argument, status);
        break;
    case WSKSHIM_FAULT_FORCE_CLOSE:
        WskHostForceClose();
        break;
    case WSKSHIM_FAULT_PROVIDER_GONE:
        WskHostSetAvailable(argument == 0);
        break;
    case WSKSHIM_FAULT_ACCESS_DENIED:
        HostSetProcessRights(argument == 0 ? HostProcessAdministrator : HostProcessUser);
        break;
    case WSKSHIM_FAULT_DRIVER_MISSING:
        atomic_store(&driver_missing, argument != 0);
        break;
    case WSKSHIM_FAULT_CLIENT_VERSION:
        atomic_store(&client_major, argument == 0 ? WSKB_VERSION_MAJOR : (unsigned)argument);
        break;
    case WSKSHIM_FAULT_SYSTEM_VERSION:
        HostSetSystemVersion((ULONG)(argument >> 48), (ULONG)(argument >> 32) & 0xFFFF, (ULONG)argument);
        break;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* ---- messages of the driver -------------------------------------------------------------------------- */

int32_t device_trace(int32_t level)
{
    HostKeepDebugMessages(level);
    return STATUS_SUCCESS;
}

int32_t device_trace_take(char* text, size_t length, int32_t timeout_ms)
{
    HOST_DEBUG_MESSAGE message;
    LARGE_INTEGER timeout;
    timeout.QuadPart = -(LONGLONG)timeout_ms * 10000;
    if (HostTakeDebugMessage(&message, timeout_ms < 0 ? NULL : &timeout) == STATUS_TIMEOUT) {
        return 0;
    }
    return snprintf(text, length, "%u %s", message.Level, message.Text);
}

uint16_t device_client_major(void)
{
    return (uint16_t)atomic_load(&client_major);
}
