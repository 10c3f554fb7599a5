/* SPDX-License-Identifier: Apache-2.0
 *
 * From a submission to its control request, and from the request's result to a completion.
 */
#include "port.h"

static const uint32_t codes[WSKSHIM_OPCODES] = {
    [WSKSHIM_NOP] = (uint32_t)IOCTL_WSKB_NOP,
    [WSKSHIM_SEND_TO] = (uint32_t)IOCTL_WSKB_SEND_TO,
    [WSKSHIM_RECEIVE_FROM] = (uint32_t)IOCTL_WSKB_RECEIVE_FROM,
    [WSKSHIM_CONNECT] = (uint32_t)IOCTL_WSKB_CONNECT,
    [WSKSHIM_SEND] = (uint32_t)IOCTL_WSKB_SEND,
    [WSKSHIM_RECEIVE] = (uint32_t)IOCTL_WSKB_RECEIVE,
    [WSKSHIM_DISCONNECT] = (uint32_t)IOCTL_WSKB_DISCONNECT,
    [WSKSHIM_ACCEPT] = (uint32_t)IOCTL_WSKB_ACCEPT,
};

/* Fills the input structure of the opcode; returns its length. */
static uint32_t prepare_input(shim_operation* operation, const wskshim_submission* entry)
{
    switch (entry->opcode) {
    case WSKSHIM_NOP:
        return 0;
    case WSKSHIM_SEND_TO:
        operation->in.send_to = (WSKB_SEND_TO){sizeof(WSKB_SEND_TO), entry->flags, entry->address};
        return sizeof(WSKB_SEND_TO);
    case WSKSHIM_CONNECT:
        operation->in.address = (WSKB_ADDRESS){sizeof(WSKB_ADDRESS), entry->address};
        return sizeof(WSKB_ADDRESS);
    default:
        operation->in.transfer = (WSKB_TRANSFER){sizeof(WSKB_TRANSFER), entry->flags};
        return sizeof(WSKB_TRANSFER);
    }
}

int32_t operation_start(shim_operation* operation, shim_socket* socket, const wskshim_submission* entry,
                        uint64_t* information)
{
    void* out = NULL;
    uint32_t out_length = 0;
    if (entry->opcode == WSKSHIM_ACCEPT) {
        out = &operation->accepted;
        out_length = sizeof operation->accepted;
    } else if (entry->length != 0) {
        out = (void*)(uintptr_t)entry->buffer;
        out_length = entry->length;
    }
    uint32_t in_length = prepare_input(operation, entry);
    return device_control(socket->file, &operation->request, codes[entry->opcode], &operation->in, in_length,
                          out, out_length, information);
}

static void read_datagram(const shim_operation* operation, uint64_t information,
                          wskshim_completion* completion)
{
    WSKB_DATAGRAM prefix;
    if (information < sizeof prefix) {
        return;
    }
    memcpy(&prefix, (const void*)(uintptr_t)operation->buffer, sizeof prefix); /* it need not be aligned */
    completion->bytes = (uint32_t)(information - sizeof prefix);
    completion->flags = (uint16_t)prefix.Flags;
    completion->address = prefix.RemoteAddress;
}

void operation_complete(const shim_operation* operation, int32_t status, uint64_t information,
                        wskshim_completion* completion)
{
    memset(completion, 0, sizeof *completion);
    completion->user_data = operation->user_data;
    completion->status = status;
    completion->opcode = operation->opcode;
    if ((uint32_t)status >> 30 == 3) {
        return;
    }
    if (operation->opcode == WSKSHIM_RECEIVE_FROM) {
        read_datagram(operation, information, completion);
    } else if (operation->opcode == WSKSHIM_ACCEPT) {
        completion->value = operation->accepted.Token;
        completion->address = operation->accepted.RemoteAddress;
    } else {
        completion->bytes = (uint32_t)information;
    }
}
