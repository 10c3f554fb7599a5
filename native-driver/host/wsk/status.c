/* SPDX-License-Identifier: Apache-2.0
 *
 * Translates a backend's error numbers to NTSTATUS, with the table of the backend's system.
 */
#include "wskp.h"

NTSTATUS StatusFromBackend(int32_t Error)
{
    if (Error == 0) {
        return STATUS_SUCCESS;
    }
    for (ULONG Index = 0; Index < BackendStatusCount; Index++) {
        if (BackendStatuses[Index].Error == Error) {
            return BackendStatuses[Index].Status;
        }
    }
    return STATUS_UNEXPECTED_NETWORK_ERROR;
}
