/* SPDX-License-Identifier: Apache-2.0
 *
 * bcrypt.h: where random bytes come from, at which IRQL, and what is refused.
 */
#include "test_driver.h"

#include <bcrypt.h>

#include <array>

namespace {

constexpr ULONG kTag = 0x20676E52; /* 'Rng ' */

TEST(Random, FillsAllOfABufferOfAnyLength)
{
    for (ULONG length : {1u, 8u, 256u, 100000u}) {
        std::vector<UCHAR> first(length + 1, 0xA5);
        std::vector<UCHAR> second(length + 1, 0xA5);
        ASSERT_STATUS(STATUS_SUCCESS,
                      BCryptGenRandom(nullptr, first.data(), length, BCRYPT_USE_SYSTEM_PREFERRED_RNG));
        ASSERT_STATUS(STATUS_SUCCESS,
                      BCryptGenRandom(nullptr, second.data(), length, BCRYPT_USE_SYSTEM_PREFERRED_RNG));
        EXPECT_EQ(0xA5, first[length]);
        if (length >= 8) {
            EXPECT_NE(first, second);
            EXPECT_NE(std::vector<UCHAR>(8, 0xA5), std::vector<UCHAR>(first.end() - 9, first.end() - 1));
        }
    }
}

TEST(Random, AHandleForDispatchLevelWorksThere)
{
    BCRYPT_ALG_HANDLE handle = nullptr;
    std::array<UCHAR, 16> bytes{};
    KIRQL before;
    ASSERT_STATUS(STATUS_SUCCESS,
                  BCryptOpenAlgorithmProvider(&handle, BCRYPT_RNG_ALGORITHM, nullptr, BCRYPT_PROV_DISPATCH));
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NTSTATUS status = BCryptGenRandom(handle, bytes.data(), bytes.size(), 0);
    KeLowerIrql(before);
    EXPECT_STATUS(STATUS_SUCCESS, status);
    EXPECT_NE((std::array<UCHAR, 16>{}), bytes);
    EXPECT_STATUS(STATUS_SUCCESS, BCryptCloseAlgorithmProvider(handle, 0));
}

TEST(Random, RefusesWhatItsPageRefuses)
{
    BCRYPT_ALG_HANDLE handle = nullptr;
    UCHAR byte;
    EXPECT_STATUS(STATUS_NOT_FOUND, BCryptOpenAlgorithmProvider(&handle, L"AES", nullptr, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, BCryptOpenAlgorithmProvider(&handle, nullptr, nullptr, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  BCryptOpenAlgorithmProvider(&handle, BCRYPT_RNG_ALGORITHM, nullptr, 0x80000000));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, BCryptGenRandom(nullptr, &byte, 1, 0));
    EXPECT_STATUS(STATUS_INVALID_HANDLE, BCryptCloseAlgorithmProvider(nullptr, 0));
    ASSERT_STATUS(STATUS_SUCCESS, BCryptOpenAlgorithmProvider(&handle, BCRYPT_RNG_ALGORITHM, nullptr, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  BCryptGenRandom(handle, &byte, 1, BCRYPT_USE_SYSTEM_PREFERRED_RNG));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, BCryptGenRandom(handle, nullptr, 1, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, BCryptCloseAlgorithmProvider(handle, 1));
    EXPECT_STATUS(STATUS_SUCCESS, BCryptCloseAlgorithmProvider(handle, 0));
}

TEST(Random, FailsOnOrder)
{
    UCHAR byte;
    HostFailAllocation(1, kTag);
    EXPECT_STATUS(STATUS_NO_MEMORY, BCryptGenRandom(nullptr, &byte, 1, BCRYPT_USE_SYSTEM_PREFERRED_RNG));
    EXPECT_STATUS(STATUS_SUCCESS, BCryptGenRandom(nullptr, &byte, 1, BCRYPT_USE_SYSTEM_PREFERRED_RNG));
}

TEST(RandomDeathTest, AtDispatchLevelOnlyWithAHandleForIt)
{
    BCRYPT_ALG_HANDLE handle = nullptr;
    UCHAR byte;
    ASSERT_STATUS(STATUS_SUCCESS, BCryptOpenAlgorithmProvider(&handle, BCRYPT_RNG_ALGORITHM, nullptr, 0));
    for (BCRYPT_ALG_HANDLE used : {handle, (BCRYPT_ALG_HANDLE) nullptr}) {
        EXPECT_DEATH(
            {
                KIRQL before;
                KeRaiseIrql(DISPATCH_LEVEL, &before);
                BCryptGenRandom(used, &byte, 1, used == nullptr ? BCRYPT_USE_SYSTEM_PREFERRED_RNG : 0);
            },
            "0x0000000A.*\n.*BCryptGenRandom");
    }
    EXPECT_STATUS(STATUS_SUCCESS, BCryptCloseAlgorithmProvider(handle, 0));
}

class RandomDriver : public DriverTest {};

TEST_F(RandomDriver, AHandleThatStaysOpenIsLeftBehind)
{
    EXPECT_DEATH(
        {
            BCRYPT_ALG_HANDLE handle;
            driver.beforeUnload = [&] {
                BCryptOpenAlgorithmProvider(&handle, BCRYPT_RNG_ALGORITHM, nullptr, BCRYPT_PROV_DISPATCH);
            };
            Load();
            Unload();
        },
        "0x000000C4");
}

} // namespace
