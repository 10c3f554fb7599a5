/* SPDX-License-Identifier: Apache-2.0
 *
 * What a datagram socket refuses to receive. Windows lets the receiver decide whether it gets what its own
 * machine sends to a group, and whether it gets broadcasts. Linux asks the sender about the former, and
 * nobody about the latter. So a packet filter of the kernel drops these datagrams before the socket's buffer.
 *
 * The kernel marks the copy of a sent packet that it loops back. On the loopback interface itself it does
 * not, but all that arrives there is this machine's.
 */
#include "refuse.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#define LENGTH 22
/* The last instruction but one returns for a datagram of RefusedOwnMulticast, the last for RefusedBroadcast.
 */
#define VERDICT(Kind) (LENGTH - RefusedKinds + (Kind))

#define ACCEPT 0xFFFFFFFFu
#define REFUSE 0u

#define BYTE(Offset)          BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_NET_OFF + (Offset)))
#define WORD(Offset)          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_NET_OFF + (Offset)))
#define ABOUT(What)           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + (What)))
#define HIGH_BITS             BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xF0)
#define IF_EQUAL(Value, A, B) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Value, A, B)
#define RETURN(Bytes)         BPF_STMT(BPF_RET | BPF_K, Bytes)

/* Jumps count the instructions that are skipped. */
static const struct sock_filter Program[LENGTH] = {
    BYTE(0), /* 0: version of IP */
    HIGH_BITS,
    IF_EQUAL(0x60, 10, 0), /* to 13 */
    BYTE(16),              /* 3: IPv4, the destination's first byte */
    HIGH_BITS,
    IF_EQUAL(0xE0, 9, 0),  /* to 15 */
    ABOUT(SKF_AD_PKTTYPE), /* 6: not to a group; a looped copy is then a broadcast */
    IF_EQUAL(PACKET_BROADCAST, 13, 0),
    IF_EQUAL(PACKET_LOOPBACK, 12, 0), /* to 21 */
    WORD(16),
    IF_EQUAL(0xFFFFFFFF, 10, 0),
    IF_EQUAL(0x7FFFFFFF, 9, 0), /* 127.255.255.255, the broadcast address of the loopback network */
    RETURN(ACCEPT),
    BYTE(24), /* 13: IPv6, the destination's first byte */
    IF_EQUAL(0xFF, 0, 4),
    ABOUT(SKF_AD_PKTTYPE), /* 15: to a group */
    IF_EQUAL(PACKET_LOOPBACK, 3, 0),
    ABOUT(SKF_AD_HATYPE),
    IF_EQUAL(ARPHRD_LOOPBACK, 1, 0), /* to 20 */
    RETURN(ACCEPT),
    RETURN(ACCEPT), /* 20: RefusedOwnMulticast */
    RETURN(ACCEPT), /* 21: RefusedBroadcast */
};

/* Reads the socket's filter; without one, or where the system can't tell, all is accepted. */
static void ReadProgram(int Socket, struct sock_filter* Current)
{
    socklen_t Count = LENGTH; /* of instructions */

    if (getsockopt(Socket, SOL_SOCKET, SO_GET_FILTER, Current, &Count) < 0 || Count != LENGTH) {
        memcpy(Current, Program, sizeof(Program));
    }
}

int32_t RefuseDatagrams(int Socket, REFUSED_KIND Kind, bool Refuse)
{
    struct sock_filter Current[LENGTH];
    struct sock_fprog New = {.len = LENGTH, .filter = Current};

    ReadProgram(Socket, Current);
    Current[VERDICT(Kind)].k = Refuse ? REFUSE : ACCEPT;
    return (setsockopt(Socket, SOL_SOCKET, SO_ATTACH_FILTER, &New, sizeof(New)) < 0) ? errno : 0;
}
