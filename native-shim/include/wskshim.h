/* SPDX-License-Identifier: Apache-2.0
 *
 * wskshim: the C API to the wskbridge driver, in the manner of liburing. A program opens a port (a completion
 * queue), opens sockets on it, prepares submissions with the wskshim_prepare_... helpers, hands them over in
 * batches with wskshim_submit and takes completions in batches with wskshim_wait.
 *
 * Every function may be called from any thread. Status values are NTSTATUS; a negative result of a function
 * is one, and wskshim_last_error returns a description. Ports, sockets and operations are named by tokens
 * that carry a generation: a stale or invented token gives STATUS_INVALID_HANDLE, never a crash.
 *
 * Every entry that wskshim_submit accepts yields exactly one completion. Until then its buffer belongs to the
 * driver, even if the operation is cancelled or the socket is closed meanwhile.
 */
#ifndef WSKSHIM_H
#define WSKSHIM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <wskbridge/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(WSKSHIM_BUILDING)
#define WSKSHIM_API __declspec(dllexport)
#elif defined(_WIN32)
#define WSKSHIM_API __declspec(dllimport)
#else
#define WSKSHIM_API __attribute__((visibility("default")))
#endif

/* As in ioctl.h, each kind of number is defined in one list: versions, opcodes and faults. */

#define WSKSHIM_VERSIONS(X)                                                                                  \
    /* Raised by one whenever a layout or a function here changes in a way that breaks callers. */           \
    X(WSKSHIM_ABI_VERSION, 2)

enum WSKB_UNSIGNED { WSKSHIM_VERSIONS(WSKB_DEFINE) };

/* NTSTATUS values that this header mentions. */
#define WSKSHIM_STATUS_SUCCESS                ((int32_t)0x00000000)
#define WSKSHIM_STATUS_PENDING                ((int32_t)0x00000103)
#define WSKSHIM_STATUS_BUFFER_OVERFLOW        ((int32_t)0x80000005)
#define WSKSHIM_STATUS_INVALID_HANDLE         ((int32_t)0xC0000008)
#define WSKSHIM_STATUS_INVALID_PARAMETER      ((int32_t)0xC000000D)
#define WSKSHIM_STATUS_REVISION_MISMATCH      ((int32_t)0xC0000059)
#define WSKSHIM_STATUS_INSUFFICIENT_RESOURCES ((int32_t)0xC000009A)
#define WSKSHIM_STATUS_INVALID_BUFFER_SIZE    ((int32_t)0xC0000206)
#define WSKSHIM_STATUS_NOT_SUPPORTED          ((int32_t)0xC00000BB)
#define WSKSHIM_STATUS_CANCELLED              ((int32_t)0xC0000120)
#define WSKSHIM_STATUS_NOT_FOUND              ((int32_t)0xC0000225)

/* ---- submissions and completions --------------------------------------------------------------------- */

/* Every opcode: name, number, its control code, its input structure WSKB_..., and the output buffer of the
 * request: NOTHING; PAYLOAD, the caller's buffer (a send reads from it); OPTIONAL, the same or none;
 * DATAGRAM, the same with a prefix; ACCEPTED, which the library holds; or MESSAGES, the pieces of a message.
 * The comment lists the fields of an entry besides its socket. */
