// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.util.List;
import java.util.Optional;
import org.wskbridge.NtStatus;
import org.wskbridge.NtStatusException;

/** What a person can do about a bridge that does not open. */
final class Remedies {

    private Remedies() {}

    /** Lines of advice; none when the failure's own message says it all, as it does about the native library. */
    static List<String> forFailure(Throwable failure) {
        Optional<NtStatus> status = NtStatusException.statusOf(failure);
        if (status.isEmpty()) {
            return List.of();
        }
        NtStatus reason = status.get();
        if (reason.equals(NtStatus.ACCESS_DENIED)) {
            return List.of(
                    "The driver answers administrators only. Run this from an elevated prompt, or let an",
                    "administrator widen the security descriptor of the device.");
        }
        if (reason.equals(NtStatus.OBJECT_NAME_NOT_FOUND) || reason.equals(NtStatus.NO_SUCH_DEVICE)) {
            return List.of(
                    "The driver is not running. Whether it is installed:   sc.exe query wskbridge",
                    "To start it, as an administrator:                     sc.exe start wskbridge");
        }
        if (reason.equals(NtStatus.REVISION_MISMATCH)) {
            return List.of("Jar and driver are of different releases. Install the driver that came with this jar.");
        }
        if (reason.equals(NtStatus.DEVICE_NOT_READY) || reason.equals(NtStatus.NOINTERFACE)) {
            return List.of("Winsock Kernel is not there. On Windows its driver, afd.sys, has to run: sc.exe query afd");
        }
        return List.of();
    }
}
