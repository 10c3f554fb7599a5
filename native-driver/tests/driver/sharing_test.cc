/* SPDX-License-Identifier: Apache-2.0
 *
 * A second bind to an address that is bound: all combinations of sharing options and kinds of address, for
 * each category and family.
 */
#include "support.h"

namespace {

constexpr NTSTATUS kGood = STATUS_SUCCESS;
constexpr NTSTATUS kInUse = STATUS_ADDRESS_ALREADY_EXISTS;
constexpr NTSTATUS kDenied = STATUS_ACCESS_DENIED;

/* Windows' table. Rows: the second socket, columns: the first; no option, reuse, exclusive, each with the
 * wildcard and then with a specific address. Where Windows asks the first socket's security descriptor, the
 * default one refuses. */
constexpr int kKinds = 6;
constexpr NTSTATUS kTable[kKinds][kKinds] = {
    {kInUse, kGood, kInUse, kGood, kInUse, kGood},    {kDenied, kInUse, kDenied, kDenied, kDenied, kInUse},
    {kDenied, kGood, kGood, kGood, kDenied, kGood},   {kDenied, kDenied, kGood, kGood, kDenied, kDenied},
    {kInUse, kInUse, kInUse, kInUse, kInUse, kInUse}, {kDenied, kInUse, kDenied, kInUse, kDenied, kInUse},
};

File Made(USHORT category, USHORT family, int kind)
{
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(category, family));
    if (kind / 2 != 0) {
        ULONG option = kind / 2 == 1 ? WSKB_OPTION_REUSE_ADDRESS : WSKB_OPTION_EXCLUSIVE_ADDRESS_USE;
        EXPECT_STATUS(STATUS_SUCCESS, file.SetOption(option, 1));
    }
    return file;
}

WSKB_SOCKADDR AddressOf(USHORT family, USHORT port, int kind)
{
    return kind % 2 == 0 ? Wildcard(family, port) : Loopback(family, port);
}

} // namespace

class SharingTest : public DriverTest {};

TEST_F(SharingTest, TheWholeTable)
{
    for (USHORT category : {WSKB_CATEGORY_DATAGRAM, WSKB_CATEGORY_LISTEN}) {
        for (USHORT family : {WSKB_AF_INET, WSKB_AF_INET6}) {
            for (int first = 0; first < kKinds; first++) {
                for (int second = 0; second < kKinds; second++) {
                    File a = Made(category, family, first);
                    File b = Made(category, family, second);
                    ASSERT_STATUS(STATUS_SUCCESS, a.Bind(AddressOf(family, 0, first)));
                    EXPECT_STATUS(kTable[second][first], b.Bind(AddressOf(family, a.Port(), second)))
                        << "category " << category << ", family " << family << ", second " << second
                        << ", first " << first;
                }
            }
        }
    }
}
