/* SPDX-License-Identifier: Apache-2.0
 *
 * What iomanager.c needs of the service control manager, without windows.h, whose types clash with ours. Each
 * returns 0 or an error of Win32, after it has said in words what went wrong. A program that ends leaves the
 * service as it found it.
 */
#ifndef TESTS_WIN32_SERVICE_H
#define TESTS_WIN32_SERVICE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the service, unless it runs, and waits until it does. */
uint32_t ServiceStart(const wchar_t* name);

/* Stops the service and waits until it has stopped. */
uint32_t ServiceStop(const wchar_t* name);

#ifdef __cplusplus
}
#endif

#endif
