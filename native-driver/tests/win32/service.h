/* SPDX-License-Identifier: Apache-2.0
 *
 * The service control manager for iomanager.c, without windows.h, whose types clash with ours. Each function
 * returns 0, or prints a message and returns a Win32 error. At exit the service is returned to its initial
 * state.
 */
#ifndef TESTS_WIN32_SERVICE_H
#define TESTS_WIN32_SERVICE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the service unless it is running, and waits until it runs. */
uint32_t ServiceStart(const wchar_t* name);

/* Stops the service and waits until it has stopped. */
uint32_t ServiceStop(const wchar_t* name);

#ifdef __cplusplus
}
#endif

#endif
