/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes the test's environment: a separate network, in a child process, and failing binds. Does not include
 * the provider's headers, whose names clash with the system's.
 */
#ifndef TESTS_WSK_NETWORK_H
#define TESTS_WSK_NETWORK_H

#include <cstdint>

namespace network {

/* Runs the current test again in a child process with its own network, which has a loopback interface; fails
 * if it fails there. True in the child, where the test continues; false in the parent. */
bool InOwn();

/* Only in such a network: sets the range of ephemeral ports, and adds an address to this machine. */
void SetPorts(uint16_t First, uint16_t Last);
void AddAddress(const char* Address);
/* Packets like those of an Ethernet, so that a connection begins with small buffers. */
void SetPacketSize(int Bytes);

/* Makes the Nth bind from now on, counted from 1, fail as if the address were in use. 0: none. */
void FailBind(int Nth);
/* The number of binds since then. */
int Binds();

} // namespace network

#endif
