/* SPDX-License-Identifier: Apache-2.0
 *
 * The function table, for bind.c.
 */
#ifndef KMDF_TABLE_H
#define KMDF_TABLE_H

#include <wdf.h>

/* The size in the newest minor version that drivers exist for, so that a driver that was built for it and
 * calls a function newer than 1.15 gets a report. */
#define FX_TABLE_SIZE 458

extern WDFFUNC FxFunctionTable[FX_TABLE_SIZE];

VOID FxTableInitialize(VOID); /* once, before the first driver is bound */

#endif
