/* SPDX-License-Identifier: Apache-2.0
 *
 * The types of operations: WSKB_CONTROL_CODES of the protocol lists them, dispatch.c builds the table, and
 * each is defined in the file with its routines:
 *   query.c        GET_VERSION, NOP, GET_STATISTICS
 *   create.c       CREATE
 *   address.c      BIND, GET_LOCAL_ADDRESS, GET_REMOTE_ADDRESS
 *   options.c      GET_OPTION, SET_OPTION
 *   lists.c        GET_TRANSPORTS, GET_ADDRESSES, AWAIT_ADDRESSES
 *   datagram.c     SET_REMOTE_ADDRESS, SET_SENDTO_ADDRESS, SEND_TO, RECEIVE_FROM
 *   messages.c     SEND_MESSAGES
 *   batch.c        RECEIVE_MESSAGES, SET_RECEIVE_RING, GET_RECEIVE_RING
 *   waits.c        AWAIT_READABLE, AWAIT_DISCONNECTED
 *   connection.c   CONNECT, SEND, RECEIVE, DISCONNECT
 *   listen.c       ACCEPT, ATTACH
 */
#pragma once

#include "operation.h"

/* The type of the operation of a control code. */
#define WSKB_TYPE_OF(name) WskbType_##name

#define WSKB_DECLARE_TYPE(name, function, method, access, in, out)                                           \
    extern const WSKB_OPERATION_TYPE WSKB_TYPE_OF(name);
WSKB_CONTROL_CODES(WSKB_DECLARE_TYPE)
#undef WSKB_DECLARE_TYPE

/* For Categories. */
#define WSKB_ANY_CATEGORY (WSKB_CATEGORY_DATAGRAM | WSKB_CATEGORY_CONNECTION | WSKB_CATEGORY_LISTEN)
