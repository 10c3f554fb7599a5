/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups, with ordinary sockets as senders and members. Nothing leaves the machine.
 */
#include "support.h"

namespace {

int VersionOf(USHORT family)
{
    return family == WSKB_AF_INET ? 4 : 6;
}

/* Those in which the machine has groups. */
std::vector<USHORT> Families()
{
    std::vector<USHORT> families;
    for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
        if (peer::GroupInterface(VersionOf(family)) != 0) {
            families.push_back(family);
        }
    }
    return families;
}

/* Each test has groups of its own, since tests run at the same time. */
peer::Address GroupOf(USHORT family, uint8_t number, USHORT port = 0)
{
    return peer::Group(VersionOf(family), number, port);
}

WSKB_GROUP Membership(const peer::Address& group)
{
    WSKB_GROUP made = {};
    made.Interface = peer::GroupInterface(group.version);
    made.Group = FromPeer(group);
    return made;
}

WSKB_GROUP From(WSKB_GROUP group, const WSKB_SOCKADDR& source)
{
    group.Source = source;
    return group;
}

/* Another host than the one that sends. */
WSKB_SOCKADDR Stranger(USHORT family)
{
    WSKB_SOCKADDR made = Loopback(family, 0);
    if (family == WSKB_AF_INET) {
        made.V4.Address[3] = 2;
    } else {
        made.V6.Address[0] = 0xFD;
    }
    return made;
}

/* Wine confuses source and interface for IPv4, and has no sources for IPv6. */
bool HasSources()
{
#ifdef _WIN32
    return false;
#else
    return true;
#endif
}

File WildcardDatagram(USHORT family)
{
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM, family));
    EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Wildcard(family)));
    return file;
}

std::string ReceiveText(const File& file)
{
    Datagram datagram;
    datagram.Start(file);
    EXPECT_STATUS(STATUS_SUCCESS, datagram.Wait());
    return datagram.Text();
}

/* The address from which the sender sends to the group; the socket is a member. */
WSKB_SOCKADDR SourceOf(peer::GroupSender* sender, const File& file, peer::Address group)
{
    Datagram datagram;
    group.port = file.Port();
    EXPECT_TRUE(sender->SendToGroup(group, "who?"));
    datagram.Start(file);
    EXPECT_STATUS(STATUS_SUCCESS, datagram.Wait());
    return datagram.Prefix().RemoteAddress;
}

/* Sends to the group and then to the socket alone; whether the former arrives. */
bool Receives(peer::GroupSender* sender, const File& file, peer::Address group)
{
    static int number = 0;
    std::string to_group = "group " + std::to_string(++number);
    group.port = file.Port();
    EXPECT_TRUE(sender->SendToGroup(group, to_group));
    EXPECT_TRUE(sender->SendTo(file.Port(), "end"));
    std::string first = ReceiveText(file);
    if (first == "end") {
        return false;
    }
    EXPECT_EQ(to_group, first);
    EXPECT_EQ("end", ReceiveText(file));
    return true;
}

} // namespace

class MulticastTest : public DriverTest {};

TEST_F(MulticastTest, MembersReceive)
{
    for (USHORT family : Families()) {
        peer::GroupSender sender(VersionOf(family));
        File file = WildcardDatagram(family);
        peer::Address group = GroupOf(family, 1);
        EXPECT_FALSE(Receives(&sender, file, group));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_GROUP, Membership(group)));
        EXPECT_TRUE(Receives(&sender, file, group));
        EXPECT_FALSE(Receives(&sender, file, GroupOf(family, 2)));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_LEAVE_GROUP, Membership(group)));
        EXPECT_FALSE(Receives(&sender, file, group));
    }
}

/* It may join before it is bound. */
TEST_F(MulticastTest, MembershipSurvivesBindingAndConnecting)
{
    for (USHORT family : Families()) {
        peer::GroupSender sender(VersionOf(family));
        peer::Address group = GroupOf(family, 3);
        File file;
        ASSERT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM, family));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_GROUP, Membership(group)));
        ASSERT_STATUS(STATUS_SUCCESS, file.Bind(Wildcard(family)));
        EXPECT_TRUE(Receives(&sender, file, group));
        /* After its remote address was cleared, an IPv6 socket of Linux still drops what others send. */
        for (int round = 0; round < 2 && family == WSKB_AF_INET; round++) {
            ASSERT_STATUS(STATUS_SUCCESS,
                          file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(family, 9)));
            ASSERT_STATUS(STATUS_SUCCESS, file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Unspecified()));
            EXPECT_TRUE(Receives(&sender, file, group)) << round;
        }
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_LEAVE_GROUP, Membership(group)));
        EXPECT_FALSE(Receives(&sender, file, group));
    }
}