#define WSKSHIM_OPERATIONS(X)                                                                                \
    X(WSKSHIM_NOP, 0, NOP, NOTHING, NOTHING) /* through all layers and back */                               \
    /* buffer, length, address (family 0: the fixed one) */                                                  \
    X(WSKSHIM_SEND_TO, 1, SEND_TO, SEND_TO, PAYLOAD)                                                         \
    /* buffer, length, flags WSKB_RECEIVE_FROM_...; the first sizeof(WSKB_DATAGRAM) bytes take the prefix;   \
     * with WSKB_RECEIVE_FROM_CONTROL the next sizeof(WSKB_CONTROL_INFO) the control information */          \
    X(WSKSHIM_RECEIVE_FROM, 2, RECEIVE_FROM, TRANSFER, DATAGRAM)                                             \
    /* address; buffer and length: the first data, up to WSKB_MAXIMUM_FIRST_DATA, or none */                 \
    X(WSKSHIM_CONNECT, 3, CONNECT, CONNECT, OPTIONAL)                                                        \
    X(WSKSHIM_SEND, 4, SEND, TRANSFER, PAYLOAD)       /* buffer, length, flags WSKB_SEND_... */              \
    X(WSKSHIM_RECEIVE, 5, RECEIVE, TRANSFER, PAYLOAD) /* buffer, length, flags WSKB_RECEIVE_... */           \
    /* buffer and length: the last data, or none; flags WSKB_DISCONNECT_... */                               \
    X(WSKSHIM_DISCONNECT, 6, DISCONNECT, TRANSFER, OPTIONAL)                                                 \
    /* completion carries the token for WSKB_ATTACH and the remote address */                                \
    X(WSKSHIM_ACCEPT, 7, ACCEPT, TRANSFER, ACCEPTED)                                                         \
    /* a message with a piece for each datagram, up to WSKB_MAXIMUM_MESSAGES; each piece begins where the    \
     * one before ends */                                                                                    \
    X(WSKSHIM_SEND_MESSAGES, 8, SEND_MESSAGES, SEND_MESSAGES, MESSAGES)                                      \
    /* buffer, length, at least WSKB_MINIMUM_BATCH; gets a WSKB_MESSAGES and what follows it */              \
    X(WSKSHIM_RECEIVE_MESSAGES, 9, RECEIVE_MESSAGES, TRANSFER, PAYLOAD)                                      \
    X(WSKSHIM_AWAIT_ADDRESSES, 10, AWAIT_ADDRESSES, TRANSFER, NOTHING) /* until addresses have changed */    \
    X(WSKSHIM_AWAIT_READABLE, 11, AWAIT_READABLE, NOTHING, NOTHING)    /* until a RECEIVE would not wait */  \
    X(WSKSHIM_AWAIT_DISCONNECTED, 12, AWAIT_DISCONNECTED, NOTHING, NOTHING) /* until the peer has ended */

enum WSKB_UNSIGNED {
#define WSKSHIM_DEFINE_OPCODE(name, number, code, input, output) name = (number),
    WSKSHIM_OPERATIONS(WSKSHIM_DEFINE_OPCODE)
#undef WSKSHIM_DEFINE_OPCODE
};

/* Opcodes are the numbers below this. */
#define WSKSHIM_OPCODES WSKB_COUNT(WSKSHIM_OPERATIONS)

#define WSKSHIM_LIMITS(X) X(WSKSHIM_MAXIMUM_PIECES, 1024) /* of one message */

enum WSKB_UNSIGNED { WSKSHIM_LIMITS(WSKB_DEFINE) };

/* Modifiers of an entry. */
#define WSKSHIM_MODIFIERS(X)                                                                                 \
    X(WSKSHIM_MODIFIER_MESSAGE, 0x1) /* buffer is the address of a wskshim_message, length its size */

enum WSKB_UNSIGNED { WSKSHIM_MODIFIERS(WSKB_DEFINE) };

/* One operation to start: 64 bytes, one cache line. */
typedef struct wskshim_submission {
    uint16_t opcode;
    uint16_t modifiers;    /* WSKSHIM_MODIFIER_...; 0 for a plain entry */
    uint32_t flags;        /* those of the opcode, else 0 */
    uint64_t socket;       /* from wskshim_socket_open, of the same port */
    uint64_t user_data;    /* returned unchanged in the completion */
    uint64_t buffer;       /* address of the payload; the caller keeps it valid until the completion */
    uint32_t length;       /* bytes; for RECEIVE_FROM including the prefix */
    WSKB_SOCKADDR address; /* copied by wskshim_submit */
} wskshim_submission;

#define WSKSHIM_SUBMISSION_FIELDS(F, T)                                                                      \
    F(T, opcode)                                                                                             \
    F(T, modifiers)                                                                                          \
    F(T, flags)                                                                                              \
    F(T, socket)                                                                                             \
    F(T, user_data)                                                                                          \
    F(T, buffer)                                                                                             \
    F(T, length)                                                                                             \
    F(T, address)

/* A piece of a payload. */
typedef struct wskshim_buffer {
    uint64_t address; /* the caller keeps that memory valid until the completion */
    uint32_t length;
    uint32_t reserved; /* 0 */
} wskshim_buffer;

#define WSKSHIM_BUFFER_FIELDS(F, T) F(T, address) F(T, length) F(T, reserved)

