/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of wskshim.h: checks arguments, and calls port.c, socket.c and operation.c.
 */
#include "port.h"

#include <stdarg.h>
#include <stdio.h>

#define BATCH        64
#define KEPT_LOOK_MS 1000

static _Thread_local char last_error[256];

int32_t fail(int32_t status, const char* format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

static int32_t no_port(uint64_t token)
{
    return fail(WSKSHIM_STATUS_INVALID_HANDLE, "there is no port %llx", (unsigned long long)token);
}

static int32_t no_socket(uint64_t token)
{
    return fail(WSKSHIM_STATUS_INVALID_HANDLE, "there is no socket %llx", (unsigned long long)token);
}

/* ---- ports and sockets ------------------------------------------------------------------------------- */

int64_t wskshim_port_open(uint32_t abi_version)
{
    uint64_t token;
    if (abi_version != WSKSHIM_ABI_VERSION) {
        return fail(WSKSHIM_STATUS_REVISION_MISMATCH,
                    "the caller was built for version %u of this library's interface, it has version %u",
                    abi_version, WSKSHIM_ABI_VERSION);
    }
    int32_t status = port_open(&token);
    return status < 0 ? status : (int64_t)token;
}

int32_t wskshim_port_close(uint64_t port)
{
    return port_close_token(port);
}

int64_t wskshim_socket_open(uint64_t port_token)
{
    uint64_t token;
    shim_port* port = port_reference(port_token);
    if (port == NULL) {
        return no_port(port_token);
    }
    int32_t status = socket_open(port, &token);
    port_release(port);
    return status < 0 ? status : (int64_t)token;
}

int32_t wskshim_socket_close(uint64_t socket)
{
    return socket_close_token(socket);
}

int32_t wskshim_control(uint64_t socket_token, uint32_t code, uint64_t in, uint32_t in_length, uint64_t out,
                        uint32_t out_length, uint64_t returned)
{
    uint64_t information = 0;
    shim_socket* socket = socket_reference(socket_token);
    if (socket == NULL) {
        return no_socket(socket_token);
    }
    int32_t status = device_control_wait(socket->file, code, (void*)(uintptr_t)in, in_length,
                                         (void*)(uintptr_t)out, out_length, &information);
    socket_release(socket);
    if (returned != 0) {
        *(uint32_t*)(uintptr_t)returned = (uint32_t)information;
    }
    return status < 0 ? fail(status, "control request 0x%08x was refused", code) : status;
}

/* ---- operations -------------------------------------------------------------------------------------- */

/* The state of one call of wskshim_submit. */
typedef struct submit_call {
    shim_port* port;
    shim_socket* socket; /* of the previous entry: consecutive entries often share it */
    uint64_t* tokens;
    wskshim_completion* completions;
    shim_operation* finished[BATCH]; /* completed inline, to be returned to the slab */
    int32_t finished_count;
} submit_call;

static shim_socket* find_socket(submit_call* call, uint64_t token)
{
    if (call->socket != NULL && call->socket->token == token) {
        return call->socket;
    }
    if (call->socket != NULL) {
        socket_release(call->socket);
    }
    call->socket = socket_reference(token);
    if (call->socket != NULL && call->socket->port != call->port) {
        socket_release(call->socket);
        call->socket = NULL;
    }
    return call->socket;
}

/* For plain entries. Refuses flags for opcodes without flags, because a later version may give them a
 * meaning. The driver checks the others. */
static bool is_valid(const wskshim_submission* entry)
{
    return entry->opcode < WSKSHIM_OPCODES &&
           (entry->flags == 0 || operation_rows[entry->opcode].has_flags) &&
           (entry->buffer != 0 || entry->length == 0);
}

static int32_t start(submit_call* call, shim_operation* operation, const wskshim_submission* entry,
                     uint64_t* information)
{
    wskshim_submission plain;
    uint32_t timeout = 0;
    if (entry->modifiers != 0) {
        int32_t status =
            message_unfold(entry, &plain, &timeout, &operation->gathered, &operation->in.control);
        if (status < 0) {
            return status;
        }
        entry = &plain;
    }
    if (!is_valid(entry)) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    shim_socket* socket = find_socket(call, entry->socket);
    return socket == NULL ? WSKSHIM_STATUS_INVALID_HANDLE
                          : operation_start(operation, socket, entry, timeout, information);
}

static void submit_one(submit_call* call, int32_t index, shim_operation* operation,
                       const wskshim_submission* entry)
{
    uint64_t information = 0;
    uint64_t token = operation_token(operation); /* before it may complete and be reused */
    operation->socket = entry->socket;
    operation->user_data = entry->user_data;
    operation->opcode = entry->opcode;
    int32_t status = start(call, operation, entry, &information);
    if (status != WSKSHIM_STATUS_PENDING && call->completions != NULL) {
        operation_complete(operation, status, information, &call->completions[index]);
        call->finished[call->finished_count++] = operation;
        token = 0;
    } else if (status != WSKSHIM_STATUS_PENDING) {
        operations_post(call->port, operation, status, information);
    }
    if (call->tokens != NULL) {
        call->tokens[index] = token;
    }
}

static int32_t submit_batch(submit_call* call, const wskshim_submission* entries, int32_t first,
                            int32_t count)
{
    shim_operation* operations[BATCH];
    int32_t taken = operations_take(call->port, operations, count);
    for (int32_t i = 0; i < taken; i++) {
        submit_one(call, first + i, operations[i], &entries[first + i]);
    }
    operations_give(call->port, call->finished, call->finished_count);
    call->finished_count = 0;
    return taken;
}

int32_t wskshim_submit(uint64_t port_token, uint64_t entries, uint64_t tokens, uint64_t completions,
                       int32_t count)
{
    if (entries == 0 || count < 0) {
        return fail(WSKSHIM_STATUS_INVALID_PARAMETER, "no entries to submit");
    }
    submit_call call = {.tokens = (uint64_t*)(uintptr_t)tokens,
                        .completions = (wskshim_completion*)(uintptr_t)completions};
    call.port = port_reference(port_token);
    if (call.port == NULL) {
        return no_port(port_token);
    }
    int32_t done = 0;
    while (done < count) {
        int32_t batch = count - done < BATCH ? count - done : BATCH;
        int32_t taken = submit_batch(&call, (const wskshim_submission*)(uintptr_t)entries, done, batch);
        done += taken;
        if (taken < batch) {
            break;
        }
    }
    if (call.socket != NULL) {
        socket_release(call.socket);
    }
    port_release(call.port);
    return done;
}

typedef enum wait_kind { WAIT_TOGETHER, WAIT_BACKGROUND, WAIT_FOREGROUND } wait_kind;

/* Counts the thread as a waiter, unless the port is closing. */
static bool enter_wait(shim_port* port, int32_t* in_flight)
{
    shim_lock_acquire(&port->lock);
    bool open = !port->closing;
    port->waiters += open;
    *in_flight = port->in_flight;
    shim_lock_release(&port->lock);
    return open;
}

static bool leave_wait(shim_port* port)
{
    shim_lock_acquire(&port->lock);
    bool open = !port->closing;
    port->waiters--;
    shim_lock_release(&port->lock);
    return open;
}

static bool is_closing(shim_port* port)
{
    shim_lock_acquire(&port->lock);
    bool closing = port->closing;
    shim_lock_release(&port->lock);
    return closing;
}

static int32_t wait_at_device(shim_port* port, device_packet* packets, int32_t count, int32_t timeout_ms,
                              wait_kind kind)
{
    return kind == WAIT_TOGETHER
               ? device_wait(port->device, packets, count, timeout_ms)
               : device_wait_in_turn(port->device, packets, count, timeout_ms, kind == WAIT_FOREGROUND);
}

/* A completion that is kept for lack of memory wakes no thread, so threads that wait without a timeout check
 * for kept ones from time to time. */
static int32_t await_packets(shim_port* port, device_packet* packets, int32_t count, int32_t timeout_ms,
                             wait_kind kind)
{
    int32_t received = 0;
    do {
        received = kind == WAIT_FOREGROUND ? 0 : operations_take_kept(port, packets, count);
        if (received == 0) {
            received = wait_at_device(port, packets, count, timeout_ms < 0 ? KEPT_LOOK_MS : timeout_ms, kind);
        }
    } while (received == 0 && timeout_ms < 0 && !is_closing(port));
    return received;
}

static int32_t take_completions(shim_port* port, wskshim_completion* completions, int32_t count,
                                int32_t timeout_ms, wait_kind kind)
{
    device_packet packets[BATCH];
    shim_operation* finished[BATCH];
    int32_t taken = 0;
    int32_t wakes = kind == WAIT_FOREGROUND; /* they are for the background */
    int32_t room = count < BATCH ? count : BATCH;
    int32_t received = await_packets(port, packets, room, timeout_ms, kind);
    for (int32_t i = 0; i < received; i++) {
        shim_operation* operation = (shim_operation*)packets[i].request;
        if (operation != NULL) {
            operation_complete(operation, packets[i].status, packets[i].information, &completions[taken]);
            finished[taken++] = operation;
        } else if (++wakes > 1) {
            device_post(port->device, NULL, 0, 0); /* pass the wake-up on: it is for another wait */
        }
    }
    operations_give(port, finished, taken);
    if (kind != WAIT_TOGETHER && received > 0 && taken == 0) {
        device_end_turn(port->device, true);
    }
    return received < 0 ? received : taken;
}

static int32_t wait_for_completions(uint64_t port_token, uint64_t completions, int32_t count,
                                    int32_t timeout_ms, wait_kind kind)
{
    if (completions == 0 || count <= 0 || timeout_ms < -1) {
        return fail(WSKSHIM_STATUS_INVALID_PARAMETER, "no room for completions, or a bad timeout");
    }
    shim_port* port = port_reference(port_token);
    if (port == NULL) {
        return no_port(port_token);
    }
    int32_t taken = 0;
    int32_t in_flight;
    bool open = enter_wait(port, &in_flight);
    if (open) {
        if (kind != WAIT_FOREGROUND || in_flight == 1) {
            taken =
                take_completions(port, (wskshim_completion*)(uintptr_t)completions, count, timeout_ms, kind);
        }
        open = leave_wait(port);
    }
    port_release(port);
    return open || taken != 0 ? taken : fail(WSKSHIM_STATUS_INVALID_HANDLE, "the port was closed");
}

int32_t wskshim_wait(uint64_t port, uint64_t completions, int32_t count, int32_t timeout_ms)
{
    return wait_for_completions(port, completions, count, timeout_ms, WAIT_TOGETHER);
}

int32_t wskshim_wait_in_turn(uint64_t port, uint64_t completions, int32_t count, int32_t timeout_ms,
                             int32_t foreground)
{
    return wait_for_completions(port, completions, count, timeout_ms,
                                foreground ? WAIT_FOREGROUND : WAIT_BACKGROUND);
}

int32_t wskshim_end_turn(uint64_t port_token)
{
    shim_port* port = port_reference(port_token);
    if (port == NULL) {
        return no_port(port_token);
    }
    shim_lock_acquire(&port->lock);
    bool others = port->in_flight != 0;
    shim_lock_release(&port->lock);
    device_end_turn(port->device, others);
    port_release(port);
    return WSKSHIM_STATUS_SUCCESS;
}

int32_t wskshim_wake(uint64_t port_token)
{
    shim_port* port = port_reference(port_token);
    if (port == NULL) {
        return no_port(port_token);
    }
    int32_t status = device_post(port->device, NULL, 0, 0);
    port_release(port);
    return status;
}

int32_t wskshim_cancel(uint64_t port_token, uint64_t token)
{
    shim_port* port = port_reference(port_token);
    if (port == NULL) {
        return no_port(port_token);
    }
    int32_t status = port_cancel(port, token);
    port_release(port);
    return status < 0 ? fail(status, "there is no operation %llx under way", (unsigned long long)token)
                      : status;
}

/* ---- diagnosis --------------------------------------------------------------------------------------- */

int32_t wskshim_last_error(uint64_t text, int32_t length)
{
    if (text == 0 || length < 0) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    return snprintf((char*)(uintptr_t)text, (size_t)length, "%s", last_error);
}

int32_t wskshim_describe(uint64_t text, int32_t length)
{
    if (text == 0 || length < 0) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    return snprintf((char*)(uintptr_t)text, (size_t)length,
                    "transport=%s\nabi=%u\nversion=%s\nprotocol=%u.%u\n", device_transport(),
                    WSKSHIM_ABI_VERSION, WSKSHIM_VERSION, WSKB_VERSION_MAJOR, WSKB_VERSION_MINOR);
}

int32_t wskshim_embedded_accounting(uint64_t text, int32_t length)
{
    if (text == 0 || length < 0) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    return device_accounting((char*)(uintptr_t)text, (size_t)length);
}

int32_t wskshim_embedded_fault(int32_t fault, uint64_t argument, int32_t status)
{
    return device_fault(fault, argument, status);
}

int32_t wskshim_embedded_trace(int32_t level)
{
    return device_trace(level);
}

int32_t wskshim_embedded_trace_take(uint64_t text, int32_t length, int32_t timeout_ms)
{
    if (text == 0 || length < 0 || timeout_ms < -1) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    return device_trace_take((char*)(uintptr_t)text, (size_t)length, timeout_ms);
}
