/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries that point to a message. A message that a plain entry, a timeout and control information can
 * express is converted to them. SEND_MESSAGES has no plain form. Others are refused.
 *
 * One request of the driver takes one stretch of the caller's memory, which the I/O manager locks. So pieces
 * that are not adjacent are gathered: copied together before a send, and filled after a receive.
 */
#include "port.h"

#include <stdlib.h>

static bool may_have_buffer(const operation_row* row)
{
    return row->output == output_PAYLOAD || row->output == output_OPTIONAL || row->output == output_DATAGRAM;
}

static bool may_lack_buffer(const wskshim_submission* entry)
{
    const operation_row* row = &operation_rows[entry->opcode];
    bool drains = entry->opcode == WSKSHIM_RECEIVE && (entry->flags & WSKB_RECEIVE_DRAIN);
    return !may_have_buffer(row) || row->output == output_OPTIONAL || drains;
}

static bool is_well_formed(const wskshim_submission* entry)
{
    const wskshim_message* message = (const wskshim_message*)(uintptr_t)entry->buffer;
    return message != NULL && entry->length == sizeof *message && entry->address.Family == WSKB_AF_UNSPEC &&
           message->reserved == 0 && message->deadline <= UINT32_MAX &&
           (message->payload != 0 || message->payload_count == 0) &&
           message->control_length == (message->control != 0 ? sizeof(WSKB_CONTROL_INFO) : 0);
}

static bool takes_control(const operation_row* row)
{
    return row->input == input_SEND_TO || row->input == input_SEND_MESSAGES;
}

static bool is_supported(const wskshim_submission* entry, const wskshim_message* message)
{
    const operation_row* row = &operation_rows[entry->opcode];
    return row->input != input_NOTHING && (message->control == 0 || takes_control(row)) &&
           (message->payload_count != 0 ? may_have_buffer(row) : may_lack_buffer(entry));
}

/* ---- pieces ------------------------------------------------------------------------------------------ */

struct gathered_pieces {
    uint8_t* bytes; /* behind the pieces */
    uint32_t count;
    bool receives; /* the bytes go to the pieces at the end, else they came from them */
    wskshim_buffer pieces[];
};

static void* piece_address(const wskshim_buffer* piece)
{
    return (void*)(uintptr_t)piece->address;
}

/* Adds up the lengths; *adjacent: each piece begins where the one before it ends, so that they are one
 * buffer. */
static int32_t measure_pieces(const wskshim_buffer* pieces, uint32_t count, uint64_t* total, bool* adjacent)
{
    *total = 0;
    *adjacent = true;
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].reserved != 0 || (pieces[i].address == 0 && pieces[i].length != 0)) {
            return WSKSHIM_STATUS_INVALID_PARAMETER;
        }
        *adjacent &= pieces[i].length == 0 || pieces[i].address == pieces[0].address + *total;
        *total += pieces[i].length;
    }
    return *total <= UINT32_MAX ? WSKSHIM_STATUS_SUCCESS : WSKSHIM_STATUS_INVALID_PARAMETER;
}

static void copy_to_bytes(gathered_pieces* gathered)
{
    uint8_t* at = gathered->bytes;
    for (uint32_t i = 0; i < gathered->count; i++) {
        if (gathered->pieces[i].length != 0) {
            memcpy(at, piece_address(&gathered->pieces[i]), gathered->pieces[i].length);
            at += gathered->pieces[i].length;
        }
    }
}

static gathered_pieces* gather(const wskshim_buffer* pieces, uint32_t count, uint64_t total, bool receives)
{
    size_t head = sizeof(gathered_pieces) + count * sizeof *pieces;
    gathered_pieces* gathered = calloc(1, head + (size_t)total);
    if (gathered == NULL) {
        return NULL;
    }
    gathered->bytes = (uint8_t*)gathered + head;
    gathered->count = count;
    memcpy(gathered->pieces, pieces, count * sizeof *pieces);
    gathered->receives = receives;
    if (!receives) {
        copy_to_bytes(gathered);
    }
    return gathered;
}

static void copy_from_bytes(const gathered_pieces* gathered, uint64_t count)
{
    const uint8_t* at = gathered->bytes;
    for (uint32_t i = 0; i < gathered->count && count != 0; i++) {
        uint32_t length = gathered->pieces[i].length < count ? gathered->pieces[i].length : (uint32_t)count;
        if (length != 0) {
            memcpy(piece_address(&gathered->pieces[i]), at, length);
        }
        at += length;
        count -= length;
    }
}

void gathered_end(gathered_pieces* gathered, uint64_t moved)
{
    if (gathered != NULL && gathered->receives) {
        copy_from_bytes(gathered, moved);
    }
    free(gathered);
}

