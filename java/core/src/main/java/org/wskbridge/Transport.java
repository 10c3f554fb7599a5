// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

/** Where the driver of a bridge runs. */
public enum Transport {
    /** In this process: the driver's sources linked with a user-mode host, over the operating system's sockets. */
    EMBEDDED,
    /** In the kernel, behind its device. */
    DEVICE
}
