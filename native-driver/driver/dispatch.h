/* SPDX-License-Identifier: Apache-2.0
 *
 * From an IOCTL to its handler. dispatch.c validates what can be told from lengths, the handle's state and
 * the socket's category; a handler checks the values only it understands.
 */
#pragma once

#include "operation.h"

/* A validated request. For METHOD_BUFFERED codes Input and Output are the same system buffer: a handler reads
 * all of Input before it writes Output. For direct codes Payload describes the caller's locked buffer, NULL
 * when empty. */
typedef struct _WSKB_CALL {
    PWSKB_DRIVER Driver;
    WDFREQUEST Request;
    PWSKB_FILE File;
    PWSKB_SOCKET Socket; /* NULL for codes that a fresh handle takes */
    const VOID* Input;   /* at least the structure that the table names */
    PVOID Output;        /* the same; METHOD_BUFFERED only */
    PMDL Payload;
    ULONG PayloadLength;
    ULONG_PTR Information; /* set by the handler when it returns other than STATUS_PENDING */
} WSKB_CALL, *PWSKB_CALL;

/* STATUS_PENDING: an operation owns the request. Otherwise dispatch completes it with the status and
 * Information. At <= DISPATCH_LEVEL, since another driver may send requests there, and without waiting. */
typedef NTSTATUS WSKB_HANDLER(_Inout_ PWSKB_CALL Call);

WSKB_HANDLER WskbGetVersion, WskbNop, WskbGetStatistics;                      /* query.c */
WSKB_HANDLER WskbCreate, WskbBind, WskbGetLocalAddress, WskbGetRemoteAddress; /* create.c, address.c */
WSKB_HANDLER WskbSetRemoteAddress, WskbSetSendToAddress, WskbSendTo, WskbReceiveFrom; /* datagram.c */
WSKB_HANDLER WskbConnect, WskbSend, WskbReceive, WskbDisconnect;                      /* connection.c */
WSKB_HANDLER WskbAccept, WskbAttach;                                                  /* listen.c */
WSKB_HANDLER WskbGetOption, WskbSetOption;                                            /* options.c */

/* The operation of the call's request, ready for WskbOperationRun. */
PWSKB_OPERATION WskbPrepareOperation(_In_ PWSKB_CALL Call);

/* The process that sent the request. From the IRP, because the framework may present a request in any thread;
 * NULL for an IRP of a driver that names no thread, which can't own a socket. */
PEPROCESS WskbRequestorProcess(_In_ PWSKB_CALL Call);

/* Makes Length bytes at Offset of the call's payload the operation's buffer; without an MDL when there are
 * none. */
VOID WskbSetBuffer(_Inout_ PWSKB_OPERATION Operation, _In_ PWSKB_CALL Call, _In_ ULONG Offset,
                   _In_ ULONG Length);

/* Checks the family against the socket's (STATUS_INVALID_ADDRESS_COMPONENT) and copies what counts. */
_Must_inspect_result_ NTSTATUS WskbReadAddress(_In_ PWSKB_SOCKET Socket, _In_ const WSKB_SOCKADDR* Source,
                                               _Out_ PSOCKADDR_INET Address);

/* The other way; an address of another family than the two becomes all zero. */
VOID WskbWriteAddress(_In_ const SOCKADDR_INET* Source, _Out_ WSKB_SOCKADDR* Address);

/* Length that WSK expects of an address of the socket's family. */
ULONG WskbAddressLength(_In_ PWSKB_SOCKET Socket);

/* For Finish of transfers: WSK may say that more moved than the buffer holds, as the length of a datagram
 * that was cut off. */
VOID WskbClampInformation(_Inout_ PWSKB_OPERATION Operation);

/* For Finish of transfers: bytes that moved make a cancelled transfer a success. */
VOID WskbBytesBeatCancellation(_Inout_ PWSKB_OPERATION Operation);
