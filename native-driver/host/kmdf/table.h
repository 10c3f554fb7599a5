/* SPDX-License-Identifier: Apache-2.0
 *
 * The function table, for the one who hands it out.
 */
#ifndef KMDF_TABLE_H
#define KMDF_TABLE_H

#include <wdf.h>

/* The table of the newest minor version that drivers exist for, so that a driver which was built for it and
 * calls something newer than 1.15 is told so. */
#define FX_TABLE_SIZE 458

extern WDFFUNC FxFunctionTable[FX_TABLE_SIZE];

VOID FxTableInitialize(VOID); /* once, before the first driver is bound */

#endif
