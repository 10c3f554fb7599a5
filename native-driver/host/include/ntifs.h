/* SPDX-License-Identifier: Apache-2.0
 *
 * In the WDK this declares, beyond ntddk.h, what file system drivers use; other drivers include it for
 * IoGetRequestorProcess. Here ntddk.h declares everything.
 */
#ifndef NTIFS_H
#define NTIFS_H

#include <ntddk.h>

#endif
