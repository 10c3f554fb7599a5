/* SPDX-License-Identifier: Apache-2.0
 *
 * Control information of datagrams: conversion between WSKB_CONTROL_INFO and WSK's control messages. A caller
 * never passes messages: the driver builds them from the typed fields, for the IP version of the datagram.
 *
 * The messages are in a block of their own, so that an operation without control information does not pay for
 * it. WSK may use the block until it completes the IRP: it is freed in Finish.
 */
#pragma once

#include "operation.h"

/* Messages for or from WSK; non-paged pool. */
typedef struct _WSKB_CONTROL_BLOCK {
    PVOID Output;      /* receive: where the WSKB_CONTROL_INFO is to be written; of any alignment */
    ULONG SegmentSize; /* send: the size that was asked for; 0: none */
    ULONG Length;      /* of Messages: send: in use; receive: the room, then what WSK wrote */
    DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT) UCHAR Messages[256];
} WSKB_CONTROL_BLOCK, *PWSKB_CONTROL_BLOCK;

/* Reads the WSKB_CONTROL_INFO at Offset of the operation's input, which must be there as Flags say; *Next is
 * the offset behind it. Target is the destination (AF_UNSPEC: the fixed one). *Block is NULL if there is
 * nothing to send. STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER, STATUS_INVALID_ADDRESS_COMPONENT,
 * STATUS_NOT_SUPPORTED, STATUS_INSUFFICIENT_RESOURCES. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbReadControl(_In_ PWSKB_OPERATION Operation, _In_ ULONG Offset, _In_ const SOCKADDR_INET* Target,
                    _Out_ ULONG* Next, _Outptr_result_maybenull_ PWSKB_CONTROL_BLOCK* Block);

/* Provides room for what WSK reports of a datagram. STATUS_INSUFFICIENT_RESOURCES. */
_IRQL_requires_max_(DISPATCH_LEVEL) _Must_inspect_result_ NTSTATUS
    WskbMakeControlRoom(_In_ PVOID Output, _Outptr_ PWSKB_CONTROL_BLOCK* Block);

/* Writes the WSKB_CONTROL_INFO of a received datagram; TRUE: it is an ICMP error. */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN
    WskbWriteControl(_In_ PWSKB_SOCKET Socket, _In_ PWSKB_CONTROL_BLOCK Block);

/* Block may be NULL. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID WskbFreeControl(_In_opt_ PWSKB_CONTROL_BLOCK Block);

/* How many datagrams the first Bytes bytes of a payload are; Block may be NULL. */
_IRQL_requires_max_(DISPATCH_LEVEL) LONG64
    WskbCountSegments(_In_opt_ const WSKB_CONTROL_BLOCK* Block, _In_ ULONG_PTR Bytes);

/* FALSE for an IPv6 address that is not IPv4-mapped. */
BOOLEAN WskbIsVersion4(_In_ const SOCKADDR_INET* Address);
