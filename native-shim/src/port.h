/* SPDX-License-Identifier: Apache-2.0
 *
 * Ports with their operations, and sockets. A port owns a slab of operations, each of which holds everything
 * that must outlive the call that started it: the device's request block, the input structure, the output
 * structure.
 */
#ifndef WSKSHIM_PORT_H
#define WSKSHIM_PORT_H

#include "device.h"
#include "tokens.h"
#include "wskshim.h"

typedef struct shim_port shim_port;
typedef struct shim_socket shim_socket;

/* One submission under way. Taken from its port's slab by operations_take, back by operations_give once its
 * completion is in the caller's hands. */
typedef struct shim_operation {
    device_request request; /* first: a packet's request is its operation */
    uint64_t socket;        /* token */
    uint64_t user_data;
    uint64_t buffer;     /* of opcodes that have one, once started */
    uint32_t index;      /* in the slab; with the generation the operation's token */
    uint32_t generation; /* port's lock; changes when the operation is taken */
    uint16_t opcode;
    bool taken; /* port's lock */
    struct shim_operation* next_free;
    union {
        WSKB_SEND_TO send_to;
        WSKB_ADDRESS address;
        WSKB_TRANSFER transfer;
    } in;
    WSKB_ACCEPTED accepted;
    int32_t status; /* while kept */
    uint64_t information;
} shim_operation;

struct shim_port {
    token_object object; /* in the table of ports */
    device_port* device;
    shim_lock
        lock; /* guards what follows; held over device_cancel, which keeps the operation from being reused */
    bool closing;
    int32_t waiters;   /* threads in wskshim_wait */
    int32_t in_flight; /* operations taken */
    shim_socket* sockets;
    shim_operation** slab; /* chunks */
    uint32_t chunks;
    uint32_t
        first_generation; /* differs between ports, so that one's token names nothing of another; constant */
    shim_operation* free;
    shim_operation* kept; /* finished, but there was no memory for a packet; by next_free. Read anywhere */
};

struct shim_socket {
    token_object object; /* in the table of sockets */
    uint64_t token;
    shim_port* port;
    device_file file;
    shim_socket* next; /* port's lock */
    shim_socket* previous;
};

/* Takes up to count operations; fewer without memory, none when the port is closing. */
int32_t operations_take(shim_port* port, shim_operation** operations, int32_t count);
void operations_give(shim_port* port, shim_operation** operations, int32_t count);

/* Reports a finished operation through the port. Never fails: without memory for a packet the operation is
 * kept for the next wskshim_wait, or one that waits without a timeout. operations_take_kept gives what was
 * kept back as packets. */
void operations_post(shim_port* port, shim_operation* operation, int32_t status, uint64_t information);
int32_t operations_take_kept(shim_port* port, device_packet* packets, int32_t count);

static inline uint64_t operation_token(const shim_operation* operation)
{
    return (uint64_t)operation->generation << 32 | operation->index;
}

/* Looked up by token; a reference that port_release or socket_release drops. */
shim_port* port_reference(uint64_t token);
void port_release(shim_port* port);
shim_socket* socket_reference(uint64_t token);
void socket_release(shim_socket* socket);

int32_t port_open(uint64_t* token);
int32_t port_close_token(uint64_t token);
int32_t port_cancel(shim_port* port, uint64_t token);

int32_t socket_open(shim_port* port, uint64_t* token);
int32_t socket_close_token(uint64_t token);

/* ---- operation.c ------------------------------------------------------------------------------------- */

/* The forms of WSKSHIM_OPERATIONS. */
typedef enum operation_input { input_NOTHING, input_SEND_TO, input_ADDRESS, input_TRANSFER } operation_input;
typedef enum operation_output {
    output_NOTHING,
    output_PAYLOAD,
    output_DATAGRAM,
    output_ACCEPTED
} operation_output;

/* What an opcode becomes. */
typedef struct operation_row {
    uint32_t code;
    uint32_t in_length;
    operation_input input;
    operation_output output;
    bool has_flags;
} operation_row;

extern const operation_row operation_rows[WSKSHIM_OPCODES];

/* The control request of an entry that is valid, and the completion of an operation. */
int32_t operation_start(shim_operation* operation, shim_socket* socket, const wskshim_submission* entry,
                        uint64_t* information);
void operation_complete(const shim_operation* operation, int32_t status, uint64_t information,
                        wskshim_completion* completion);

/* ---- message.c --------------------------------------------------------------------------------------- */

/* Makes the plain entry that an entry with modifiers stands for. STATUS_NOT_SUPPORTED for a message that no
 * plain entry can stand for, STATUS_INVALID_PARAMETER for one that makes no sense. */
int32_t message_unfold(const wskshim_submission* entry, wskshim_submission* plain);

/* ---- wskshim.c --------------------------------------------------------------------------------------- */

/* Remembers in words, for wskshim_last_error, why a call failed; returns the status. */
int32_t fail(int32_t status, const char* format, ...) __attribute__((format(printf, 2, 3)));

#endif