#ifndef _WIN32 /* on Wine, as on Linux, a socket gets what is sent to the groups of others */
TEST_F(MulticastTest, MembershipsOfOthersDoNotMatter)
{
    for (USHORT family : Families()) {
        peer::GroupSender sender(VersionOf(family));
        peer::Address group = GroupOf(family, 4);
        peer::GroupMember other(group);
        File member = WildcardDatagram(family);
        File file = WildcardDatagram(family);
        ASSERT_STATUS(STATUS_SUCCESS, member.SetGroup(WSKB_OPTION_JOIN_GROUP, Membership(group)));
        EXPECT_FALSE(Receives(&sender, file, group));
    }
}
#endif

TEST_F(MulticastTest, MembershipsEndWithTheSocket)
{
    for (USHORT family : Families()) {
        peer::GroupSender sender(VersionOf(family));
        peer::Address group = GroupOf(family, 5);
        USHORT port = 0;
        {
            File file = WildcardDatagram(family);
            port = file.Port();
            ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_GROUP, Membership(group)));
        }
        File file = WildcardDatagram(family);
        EXPECT_FALSE(Receives(&sender, file, group)) << port;
    }
}

TEST_F(MulticastTest, OneSourceOnly)
{
    for (USHORT family : Families()) {
        if (!HasSources()) {
            continue;
        }
        peer::GroupSender sender(VersionOf(family));
        File file = WildcardDatagram(family);
        peer::Address group = GroupOf(family, 6);
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_GROUP, Membership(group)));
        WSKB_GROUP stranger = From(Membership(group), Stranger(family));
        WSKB_GROUP friendly = From(Membership(group), SourceOf(&sender, file, group));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_LEAVE_GROUP, Membership(group)));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_SOURCE_GROUP, stranger));
        EXPECT_FALSE(Receives(&sender, file, group));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_SOURCE_GROUP, friendly));
        EXPECT_TRUE(Receives(&sender, file, group));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_LEAVE_SOURCE_GROUP, friendly));
        EXPECT_FALSE(Receives(&sender, file, group));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_LEAVE_SOURCE_GROUP, stranger));
    }
}

TEST_F(MulticastTest, SourcesCanBeBlocked)
{
    for (USHORT family : Families()) {
        if (!HasSources()) {
            continue;
        }
        peer::GroupSender sender(VersionOf(family));
        File file = WildcardDatagram(family);
        peer::Address group = GroupOf(family, 7);
        WSKB_GROUP source = From(Membership(group), Loopback(family, 0));
        EXPECT_FALSE(NT_SUCCESS(file.SetGroup(WSKB_OPTION_BLOCK_SOURCE, source))) << "not a member";
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_GROUP, Membership(group)));
        source.Source = SourceOf(&sender, file, group);
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_BLOCK_SOURCE, source));
        EXPECT_FALSE(Receives(&sender, file, group));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_UNBLOCK_SOURCE, source));
        EXPECT_TRUE(Receives(&sender, file, group));
        EXPECT_FALSE(NT_SUCCESS(file.SetGroup(WSKB_OPTION_UNBLOCK_SOURCE, source))) << "not blocked";
    }
}

TEST_F(MulticastTest, SendsToMembers)
{
    for (USHORT family : Families()) {
        peer::Address group = GroupOf(family, 8);
        peer::GroupMember member(group);
        File file = WildcardDatagram(family);
        ULONG index = 7;
        group.port = member.Port();
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_MULTICAST_INTERFACE,
                                                     peer::GroupInterface(VersionOf(family))));
        ASSERT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_MULTICAST_INTERFACE, &index));
        EXPECT_EQ(peer::GroupInterface(VersionOf(family)), index);
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_MULTICAST_HOPS, 0));
        ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(FromPeer(group), "to all"));
        EXPECT_EQ("to all", member.ReceiveText());
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_MULTICAST_INTERFACE, 0));
        ASSERT_STATUS(STATUS_SUCCESS, file.GetOption(WSKB_OPTION_MULTICAST_INTERFACE, &index));
        EXPECT_EQ(0u, index);
    }
}