/* An entry with WSKSHIM_MODIFIER_MESSAGE points to this instead of having its own buffer and address (its
 * address has family 0). It has room for what a plain entry can't express, and is for all opcodes but NOP.
 * wskshim_submit reads the message and its array of pieces; they are not needed afterwards.
 *
 * An opcode with a buffer takes one piece or more (CONNECT, DISCONNECT, and RECEIVE that drains, also none),
 * up to WSKSHIM_MAXIMUM_PIECES: a send sends their bytes one after the other, and a receive fills each piece
 * before the next. Of RECEIVE_FROM the prefix comes first. Pieces that are adjacent in memory are used as
 * they are. Others are copied through memory of the library: one request of the driver takes one stretch of
 * memory.
 *
 * An operation that is not over at its deadline is cancelled and completes with STATUS_IO_TIMEOUT, or with
 * its result if bytes had moved. A stream whose transfer was cut short can't continue in that direction: see
 * docs/protocol.md. A deadline is kept to 20 milliseconds.
 *
 * SEND_TO and SEND_MESSAGES take control information. A message with some for another opcode, and one with
 * pieces for an opcode without a buffer, completes with STATUS_NOT_SUPPORTED. */
typedef struct wskshim_message {
    uint64_t payload; /* address of an array of wskshim_buffer */
    uint32_t payload_count;
    uint32_t control_length; /* sizeof(WSKB_CONTROL_INFO), or 0 */
    uint64_t control;        /* address of a WSKB_CONTROL_INFO, which wskshim_submit reads; 0: none */
    uint64_t deadline;       /* milliseconds from its submission, at most 2^32 - 1; 0: none */
    WSKB_SOCKADDR address;
    uint32_t reserved; /* 0 */
} wskshim_message;

#define WSKSHIM_MESSAGE_FIELDS(F, T)                                                                         \
    F(T, payload)                                                                                            \
    F(T, payload_count)                                                                                      \
    F(T, control_length)                                                                                     \
    F(T, control)                                                                                            \
    F(T, deadline)                                                                                           \
    F(T, address)                                                                                            \
    F(T, reserved)

/* One operation that ended: 64 bytes, one cache line. */
typedef struct wskshim_completion {
    uint64_t user_data;
    int32_t status; /* NTSTATUS. STATUS_BUFFER_OVERFLOW: a datagram was truncated, bytes is what fitted */
    uint32_t bytes; /* payload bytes moved, valid with every status that is not an error */
    uint16_t opcode;
    uint16_t flags; /* of RECEIVE_FROM: WSKB_DATAGRAM_... */
    uint32_t reserved;
    uint64_t value;        /* of ACCEPT: the token */
    WSKB_SOCKADDR address; /* of RECEIVE_FROM: the sender; of ACCEPT: the peer */
    uint32_t reserved2;
} wskshim_completion;

#define WSKSHIM_COMPLETION_FIELDS(F, T)                                                                      \
    F(T, user_data)                                                                                          \
    F(T, status)                                                                                             \
    F(T, bytes)                                                                                              \
    F(T, opcode)                                                                                             \
    F(T, flags)                                                                                              \
    F(T, reserved)                                                                                           \
    F(T, value)                                                                                              \
    F(T, address)                                                                                            \
    F(T, reserved2)

/* Every structure: name, size, list of its fields. */
#define WSKSHIM_STRUCTURES(X)                                                                                \
    X(wskshim_submission, 64, WSKSHIM_SUBMISSION_FIELDS)                                                     \
    X(wskshim_completion, 64, WSKSHIM_COMPLETION_FIELDS)                                                     \
    X(wskshim_message, 64, WSKSHIM_MESSAGE_FIELDS)                                                           \
    X(wskshim_buffer, 16, WSKSHIM_BUFFER_FIELDS)

WSKSHIM_STRUCTURES(WSKB_ASSERT_STRUCTURE)

/* ---- ports ------------------------------------------------------------------------------------------- */

/* Opens a port. abi_version is WSKSHIM_ABI_VERSION of the caller's header; a different one gives
 * STATUS_REVISION_MISMATCH. Opens the driver and checks its version: STATUS_OBJECT_NAME_NOT_FOUND when it is
 * not loaded, STATUS_ACCESS_DENIED when the process may not open it, STATUS_REVISION_MISMATCH when its major
 * version differs. Returns the port's token. On the embedded transport the first port loads the driver.
 */
WSKSHIM_API int64_t wskshim_port_open(uint32_t abi_version);

