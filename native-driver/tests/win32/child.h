/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes of the test program. Does not include windows.h, whose types clash with ours.
 */
#ifndef TESTS_WIN32_CHILD_H
#define TESTS_WIN32_CHILD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs one disabled test of this program in a child process, which gets argument from ChildArgument. NULL on
 * failure. */
void* ChildStart(const wchar_t* test, uint64_t argument);
uint64_t ChildArgument(void);

/* Waits until the child exits; returns its exit code, 0 when the test passed. Frees the child. */
uint32_t ChildWait(void* child);

/* Kills the child. Frees it. */
void ChildKill(void* child);

#ifdef __cplusplus
}
#endif

#endif
