/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns submissions into control requests, and results of requests into completions.
 */
#include "port.h"

#define ROW(name, number, code, input, output)                                                               \
    [name] = {(uint32_t)IOCTL_WSKB_##code, WSKB_IN_##code, input_##input, output_##output,                   \
              input_##input == input_SEND_TO || input_##input == input_TRANSFER},

const operation_row operation_rows[WSKSHIM_OPCODES] = {WSKSHIM_OPERATIONS(ROW)};

#define ASSERT_INPUT(name, number, code, input, output)                                                      \
    WSKB_ASSERT(WSKB_IN_##code == WSKB_SIZE_OF(WSKB_##input), #name " prepares what " #code " takes");

WSKSHIM_OPERATIONS(ASSERT_INPUT)

static void prepare_input(shim_operation* operation, const wskshim_submission* entry, uint32_t timeout)
{
    switch (operation_rows[entry->opcode].input) {
    case input_NOTHING:
    case input_SEND_MESSAGES: /* message.c prepares it */
        break;
    case input_SEND_TO:
        operation->in.send_to = (WSKB_SEND_TO){sizeof(WSKB_SEND_TO), entry->flags, timeout, entry->address};
        break;
    case input_CONNECT:
        operation->in.connect = (WSKB_CONNECT){sizeof(WSKB_CONNECT), entry->flags, timeout, entry->address};
        break;
    case input_TRANSFER:
        operation->in.transfer = (WSKB_TRANSFER){sizeof(WSKB_TRANSFER), entry->flags, timeout};
        break;
    }
}

int32_t operation_start(shim_operation* operation, shim_socket* socket, const wskshim_submission* entry,
                        uint32_t timeout, uint64_t* information)
{
    const operation_row* row = &operation_rows[entry->opcode];
    void* out = NULL;
    uint32_t out_length = 0;
    switch (row->output) {
    case output_NOTHING:
        break;
    case output_PAYLOAD:
    case output_OPTIONAL:
    case output_DATAGRAM:
        operation->buffer = entry->buffer;
        out = entry->length == 0 ? NULL : (void*)(uintptr_t)entry->buffer;
        out_length = entry->length;
        break;
    case output_ACCEPTED:
        out = &operation->accepted;
        out_length = sizeof operation->accepted;
        break;
    case output_MESSAGES:
        return messages_start(operation, socket, entry, timeout, information);
    }
    prepare_input(operation, entry, timeout);
    uint32_t in_length = row->in_length + (entry->modifiers != 0 ? (uint32_t)sizeof(WSKB_CONTROL_INFO) : 0);
    return device_control(socket->file, &operation->request, row->code, &operation->in, in_length, out,
                          out_length, information);
}

static void read_datagram(const shim_operation* operation, uint64_t information,
                          wskshim_completion* completion)
{
    WSKB_DATAGRAM prefix;
    if (information < sizeof prefix) {
        return;
    }
    memcpy(&prefix, (const void*)(uintptr_t)operation->buffer, sizeof prefix); /* may be unaligned */
    completion->bytes = prefix.Length;
    completion->flags = (uint16_t)prefix.Flags;
    completion->address = prefix.RemoteAddress;
}

static void read_result(const shim_operation* operation, uint64_t information, wskshim_completion* completion)
{
    switch (operation_rows[operation->opcode].output) {
    case output_DATAGRAM:
        read_datagram(operation, information, completion);
        break;
    case output_ACCEPTED:
        completion->value = operation->accepted.Token;
        completion->address = operation->accepted.RemoteAddress;
        break;
    case output_NOTHING:
    case output_PAYLOAD:
    case output_OPTIONAL:
    case output_MESSAGES:
        completion->bytes = (uint32_t)information;
        break;
    }
}

void operation_complete(shim_operation* operation, int32_t status, uint64_t information,
                        wskshim_completion* completion)
{
    bool is_error = (uint32_t)status >> 30 == 3;
    *completion = (wskshim_completion){
        .user_data = operation->user_data, .status = status, .opcode = operation->opcode};
    if (!is_error) {
        read_result(operation, information, completion);
    }
    if (operation->gathered != NULL) {
        gathered_pieces* gathered = operation->gathered;
        operation->gathered = NULL;
        gathered_end(gathered, is_error ? 0 : information);
    }
}
