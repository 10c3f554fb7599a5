/* SPDX-License-Identifier: Apache-2.0
 *
 * wskshim.h as a C program uses it.
 */
#include "wskshim.h"

static uint64_t address_of(const void* pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

int c_program_sends_to_itself(char* received, uint32_t length);

/* A datagram from a socket to itself; returns its length, or a negative status. */
int c_program_sends_to_itself(char* received, uint32_t length)
{
    int64_t port = wskshim_port_open(WSKSHIM_ABI_VERSION);
    int64_t socket = port < 0 ? port : wskshim_socket_open((uint64_t)port);
    if (socket < 0) {
        return (int)socket;
    }
    WSKB_CREATE create = {sizeof create, WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET, WSKB_IPPROTO_UDP};
    WSKB_ADDRESS address = {.Size = sizeof address,
                            .Address = {.Family = WSKB_AF_INET, .V4 = {.Address = {127, 0, 0, 1}}}};
    wskshim_control((uint64_t)socket, (uint32_t)IOCTL_WSKB_CREATE, address_of(&create), sizeof create, 0, 0,
                    0);
    wskshim_control((uint64_t)socket, (uint32_t)IOCTL_WSKB_BIND, address_of(&address), sizeof address, 0, 0,
                    0);
    wskshim_control((uint64_t)socket, (uint32_t)IOCTL_WSKB_GET_LOCAL_ADDRESS, 0, 0, address_of(&address),
                    sizeof address, 0);

    char hello[] = "hello"; /* Wine can't send from read-only memory */
    char buffer[sizeof(WSKB_DATAGRAM) + 64];
    wskshim_submission entries[2];
    wskshim_prepare_send_to(&entries[0], (uint64_t)socket, hello, 5, &address.Address, 1);
    wskshim_prepare_receive_from(&entries[1], (uint64_t)socket, buffer, sizeof buffer, 2);
    wskshim_submit((uint64_t)port, address_of(entries), 0, 0, 2);
    int result = -1;
    for (int left = 2; left > 0;) {
        wskshim_completion completions[2];
        int count = wskshim_wait((uint64_t)port, address_of(completions), 2, 10000);
        if (count <= 0) {
            break;
        }
        for (int i = 0; i < count; i++) {
            if (completions[i].user_data == 2 && completions[i].status == WSKSHIM_STATUS_SUCCESS &&
                completions[i].bytes <= length) {
                memcpy(received, buffer + sizeof(WSKB_DATAGRAM), completions[i].bytes);
                result = (int)completions[i].bytes;
            }
        }
        left -= count;
    }
    wskshim_socket_close((uint64_t)socket);
    wskshim_port_close((uint64_t)port);
    return result;
}
