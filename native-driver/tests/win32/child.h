/* SPDX-License-Identifier: Apache-2.0
 *
 * Further processes of the test program, without windows.h, whose types clash with ours.
 */
#ifndef TESTS_WIN32_CHILD_H
#define TESTS_WIN32_CHILD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs one disabled test of this program in a process of its own, which finds argument with ChildArgument.
 * NULL when that fails. */
void* ChildStart(const wchar_t* test, uint64_t argument);
uint64_t ChildArgument(void);

/* Waits for its end; returns its exit code: 0 when the test passed. Drops the child. */
uint32_t ChildWait(void* child);

/* Ends it where it is. Drops the child. */
void ChildKill(void* child);

#ifdef __cplusplus
}
#endif

#endif
