/* SPDX-License-Identifier: Apache-2.0
 *
 * IoCreateDeviceSecure is declared in ntddk.h. These are the security descriptors that it is usually called
 * with. Their names say which accounts have access: SY the system, BA administrators, WD everyone, RC
 * restricted code.
 */
#ifndef WDMSEC_H
#define WDMSEC_H

#include <ntddk.h>

#define WDMSEC_DEFINE(name, text)                                                                            \
    NT_SHARED_CONSTANT(UNICODE_STRING, name) = {sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)(text)}

WDMSEC_DEFINE(SDDL_DEVOBJ_KERNEL_ONLY, L"D:P");
WDMSEC_DEFINE(SDDL_DEVOBJ_SYS_ALL, L"D:P(A;;GA;;;SY)");
WDMSEC_DEFINE(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
WDMSEC_DEFINE(SDDL_DEVOBJ_SYS_ALL_ADM_RX, L"D:P(A;;GA;;;SY)(A;;GRGX;;;BA)");
WDMSEC_DEFINE(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R, L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)");
WDMSEC_DEFINE(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R,
              L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)");
WDMSEC_DEFINE(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R,
              L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)");
WDMSEC_DEFINE(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX,
              L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGWGX;;;WD)(A;;GRGWGX;;;RC)");

#endif