/* Closes the port: closes its sockets, waits until the last of their operations is complete (all are
 * cancelled) and discards completions that were not taken. Threads in wskshim_wait return with
 * STATUS_INVALID_HANDLE. On the embedded transport closing the last port unloads the driver, and with that
 * checks that nothing was left behind. While connections linger (WSKB_OPTION_LINGER) that is delayed: a
 * thread of the library does it later, and the library must stay loaded until then. */
WSKSHIM_API int32_t wskshim_port_close(uint64_t port);

/* ---- sockets ----------------------------------------------------------------------------------------- */

/* Opens a handle to the device on a port and returns its token. It becomes a socket through wskshim_control
 * with IOCTL_WSKB_CREATE or IOCTL_WSKB_ATTACH. STATUS_INSUFFICIENT_RESOURCES and the errors of
 * wskshim_port_open. */
WSKSHIM_API int64_t wskshim_socket_open(uint64_t port);

/* Closes the socket: operations in flight are cancelled and complete through the port. Does not wait for
 * them. */
WSKSHIM_API int32_t wskshim_socket_close(uint64_t socket);

/* One control request, synchronous: code is IOCTL_WSKB_...; in and out are its structures (addresses, 0 for
 * none). Writes the number of bytes that out received to *returned when returned is not 0. Returns its
 * status. */
WSKSHIM_API int32_t wskshim_control(uint64_t socket, uint32_t code, uint64_t in, uint32_t in_length,
                                    uint64_t out, uint32_t out_length, uint64_t returned);

/* ---- operations -------------------------------------------------------------------------------------- */

/* Starts count operations, in order; entries is the address of an array of wskshim_submission. For each entry
 * i:
 *  - the operation is in progress: tokens[i] is its token, for wskshim_cancel, and its completion comes from
 *    wskshim_wait;
 *  - it is complete already: tokens[i] is 0 and completions[i] is its completion. When completions is 0 all
 *    completions come from wskshim_wait.
 * Returns how many entries were taken; fewer than count only when memory ran out, 1,048,576 operations are
 * in progress, or the port is being closed. An invalid entry is taken and completes with its error.
 * STATUS_INVALID_HANDLE for a bad port, STATUS_INVALID_PARAMETER for bad arguments.
 */
WSKSHIM_API int32_t wskshim_submit(uint64_t port, uint64_t entries, uint64_t tokens, uint64_t completions,
                                   int32_t count);

/* Takes up to count completions, waiting for the first at most timeout_ms milliseconds (-1: for ever, 0: not
 * at all). Returns how many; 0 after the time passed or wskshim_wake. Several threads may wait on one port.
 */
WSKSHIM_API int32_t wskshim_wait(uint64_t port, uint64_t completions, int32_t count, int32_t timeout_ms);

/* The same for programs that handle completions in order: threads take turns. A thread that got completions
 * has the turn until it calls wskshim_end_turn or this again, and no other thread gets any meanwhile. All
 * waits at one port must be of one kind: this, or wskshim_wait.
 *
 * foreground is 0 for the thread that takes all completions. It is 1 for a thread that waits for its own
 * operation: while it waits here, the background thread gets nothing and this one runs the I/O itself, so
 * that no thread has to wake another. That helps only when nothing else is in progress. So it returns 0 at
 * once when other operations are in progress on the port, when another thread has the turn, and on the device
 * transport; the thread must then wait until the background thread reports its completion. timeout_ms should
 * be about a millisecond, because other threads may need the turn. */
WSKSHIM_API int32_t wskshim_wait_in_turn(uint64_t port, uint64_t completions, int32_t count,
                                         int32_t timeout_ms, int32_t foreground);

/* Ends the calling thread's turn. When operations are in progress, the background thread continues at once;
 * otherwise it may take the next completion some milliseconds late, unless a thread waits in the foreground.
 */
WSKSHIM_API int32_t wskshim_end_turn(uint64_t port);

/* Makes one background wait, or one wskshim_wait, return, now or when it is next called. */
WSKSHIM_API int32_t wskshim_wake(uint64_t port);

/* Asks the driver to cancel an operation. It still completes through the port: with STATUS_CANCELLED, or with
 * its result if it completed first or bytes had moved. STATUS_NOT_FOUND when it is complete already, or its
 * socket is being closed, which cancels it too. */
