/* SPDX-License-Identifier: Apache-2.0
 *
 * What a test changes of the system around it: the network, in a process of its own, and the fate of a bind.
 * Knows nothing of the provider's headers, whose names clash with the system's.
 */
#ifndef TESTS_WSK_NETWORK_H
#define TESTS_WSK_NETWORK_H

#include <cstdint>

namespace network {

/* Runs the current test once more, in a process with a network of its own that has a loopback interface, and
 * fails when it fails there. True in that process: the test goes on. False in the one that started it. */
bool InOwn();

/* Only in such a network: the ports that the system chooses from, and one more address of this machine. */
void SetPorts(uint16_t First, uint16_t Last);
void AddAddress(const char* Address);

/* Of the binds from now on the Nth, counted from 1, fails as if somebody had the address. 0: none. */
void FailBind(int Nth);
/* The binds since then. */
int Binds();

} // namespace network

#endif
