/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries that point to a message. A message that a plain entry can express is converted to one; others are
 * refused.
 */
#include "port.h"

static bool has_buffer(const operation_row* row)
{
    return row->output == output_PAYLOAD || row->output == output_DATAGRAM;
}

static bool has_address(const operation_row* row)
{
    return row->input == input_SEND_TO || row->input == input_ADDRESS;
}

static bool is_well_formed(const wskshim_submission* entry)
{
    const wskshim_message* message = (const wskshim_message*)(uintptr_t)entry->buffer;
    return message != NULL && entry->length == sizeof *message && entry->address.Family == WSKB_AF_UNSPEC &&
           message->reserved == 0 && (message->payload != 0 || message->payload_count == 0) &&
           (message->control != 0 || message->control_length == 0);
}

static bool is_supported(const operation_row* row, const wskshim_message* message)
{
    return (has_buffer(row) || has_address(row)) && message->payload_count == (has_buffer(row) ? 1 : 0) &&
           message->control == 0 && message->deadline == 0;
}

int32_t message_unfold(const wskshim_submission* entry, wskshim_submission* plain)
{
    if (entry->modifiers != WSKSHIM_MODIFIER_MESSAGE || entry->opcode >= WSKSHIM_OPCODES ||
        !is_well_formed(entry)) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    const wskshim_message* message = (const wskshim_message*)(uintptr_t)entry->buffer;
    if (!is_supported(&operation_rows[entry->opcode], message)) {
        return WSKSHIM_STATUS_NOT_SUPPORTED;
    }
    *plain = *entry;
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