WSKSHIM_API int32_t wskshim_cancel(uint64_t port, uint64_t token);

/* ---- diagnosis --------------------------------------------------------------------------------------- */

/* Each writes NUL-terminated UTF-8 text to the address text, truncated to length bytes, and returns the
 * length of the whole text without the NUL. */

/* The last failure on the calling thread; empty when there was none. */
WSKSHIM_API int32_t wskshim_last_error(uint64_t text, int32_t length);

/* Lines "key=value": transport (embedded or device), abi, version of the library, protocol version. */
WSKSHIM_API int32_t wskshim_describe(uint64_t text, int32_t length);

/* What callers in other languages must repeat, as lines: of every structure "structure=size" and
 * "structure.field=offset:size", of every control code "code.IOCTL_...=number:in:out" with the sizes of its
 * structures, of every option "option.WSKB_OPTION_...=number:size" with the size of its value, of what not
 * every Windows has "gate.WSKB_GATE_...=major:minor:build:name" with the version that it needs, and of every
 * other constant "constant.WSK..._...=value". */
WSKSHIM_API int32_t wskshim_layout(uint64_t text, int32_t length);

/* ---- the embedded transport -------------------------------------------------------------------------- */

/* What exists on the embedded host's kernel side, as lines "kind=count": pool, irps, files, requests, sockets
 * ... STATUS_NOT_SUPPORTED on the device transport. */
WSKSHIM_API int32_t wskshim_embedded_accounting(uint64_t text, int32_t length);

/* Every fault that can be injected: name, number. */
#define WSKSHIM_FAULTS(X)                                                                                    \
    X(WSKSHIM_FAULT_NONE, 0)          /* removes every fault */                                              \
    X(WSKSHIM_FAULT_ALLOCATION, 1)    /* argument: the n-th allocation from now fails, once */               \
    X(WSKSHIM_FAULT_WSK_CALL, 2)      /* argument: the n-th WSK call from now ends with status, once */      \
    X(WSKSHIM_FAULT_FORCE_CLOSE, 3)   /* every open socket becomes dead, as when its transport goes away */  \
    X(WSKSHIM_FAULT_PROVIDER_GONE, 4) /* argument: 1 WSK can't be captured, 0 it can */                      \
    X(WSKSHIM_FAULT_ACCESS_DENIED, 5) /* argument: 1 the process is no administrator, 0 it is */             \
    /* argument: 1 the device can't be found, 0 it can; for ports opened later */                            \
    X(WSKSHIM_FAULT_DRIVER_MISSING, 6)                                                                       \
    /* argument: major version the shim asks the driver for, 0 its own */                                    \
    X(WSKSHIM_FAULT_CLIENT_VERSION, 7)                                                                       \
    /* argument: the version of Windows that the host imitates, major << 48 | minor << 32 | build; 0: its    \
     * own. For a driver that is loaded later */                                                             \
    X(WSKSHIM_FAULT_SYSTEM_VERSION, 8)

enum WSKB_UNSIGNED { WSKSHIM_FAULTS(WSKB_DEFINE) };

/* Injects a fault, for tests of programs that use the bridge. STATUS_NOT_SUPPORTED on the device
 * transport. */
WSKSHIM_API int32_t wskshim_embedded_fault(int32_t fault, uint64_t argument, int32_t status);

/* The driver's trace for support: lines that name the process, the socket, the operation and the status. On
 * the device transport a debugger shows them, and these two functions return STATUS_NOT_SUPPORTED. On the
 * embedded transport they go to standard error up to the level in the environment variable HOST_DEBUG_PRINT
 * (default 0). wskshim_embedded_trace also keeps them for the program, up to a level: 0 errors, 1 warnings, 3
 * information, 4 everything; -1 (the initial value) keeps none. Call it before the first port is opened to
 * get all lines. */
WSKSHIM_API int32_t wskshim_embedded_trace(int32_t level);

/* Takes the oldest kept line, waiting for one at most timeout_ms milliseconds (-1: for ever, 0: not at all).
 * Writes "LEVEL TEXT", as the functions for diagnosis do, and returns its length; 0 when there was no line.
 * At most 256 lines are kept; the driver never waits for a reader, so further ones are dropped, and a line "1
 * N messages are lost" takes their place. Must be called by one thread at a time. */
WSKSHIM_API int32_t wskshim_embedded_trace_take(uint64_t text, int32_t length, int32_t timeout_ms);

