/* SPDX-License-Identifier: Apache-2.0
 *
 * Ports: their table, their slab of operations, and how they close.
 */
#include "port.h"

#include <stdlib.h>

#define CHUNK       256u
#define MAX_CHUNKS  4096u
#define DRAIN_BATCH 64
#define RETRY_MS    10u

static token_table ports = TOKEN_TABLE_INITIALIZER;
static uint32_t ports_opened;

shim_port* port_reference(uint64_t token)
{
    return (shim_port*)tokens_reference(&ports, token);
}

void port_release(shim_port* port)
{
    tokens_release(&ports, &port->object);
}

/* ---- operations -------------------------------------------------------------------------------------- */

/* The lock is held. */
static bool add_chunk(shim_port* port)
{
    if (port->chunks == MAX_CHUNKS) {
        return false;
    }
    shim_operation** slab = realloc(port->slab, (port->chunks + 1) * sizeof *slab);
    if (slab == NULL) {
        return false;
    }
    port->slab = slab;
    shim_operation* chunk = calloc(CHUNK, sizeof *chunk);
    if (chunk == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < CHUNK; i++) {
        chunk[i].index = port->chunks * CHUNK + i;
        chunk[i].generation = port->first_generation;
        chunk[i].next_free = port->free;
        port->free = &chunk[i];
    }
    slab[port->chunks++] = chunk;
    return true;
}

int32_t operations_take(shim_port* port, shim_operation** operations, int32_t count)
{
    int32_t taken = 0;
    shim_lock_acquire(&port->lock);
    while (!port->closing && taken < count && (port->free != NULL || add_chunk(port))) {
        shim_operation* operation = port->free;
        port->free = operation->next_free;
        operation->generation = (operation->generation + 1) & 0x7FFFFFFF;
        operation->generation += operation->generation == 0;
        operation->taken = true;
        operations[taken++] = operation;
    }
    port->in_flight += taken;
    shim_lock_release(&port->lock);
    return taken;
}

void operations_give(shim_port* port, shim_operation** operations, int32_t count)
{
    if (count == 0) {
        return;
    }
    shim_lock_acquire(&port->lock);
    for (int32_t i = 0; i < count; i++) {
        operations[i]->taken = false;
        operations[i]->next_free = port->free;
        port->free = operations[i];
    }
    port->in_flight -= count;
    shim_lock_release(&port->lock);
}

void operations_post(shim_port* port, shim_operation* operation, int32_t status, uint64_t information)
{
    if (device_post(port->device, &operation->request, status, information) >= 0) {
        return;
    }
    shim_lock_acquire(&port->lock);
    operation->status = status;
    operation->information = information;
    operation->next_free = port->kept;
    __atomic_store_n(&port->kept, operation, __ATOMIC_RELAXED);
    shim_lock_release(&port->lock);
}

int32_t operations_take_kept(shim_port* port, device_packet* packets, int32_t count)
{
    int32_t taken = 0;
    if (__atomic_load_n(&port->kept, __ATOMIC_RELAXED) == NULL) {
        return 0; /* the usual case, without the lock */
    }
    shim_lock_acquire(&port->lock);
    while (port->kept != NULL && taken < count) {
        shim_operation* operation = port->kept;
        __atomic_store_n(&port->kept, operation->next_free, __ATOMIC_RELAXED);
        packets[taken++] = (device_packet){&operation->request, operation->status, operation->information};
    }
    shim_lock_release(&port->lock);
    return taken;
}

/* The lock is held. */
static shim_operation* find_operation(shim_port* port, uint64_t token)
{
    uint32_t index = (uint32_t)token;
    if (index >= port->chunks * CHUNK) {
        return NULL;
    }
    shim_operation* operation = &port->slab[index / CHUNK][index % CHUNK];
    return operation->taken && operation->generation == token >> 32 ? operation : NULL;
}

int32_t port_cancel(shim_port* port, uint64_t token)
{
    int32_t status = WSKSHIM_STATUS_NOT_FOUND;
    shim_lock_acquire(&port->lock);
    shim_operation* operation = find_operation(port, token);
    shim_socket* socket = operation == NULL ? NULL : socket_reference(operation->socket);
    if (socket != NULL) {
        status = device_cancel(socket->file, &operation->request);
    }
    shim_lock_release(&port->lock);
    if (socket != NULL) {
        socket_release(socket);
    }
    return status;
}

