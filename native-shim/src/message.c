/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries that point to a message. A message that a plain entry can express is converted to one.
 * SEND_MESSAGES has no plain form. Others are refused.
 */
#include "port.h"

#include <stdlib.h>

static bool has_buffer(const operation_row* row)
{
    return row->output == output_PAYLOAD || row->output == output_DATAGRAM;
}

static bool is_well_formed(const wskshim_submission* entry)
{
    const wskshim_message* message = (const wskshim_message*)(uintptr_t)entry->buffer;
    return message != NULL && entry->length == sizeof *message && entry->address.Family == WSKB_AF_UNSPEC &&
           message->reserved == 0 && message->deadline <= UINT32_MAX && (message->payload != 0 || message->payload_count == 0) &&
           (message->control != 0 || message->control_length == 0);
}

static bool is_supported(const operation_row* row, const wskshim_message* message)
{
    return row->input != input_NOTHING && message->payload_count == (has_buffer(row) ? 1 : 0) &&
           message->control == 0;
}

int32_t message_unfold(const wskshim_submission* entry, wskshim_submission* plain, uint32_t* timeout)
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
    if (!is_supported(&operation_rows[entry->opcode], message)) {
        return WSKSHIM_STATUS_NOT_SUPPORTED;
    }
    plain->modifiers = 0;
    plain->buffer = 0;
    plain->length = 0;
    plain->address = message->address;
    if (message->payload_count == 1) {
        const wskshim_buffer* piece = (const wskshim_buffer*)(uintptr_t)message->payload;
        plain->buffer = piece->address;
        plain->length = piece->length;
        return piece->reserved == 0 ? WSKSHIM_STATUS_SUCCESS : WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    return WSKSHIM_STATUS_SUCCESS;
}

/* ---- SEND_MESSAGES ----------------------------------------------------------------------------------- */

/* Copies the lengths of the pieces, which must be contiguous; *total is their sum. */
static int32_t read_pieces(const wskshim_message* message, uint32_t* lengths, uint64_t* total)
{
    const wskshim_buffer* pieces = (const wskshim_buffer*)(uintptr_t)message->payload;
    *total = 0;
    for (uint32_t i = 0; i < message->payload_count; i++) {
        bool follows = pieces[i].length == 0 || pieces[i].address == pieces[0].address + *total;
        if (!follows || pieces[i].reserved != 0) {
            return WSKSHIM_STATUS_INVALID_PARAMETER;
        }
        lengths[i] = pieces[i].length;
        *total += pieces[i].length;
    }
    return *total <= UINT32_MAX ? WSKSHIM_STATUS_SUCCESS : WSKSHIM_STATUS_INVALID_PARAMETER;
}

/* The device copies the input during the call. */
static int32_t start_messages(shim_operation* operation, shim_socket* socket, const wskshim_message* message,
                              uint32_t timeout, WSKB_SEND_MESSAGES* input, uint64_t* information)
{
    const wskshim_buffer* first = (const wskshim_buffer*)(uintptr_t)message->payload;
    uint64_t total;
    int32_t status = read_pieces(message, (uint32_t*)(input + 1), &total);
    if (status < 0) {
        return status;
    }
    *input = (WSKB_SEND_MESSAGES){sizeof *input, 0, timeout, message->address, message->payload_count};
    uint32_t in_length = (uint32_t)(sizeof *input + message->payload_count * sizeof(uint32_t));
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
    if (message->control != 0) {
        return WSKSHIM_STATUS_NOT_SUPPORTED;
    }
    WSKB_SEND_MESSAGES* input = calloc(1, sizeof *input + message->payload_count * sizeof(uint32_t));
    if (input == NULL) {
        return WSKSHIM_STATUS_INSUFFICIENT_RESOURCES;
    }
    int32_t status = start_messages(operation, socket, message, timeout, input, information);
    free(input);
    return status;
}
