/* SPDX-License-Identifier: Apache-2.0
 *
 * The identifier of Winsock Kernel, which clients name when they enable event callbacks. A file of its own,
 * because it becomes a part of each driver, as it does with Windows' netio.lib.
 */
#include <wsk.h>

const NPIID NPI_WSK_INTERFACE_ID = {
    0x2227e803, 0x8d8b, 0x11d4, {0xab, 0xad, 0x00, 0x90, 0x27, 0x71, 0x9e, 0x09}};