/* ---- opening and closing ----------------------------------------------------------------------------- */

static void free_port(shim_port* port)
{
    for (uint32_t i = 0; i < port->chunks; i++) {
        free(port->slab[i]);
    }
    free(port->slab);
    free(port);
}

static int32_t check_version(device_port* device)
{
    WSKB_VERSION_REQUEST request = {sizeof request, WSKB_MAGIC, device_client_major(), WSKB_VERSION_MINOR};
    WSKB_VERSION version = {0};
    uint64_t information = 0;
    device_file file;
    int32_t status = device_file_open(device, &file);
    if (status < 0) {
        return fail(status, "the device \\\\.\\WskBridge can't be opened");
    }
    status = device_control_wait(file, (uint32_t)IOCTL_WSKB_GET_VERSION, &request, sizeof request, &version,
                                 sizeof version, &information);
    device_file_close(file);
    if (status < 0) {
        return fail(status, "the driver refused protocol version %u.%u", request.Major, request.Minor);
    }
    if (information < sizeof version || version.Magic != WSKB_MAGIC || version.Major != request.Major) {
        return fail(WSKSHIM_STATUS_REVISION_MISMATCH,
                    "what answers at \\\\.\\WskBridge is no wskbridge driver");
    }
    return status;
}

int32_t port_open(uint64_t* token)
{
    shim_port* port = calloc(1, sizeof *port);
    if (port == NULL) {
        return fail(WSKSHIM_STATUS_INSUFFICIENT_RESOURCES, "no memory for a port");
    }
    shim_lock_init(&port->lock);
    port->first_generation =
        __atomic_add_fetch(&ports_opened, 1, __ATOMIC_RELAXED) * 0x9E3779B1u & 0x7FFFFFFF;
    int32_t status = device_port_open(&port->device);
    if (status < 0) {
        free(port);
        return fail(status, "the driver can't be started or its completion port can't be made");
    }
    status = check_version(port->device);
    if (status >= 0 && (*token = tokens_add(&ports, &port->object)) == 0) {
        status = fail(WSKSHIM_STATUS_INSUFFICIENT_RESOURCES, "no memory for a port");
    }
    if (status < 0) {
        device_port_close(port->device);
        free(port);
        return status;
    }
    return status;
}

/* Makes every thread in wskshim_wait return. */
static void dismiss_waiters(shim_port* port)
{
    shim_lock_acquire(&port->lock);
    port->closing = true;
    for (int32_t i = 0; i < port->waiters; i++) {
        device_post(port->device, NULL, 0, 0);
    }
    shim_lock_release(&port->lock);
}

static void close_sockets(shim_port* port)
{
    for (;;) {
        shim_lock_acquire(&port->lock);
        uint64_t token = port->sockets == NULL ? 0 : port->sockets->token;
        shim_lock_release(&port->lock);
        if (token == 0) {
            return;
        }
        socket_close_token(token);
    }
}

/* Takes the remaining packets. Every operation has been cancelled. */
static void drain(shim_port* port)
{
    device_packet packets[DRAIN_BATCH];
    while (port->in_flight > 0) {
        int32_t count = operations_take_kept(port, packets, DRAIN_BATCH);
        if (count == 0) {
            count = device_wait(port->device, packets, DRAIN_BATCH, -1);
        }
        for (int32_t i = 0; i < count; i++) {
            shim_operation* operation = (shim_operation*)packets[i].request;
            if (operation != NULL) {
                gathered_end(operation->gathered, 0);
                operation->gathered = NULL;
                operations_give(port, &operation, 1);
            }
        }
    }
}

int32_t port_close_token(uint64_t token)
{
    shim_port* port = (shim_port*)tokens_remove(&ports, token);
    if (port == NULL) {
        return fail(WSKSHIM_STATUS_INVALID_HANDLE, "there is no port %llx", (unsigned long long)token);
    }
    /* Repeated while threads are inside, because one waiter may take the wake-ups of several. */
    do {
        dismiss_waiters(port);
        close_sockets(port);
    } while (!tokens_await_release(&ports, &port->object, RETRY_MS));
    drain(port);
    device_port_close(port->device);
    shim_lock_destroy(&port->lock);
    free_port(port);
    return WSKSHIM_STATUS_SUCCESS;
}