/* Every constant but the opcodes. */
#define WSKSHIM_CONSTANTS(X)                                                                                 \
    WSKSHIM_VERSIONS(X)                                                                                      \
    WSKSHIM_LIMITS(X)                                                                                        \
    WSKSHIM_MODIFIERS(X)                                                                                     \
    WSKSHIM_FAULTS(X)

/* ---- preparing submissions --------------------------------------------------------------------------- */

static inline void wskshim_prepare(wskshim_submission* entry, uint16_t opcode, uint64_t socket,
                                   uint64_t user_data)
{
    memset(entry, 0, sizeof *entry);
    entry->opcode = opcode;
    entry->socket = socket;
    entry->user_data = user_data;
}

static inline void wskshim_prepare_buffer(wskshim_submission* entry, const void* buffer, uint32_t length)
{
    entry->buffer = (uint64_t)(uintptr_t)buffer;
    entry->length = length;
}

/* to NULL: the address that was fixed by WSKB_SET_REMOTE_ADDRESS or WSKB_SET_SENDTO_ADDRESS. */
static inline void wskshim_prepare_send_to(wskshim_submission* entry, uint64_t socket, const void* buffer,
                                           uint32_t length, const WSKB_SOCKADDR* to, uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_SEND_TO, socket, user_data);
    wskshim_prepare_buffer(entry, buffer, length);
    if (to != NULL) {
        entry->address = *to;
    }
}

/* buffer begins with room for a WSKB_DATAGRAM; length counts it. */
static inline void wskshim_prepare_receive_from(wskshim_submission* entry, uint64_t socket, void* buffer,
                                                uint32_t length, uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_RECEIVE_FROM, socket, user_data);
    wskshim_prepare_buffer(entry, buffer, length);
}

/* buffer gets a WSKB_MESSAGES, its entries, and the payloads. */
static inline void wskshim_prepare_receive_messages(wskshim_submission* entry, uint64_t socket, void* buffer,
                                                    uint32_t length, uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_RECEIVE_MESSAGES, socket, user_data);
    wskshim_prepare_buffer(entry, buffer, length);
}

static inline void wskshim_prepare_connect(wskshim_submission* entry, uint64_t socket,
                                           const WSKB_SOCKADDR* to, uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_CONNECT, socket, user_data);
    entry->address = *to;
}

static inline void wskshim_prepare_send(wskshim_submission* entry, uint64_t socket, const void* buffer,
                                        uint32_t length, uint32_t flags, uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_SEND, socket, user_data);
    wskshim_prepare_buffer(entry, buffer, length);
    entry->flags = flags;
}

static inline void wskshim_prepare_receive(wskshim_submission* entry, uint64_t socket, void* buffer,
                                           uint32_t length, uint32_t flags, uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_RECEIVE, socket, user_data);
    wskshim_prepare_buffer(entry, buffer, length);
    entry->flags = flags;
}

static inline void wskshim_prepare_disconnect(wskshim_submission* entry, uint64_t socket, uint32_t flags,
                                              uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_DISCONNECT, socket, user_data);
    entry->flags = flags;
}

static inline void wskshim_prepare_accept(wskshim_submission* entry, uint64_t socket, uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_ACCEPT, socket, user_data);
}

static inline void wskshim_prepare_await_readable(wskshim_submission* entry, uint64_t socket,
                                                  uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_AWAIT_READABLE, socket, user_data);
}

/* Fails with STATUS_CONNECTION_RESET if the connection was reset. */
static inline void wskshim_prepare_await_disconnected(wskshim_submission* entry, uint64_t socket,
                                                      uint64_t user_data)
{
    wskshim_prepare(entry, WSKSHIM_AWAIT_DISCONNECTED, socket, user_data);
}

/* For all opcodes but NOP and the two that wait; flags are the opcode's. */
static inline void wskshim_prepare_message(wskshim_submission* entry, uint16_t opcode, uint64_t socket,
                                           const wskshim_message* message, uint32_t flags, uint64_t user_data)
{
    wskshim_prepare(entry, opcode, socket, user_data);
    wskshim_prepare_buffer(entry, message, sizeof *message);
    entry->modifiers = WSKSHIM_MODIFIER_MESSAGE;
    entry->flags = flags;
}

#ifdef __cplusplus
}
#endif

#endif
