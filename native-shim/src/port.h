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

/* Several pieces of a caller's as one stretch of memory: message.c. */
typedef struct gathered_pieces gathered_pieces;

/* One submission in progress. operations_take takes it from its port's slab, and operations_give returns it
 * once the caller has its completion. */
typedef struct shim_operation {
    device_request request; /* first: a packet's request is its operation */
    uint64_t socket;        /* token */
    uint64_t user_data;
    uint64_t buffer;           /* of opcodes that have a buffer; set at the start */
    gathered_pieces* gathered; /* of a message whose pieces are not adjacent, else NULL */
    uint32_t index;            /* in the slab; with the generation it is the operation's token */
    uint32_t generation;       /* port's lock; changes when the operation is taken */
    uint16_t opcode;
    bool taken; /* port's lock */
    struct shim_operation* next_free;
    union {
        struct {
            WSKB_SEND_TO send_to;
            WSKB_CONTROL_INFO control; /* of a message that has one */
        };
        WSKB_CONNECT connect;
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
        lock; /* protects the fields below; held during device_cancel, so that the operation is not reused */
    bool closing;
    int32_t waiters;   /* threads in wskshim_wait */
    int32_t in_flight; /* operations taken */
    shim_socket* sockets;
    shim_operation** slab; /* chunks */
    uint32_t chunks;
    uint32_t
        first_generation; /* differs between ports, so that a token is not valid on another port; constant */
    shim_operation* free;
    shim_operation*
        kept; /* finished, but without memory for a packet; linked by next_free; read without the lock too */
};

struct shim_socket {
    token_object object; /* in the table of sockets */
    uint64_t token;
    shim_port* port;
    device_file file;
    shim_socket* next; /* port's lock */
    shim_socket* previous;
};

/* Takes up to count operations; fewer when out of memory, none when the port is closing. */
int32_t operations_take(shim_port* port, shim_operation** operations, int32_t count);
void operations_give(shim_port* port, shim_operation** operations, int32_t count);

/* Reports a finished operation through the port. Never fails: without memory for a packet, the operation is
 * kept for the next wskshim_wait, or for one that waits without a timeout. operations_take_kept returns kept
 * operations as packets. */
void operations_post(shim_port* port, shim_operation* operation, int32_t status, uint64_t information);
int32_t operations_take_kept(shim_port* port, device_packet* packets, int32_t count);

static inline uint64_t operation_token(const shim_operation* operation)
{
    return (uint64_t)operation->generation << 32 | operation->index;
}

/* Look up a token and reference the object; port_release and socket_release drop the reference. */
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

/* The input and output columns of WSKSHIM_OPERATIONS. */
typedef enum operation_input {
    input_NOTHING,
    input_SEND_TO,
    input_CONNECT,
    input_TRANSFER,
    input_SEND_MESSAGES /* only from a message */
} operation_input;
typedef enum operation_output {
    output_NOTHING,
    output_PAYLOAD,
    output_OPTIONAL,
    output_DATAGRAM,
    output_ACCEPTED,
    output_MESSAGES /* the pieces of a message */
} operation_output;

/* The control request of an opcode. */
typedef struct operation_row {
    uint32_t code;
    uint32_t in_length;
    operation_input input;
    operation_output output;
    bool has_flags;
} operation_row;

extern const operation_row operation_rows[WSKSHIM_OPCODES];

/* Start the control request of a valid entry, which is as message_unfold leaves it, with a timeout in
 * milliseconds or 0; fill in the completion of an operation. */
int32_t operation_start(shim_operation* operation, shim_socket* socket, const wskshim_submission* entry,
                        uint32_t timeout, uint64_t* information);
void operation_complete(shim_operation* operation, int32_t status, uint64_t information,
                        wskshim_completion* completion);

/* ---- message.c --------------------------------------------------------------------------------------- */

/* Converts an entry with modifiers to the equivalent plain entry and a timeout in milliseconds, 0 for none.
 * Pieces that are not adjacent are gathered in memory that *gathered owns, else *gathered is NULL. *control
 * gets the control information of a SEND_TO that has some, and only then are there modifiers left.
 * STATUS_NOT_SUPPORTED for a message that has no equivalent, STATUS_INVALID_PARAMETER for an invalid one,
 * STATUS_INSUFFICIENT_RESOURCES. */
int32_t message_unfold(const wskshim_submission* entry, wskshim_submission* plain, uint32_t* timeout,
                       gathered_pieces** gathered, WSKB_CONTROL_INFO* control);

/* Ends the use of gathered pieces, of which so many bytes were moved; received ones go to the pieces. NULL is
 * allowed. */
void gathered_end(gathered_pieces* gathered, uint64_t moved);

/* The control request of an entry of SEND_MESSAGES. STATUS_INVALID_PARAMETER without a message, or when its
 * pieces are not contiguous; STATUS_NOT_SUPPORTED for a message that this version does not support. */
int32_t messages_start(shim_operation* operation, shim_socket* socket, const wskshim_submission* entry,
                       uint32_t timeout, uint64_t* information);

/* ---- wskshim.c --------------------------------------------------------------------------------------- */

/* Stores the reason of a failure for wskshim_last_error; returns the status. */
int32_t fail(int32_t status, const char* format, ...) __attribute__((format(printf, 2, 3)));

#endif
