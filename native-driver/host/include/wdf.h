/* SPDX-License-Identifier: Apache-2.0
 *
 * KMDF 1.15 as a driver sees it: the subset of the interface that drivers without hardware use. Names,
 * signatures and layouts are those of the WDK, so the same driver sources compile against either. Each
 * function is an inline that calls through the table the driver was bound to.
 */
#ifndef WDF_H
#define WDF_H

#include <wdf/wdftypes.h>
#include <wdf/wdffuncenum.h>
#include <wdf/wdfobject.h>
#include <wdf/wdfsync.h>
#include <wdf/wdfdriver.h>
#include <wdf/wdfmemory.h>
#include <wdf/wdfcollection.h>
#include <wdf/wdfstring.h>
#include <wdf/wdffileobject.h>
#include <wdf/wdfrequest.h>
#include <wdf/wdfdevice.h>
#include <wdf/wdfio.h>
#include <wdf/wdfworkitem.h>
#include <wdf/wdftimer.h>
#include <wdf/wdfdpc.h>
#include <wdf/wdfverifier.h>

#endif
