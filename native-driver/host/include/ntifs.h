/* SPDX-License-Identifier: Apache-2.0
 *
 * What the WDK declares for file system drivers, above ntddk.h, and other drivers use too:
 * IoGetRequestorProcess. Here ntddk.h has it all.
 */
#ifndef NTIFS_H
#define NTIFS_H

#include <ntddk.h>

#endif
