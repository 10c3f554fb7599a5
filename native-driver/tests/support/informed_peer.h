/* SPDX-License-Identifier: Apache-2.0
 *
 * A UDP peer that sees and sends ancillary data: an ordinary socket with recvmsg and sendmsg. Linux only.
 */
#ifndef TESTS_SUPPORT_INFORMED_PEER_H
#define TESTS_SUPPORT_INFORMED_PEER_H

#include "peer.h"

namespace peer {

/* What a datagram came with; -1: not told. */
struct Seen {
    int traffic_class = -1;
    int hop_limit = -1;
    int segment = -1;
    Address local; /* the destination */
    unsigned interface = 0;
};

/* What a datagram is sent with; -1: nothing special. */
struct How {
    int traffic_class = -1;
    int hop_limit = -1;
    int segment = -1;
};

class InformedUdp : public Holder {
  public:
    /* Bound to the wildcard address. */
    explicit InformedUdp(int version = 4);

    /* Several datagrams of one sender may arrive as one. */
    bool Coalesce();
    bool SendTo(const Address& to, const std::string& data, const How& how = {});
    /* The next datagram; "(nothing)" when none came. */
    std::string Receive(Seen* seen, Address* from = nullptr);

  private:
    int version_;
};

/* The index of the loopback interface. */
unsigned LoopbackInterface();

/* 127.0.0.last */
Address Loopback4(uint8_t last, uint16_t port);

} // namespace peer

#endif
