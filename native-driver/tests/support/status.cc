/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of statuses. support.cmake takes them from nt/status.h.
 */
#include "status.h"

#include <cinttypes>
#include <cstdio>

#include <nt/status.h>

std::string StatusName(int64_t status)
{
    static const struct {
        NTSTATUS value;
        const char* name;
    } names[] = {
#define STATUS_NAME(name) {name, #name},
#include "status_names.inc"
#undef STATUS_NAME
    };
    char number[32];
    snprintf(number, sizeof(number), "0x%08" PRIX64, status == (int32_t)status ? (uint32_t)status : status);
    for (const auto& entry : names) {
        if (entry.value == status) {
            return std::string(entry.name) + " (" + number + ")";
        }
    }
    return number;
}

testing::AssertionResult CompareStatus(const char* expected_text, const char* actual_text, int64_t expected,
                                       int64_t actual)
{
    if (expected == actual) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << actual_text << "\n  is " << StatusName(actual) << "\n  and not "
                                       << StatusName(expected) << ", which is " << expected_text;
}