/* What the driver refuses for its length is not copied first. */
static int32_t set_buffer(const wskshim_message* message, wskshim_submission* plain,
                          gathered_pieces** gathered)
{
    const wskshim_buffer* pieces = (const wskshim_buffer*)(uintptr_t)message->payload;
    uint64_t total;
    bool adjacent;
    if (message->payload_count > WSKSHIM_MAXIMUM_PIECES) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    int32_t status = measure_pieces(pieces, message->payload_count, &total, &adjacent);
    if (status < 0) {
        return status;
    }
    plain->length = (uint32_t)total;
    plain->buffer = pieces[0].address;
    if (adjacent) {
        return WSKSHIM_STATUS_SUCCESS;
    }
    if (total > WSKB_MAXIMUM_TRANSFER + sizeof(WSKB_DATAGRAM)) {
        return WSKSHIM_STATUS_INVALID_BUFFER_SIZE;
    }
    *gathered = gather(pieces, message->payload_count, total,
                       plain->opcode == WSKSHIM_RECEIVE || plain->opcode == WSKSHIM_RECEIVE_FROM ||
                           plain->opcode == WSKSHIM_RECEIVE_MESSAGES);
    if (*gathered == NULL) {
        return WSKSHIM_STATUS_INSUFFICIENT_RESOURCES;
    }
    plain->buffer = (uint64_t)(uintptr_t)(*gathered)->bytes;
    return WSKSHIM_STATUS_SUCCESS;
}

/* ---- conversion -------------------------------------------------------------------------------------- */

/* Copies the control information of a message, if there is any; returns its length. */
static uint32_t read_control(const wskshim_message* message, WSKB_CONTROL_INFO* to)
{
    if (message->control != 0) {
        memcpy(to, (const void*)(uintptr_t)message->control, sizeof *to);
    }
    return message->control_length;
}

int32_t message_unfold(const wskshim_submission* entry, wskshim_submission* plain, uint32_t* timeout,
                       gathered_pieces** gathered, WSKB_CONTROL_INFO* control)
{
    if (entry->modifiers != WSKSHIM_MODIFIER_MESSAGE || entry->opcode >= WSKSHIM_OPCODES ||
        !is_well_formed(entry)) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    const wskshim_message* message = (const wskshim_message*)(uintptr_t)entry->buffer;
    *plain = *entry;
    *timeout = (uint32_t)message->deadline;
    if (operation_rows[entry->opcode].output == output_MESSAGES) {
        return WSKSHIM_STATUS_SUCCESS; /* it has no plain form */
    }
    if (!is_supported(entry, message)) {
        return WSKSHIM_STATUS_NOT_SUPPORTED;
    }
    if (read_control(message, control) != 0) {
        plain->flags |= WSKB_SEND_TO_CONTROL;
    } else {
        plain->modifiers = 0;
    }
    plain->buffer = 0;
    plain->length = 0;
    plain->address = message->address;
    return message->payload_count == 0 ? WSKSHIM_STATUS_SUCCESS : set_buffer(message, plain, gathered);
}

/* ---- SEND_MESSAGES ----------------------------------------------------------------------------------- */

/* Copies the lengths of the pieces, which must be contiguous; *total is their sum. */
static int32_t read_pieces(const wskshim_message* message, uint32_t* lengths, uint64_t* total)
{
    const wskshim_buffer* pieces = (const wskshim_buffer*)(uintptr_t)message->payload;
    bool adjacent;
    int32_t status = measure_pieces(pieces, message->payload_count, total, &adjacent);
    for (uint32_t i = 0; i < message->payload_count; i++) {
        lengths[i] = pieces[i].length;
    }
    return adjacent ? status : WSKSHIM_STATUS_INVALID_PARAMETER;
}

/* The device copies the input during the call. */
static int32_t start_messages(shim_operation* operation, shim_socket* socket, const wskshim_message* message,
                              uint32_t timeout, WSKB_SEND_MESSAGES* input, uint64_t* information)
{
    const wskshim_buffer* first = (const wskshim_buffer*)(uintptr_t)message->payload;
    uint64_t total;
    uint32_t control = read_control(message, (WSKB_CONTROL_INFO*)(input + 1));
    int32_t status = read_pieces(message, (uint32_t*)((uint8_t*)(input + 1) + control), &total);
    if (status < 0) {
        return status;
    }
    *input = (WSKB_SEND_MESSAGES){sizeof *input, control != 0 ? WSKB_SEND_TO_CONTROL : 0, timeout,
                                  message->address, message->payload_count};
    uint32_t in_length = (uint32_t)(sizeof *input + control + message->payload_count * sizeof(uint32_t));
    return device_control(socket->file, &operation->request, (uint32_t)IOCTL_WSKB_SEND_MESSAGES, input,
                          in_length, total == 0 ? NULL : (void*)(uintptr_t)first->address, (uint32_t)total,
                          information);
}

int32_t messages_start(shim_operation* operation, shim_socket* socket, const wskshim_submission* entry,
                       uint32_t timeout, uint64_t* information)
{
    const wskshim_message* message = (const wskshim_message*)(uintptr_t)entry->buffer;
    if (entry->modifiers != WSKSHIM_MODIFIER_MESSAGE || entry->flags != 0 || !is_well_formed(entry) ||
        message->payload_count == 0 || message->payload_count > WSKB_MAXIMUM_MESSAGES) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    WSKB_SEND_MESSAGES* input =
        calloc(1, sizeof *input + message->control_length + message->payload_count * sizeof(uint32_t));
    if (input == NULL) {
        return WSKSHIM_STATUS_INSUFFICIENT_RESOURCES;
    }
    int32_t status = start_messages(operation, socket, message, timeout, input, information);
    free(input);
    return status;
}
