/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of the Winsock backend.
 */
#include "support.h"

namespace wsk {

class BackendNamesTest : public BackendTest {
  protected:
    static std::u16string Text(const uint16_t* Name)
    {
        return std::u16string(reinterpret_cast<const char16_t*>(Name));
    }
    static const uint16_t* Name(const char16_t* Text)
    {
        return reinterpret_cast<const uint16_t*>(Text);
    }
};

TEST_F(BackendNamesTest, FindsNumericAddressesAndPorts)
{
    BACKEND_NAME_QUERY Query = {};
    BACKEND_NAME_ENTRY* Entries = nullptr;
    const uint8_t Wanted[4] = {192, 0, 2, 7};
    Query.Node = Name(u"192.0.2.7");
    Query.Service = Name(u"8080");
    Query.Type = 1;
    ASSERT_EQ(BackendNameFound, BackendFindAddresses(&Query, &Entries));
    EXPECT_EQ(BACKEND_IPV4, Entries->Address.Family);
    EXPECT_EQ(0, memcmp(Wanted, Entries->Address.Bytes, sizeof(Wanted)));
    EXPECT_EQ(htons(8080), Entries->Address.Port);
    EXPECT_EQ(1, Entries->Type);
    EXPECT_EQ(nullptr, Entries->Next);
    BackendFreeAddresses(Entries);
}

TEST_F(BackendNamesTest, UnknownNamesAreUnknown)
{
    BACKEND_NAME_QUERY Query = {};
    BACKEND_NAME_ENTRY* Entries = nullptr;
    Query.Node = Name(u"no.such.name.invalid");
    EXPECT_EQ(BackendNameUnknown, BackendFindAddresses(&Query, &Entries));
    EXPECT_EQ(nullptr, Entries);
}

TEST_F(BackendNamesTest, NamesAnAddressInNumbers)
{
    BACKEND_ADDRESS Address = {BACKEND_IPV4, htons(80), {127, 0, 0, 1}, 0, 0};
    uint16_t Node[64] = {};
    uint16_t Service[64] = {};
    EXPECT_EQ(BackendNameFound, BackendFindNames(&Address, 0x2 | 0x8, Node, 64, Service, 64));
    EXPECT_EQ(u"127.0.0.1", Text(Node));
    EXPECT_EQ(u"80", Text(Service));
}

TEST_F(BackendNamesTest, AThreadIsJoinedAfterItsEnd)
{
    int Done = 0;
    BACKEND_HANDLE Thread = BackendStartThread([](void* Context) { *static_cast<int*>(Context) = 1; }, &Done);
    ASSERT_NE(BACKEND_NO_HANDLE, Thread);
    BackendJoinThread(Thread);
    EXPECT_EQ(1, Done);
}

} // namespace wsk
