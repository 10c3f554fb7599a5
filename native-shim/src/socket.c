/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets: each is a token for an open file of the device.
 */
#include "port.h"

#include <stdlib.h>

#define RETRY_MS 10u

static token_table sockets = TOKEN_TABLE_INITIALIZER;

shim_socket* socket_reference(uint64_t token)
{
    return (shim_socket*)tokens_reference(&sockets, token);
}

void socket_release(shim_socket* socket)
{
    tokens_release(&sockets, &socket->object);
}

/* Gives the socket its token and adds it to its port's list, in one step: a thread that has the token finds
 * it in the list. From here on another thread may close and free the socket at any time.
 * STATUS_INVALID_HANDLE when the port is closing. */
static int32_t add_to_port(shim_port* port, shim_socket* socket, uint64_t* token)
{
    int32_t status = WSKSHIM_STATUS_INVALID_HANDLE;
    shim_lock_acquire(&port->lock);
    if (!port->closing) {
        *token = tokens_add(&sockets, &socket->object);
        status = *token == 0 ? WSKSHIM_STATUS_INSUFFICIENT_RESOURCES : WSKSHIM_STATUS_SUCCESS;
    }
    if (status >= 0) {
        socket->token = *token;
        socket->next = port->sockets;
        if (socket->next != NULL) {
            socket->next->previous = socket;
        }
        port->sockets = socket;
    }
    shim_lock_release(&port->lock);
    return status;
}

static void remove_from_port(shim_socket* socket)
{
    shim_port* port = socket->port;
    shim_lock_acquire(&port->lock);
    if (socket->previous != NULL) {
        socket->previous->next = socket->next;
    } else {
        port->sockets = socket->next;
    }
    if (socket->next != NULL) {
        socket->next->previous = socket->previous;
    }
    shim_lock_release(&port->lock);
}

int32_t socket_open(shim_port* port, uint64_t* token)
{
    shim_socket* socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        return fail(WSKSHIM_STATUS_INSUFFICIENT_RESOURCES, "no memory for a socket");
    }
    socket->port = port;
    int32_t status = device_file_open(port->device, &socket->file);
    if (status < 0) {
        free(socket);
        return fail(status, "the device \\\\.\\WskBridge can't be opened");
    }
    status = add_to_port(port, socket, token);
    if (status < 0) {
        device_file_close(socket->file);
        free(socket);
        return fail(status, "the socket can't be added to its port");
    }
    return status;
}

/* A thread in a synchronous request on this socket keeps its file open; cancelling the request makes it
 * return. */
int32_t socket_close_token(uint64_t token)
{
    shim_socket* socket = (shim_socket*)tokens_remove(&sockets, token);
    if (socket == NULL) {
        return fail(WSKSHIM_STATUS_INVALID_HANDLE, "there is no socket %llx", (unsigned long long)token);
    }
    remove_from_port(socket);
    do {
        device_cancel(socket->file, NULL);
    } while (!tokens_await_release(&sockets, &socket->object, RETRY_MS));
    device_file_close(socket->file);
    free(socket);
    return WSKSHIM_STATUS_SUCCESS;
}
