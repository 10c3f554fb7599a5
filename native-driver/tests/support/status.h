/* SPDX-License-Identifier: Apache-2.0
 *
 * Assertions about an NTSTATUS that name it when they fail.
 */
#ifndef TESTS_SUPPORT_STATUS_H
#define TESTS_SUPPORT_STATUS_H

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

/* As nt/status.h names it, with its number; a number alone, if that has no name for it. */
std::string StatusName(int64_t status);

testing::AssertionResult CompareStatus(const char* expected_text, const char* actual_text, int64_t expected,
                                       int64_t actual);

#define EXPECT_STATUS(expected, actual) EXPECT_PRED_FORMAT2(CompareStatus, expected, actual)
#define ASSERT_STATUS(expected, actual) ASSERT_PRED_FORMAT2(CompareStatus, expected, actual)

#endif