#ifndef _WIN32 /* Wine leaves it to Linux, which asks the sender */
/* As on Windows, the receiver decides. */
TEST_F(MulticastTest, LoopIsTheReceiversChoice)
{
    for (USHORT family : Families()) {
        peer::GroupSender sender(VersionOf(family));
        peer::Address group = GroupOf(family, 9);
        peer::GroupMember member(group);
        File file = WildcardDatagram(family);
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_GROUP, Membership(group)));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_MULTICAST_LOOP, 0));
        EXPECT_FALSE(Receives(&sender, file, group));
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_MULTICAST_INTERFACE,
                                                     peer::GroupInterface(VersionOf(family))));
        group.port = member.Port();
        ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(FromPeer(group), "loops"));
        EXPECT_EQ("loops", member.ReceiveText());
        ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_MULTICAST_LOOP, 1));
        EXPECT_TRUE(Receives(&sender, file, group));
    }
}
#endif

TEST_F(MulticastTest, BadGroupsAreRefusedAndNothingIsLost)
{
    constexpr ULONG all[] = {WSKB_OPTION_JOIN_GROUP,        WSKB_OPTION_LEAVE_GROUP,
                             WSKB_OPTION_BLOCK_SOURCE,      WSKB_OPTION_UNBLOCK_SOURCE,
                             WSKB_OPTION_JOIN_SOURCE_GROUP, WSKB_OPTION_LEAVE_SOURCE_GROUP};
    for (USHORT family : Families()) {
        USHORT other = family == WSKB_AF_INET ? WSKB_AF_INET6 : WSKB_AF_INET;
        peer::GroupSender sender(VersionOf(family));
        File file = WildcardDatagram(family);
        peer::Address group = GroupOf(family, 10);
        WSKB_GROUP good = Membership(group);
        ASSERT_STATUS(STATUS_SUCCESS, file.SetGroup(WSKB_OPTION_JOIN_GROUP, good));
        for (ULONG option : all) {
            bool names_source = option != WSKB_OPTION_JOIN_GROUP && option != WSKB_OPTION_LEAVE_GROUP;
            WSKB_SOCKADDR source = names_source ? Loopback(family, 0) : Unspecified();
            WSKB_GROUP bad = From(good, source);
            bad.Group = Loopback(family, 0);
            EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.SetGroup(option, bad)) << "no group";
            bad.Group = FromPeer(GroupOf(other, 10));
            EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, file.SetGroup(option, bad)) << "other family";
            bad.Group = Unspecified();
            EXPECT_STATUS(STATUS_INVALID_ADDRESS_COMPONENT, file.SetGroup(option, bad)) << "no family";
            EXPECT_STATUS(
                names_source ? STATUS_INVALID_ADDRESS_COMPONENT : STATUS_INVALID_PARAMETER,
                file.SetGroup(option, From(good, names_source ? Unspecified() : Loopback(family, 0))))
                << "source";
            if (names_source) {
                EXPECT_STATUS(STATUS_INVALID_PARAMETER, file.SetGroup(option, From(good, good.Group)));
            }
        }
        WSKB_GROUP nowhere = Membership(GroupOf(family, 11));
        for (ULONG index : {0x7FFFFFFFu, 0xFFFFFFFFu}) {
            nowhere.Interface = index;
            EXPECT_FALSE(NT_SUCCESS(file.SetGroup(WSKB_OPTION_JOIN_GROUP, nowhere))) << index;
        }
        EXPECT_FALSE(NT_SUCCESS(file.SetGroup(WSKB_OPTION_JOIN_GROUP, good))) << "a member already";
        EXPECT_FALSE(NT_SUCCESS(file.SetGroup(WSKB_OPTION_LEAVE_GROUP, Membership(GroupOf(family, 12)))))
            << "no member";
        EXPECT_TRUE(Receives(&sender, file, group));
    }
}
