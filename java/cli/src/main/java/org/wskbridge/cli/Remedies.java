// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.wskbridge.NtStatus;
import org.wskbridge.NtStatusException;

/** What a person can do about a bridge that does not open. */
final class Remedies {
    private static final Set<NtStatus> DRIVER_MISSING = Set.of(
            NtStatus.OBJECT_NAME_NOT_FOUND,
            NtStatus.NO_SUCH_DEVICE,
            NtStatus.DELETE_PENDING,
            NtStatus.FILE_DELETED,
            NtStatus.DEVICE_REMOVED);

    /** What has to lie beside the driver on Wine, which lacks it. */
    private static final List<String> WINE_MODULES =
            List.of("wdfldr.sys", "netio.sys", "winekernel.dll", "wskwinsock.dll");

    private Remedies() {}

    /**
     * Lines of advice; none when the failure's own message says it all, as it does about the native library.
     *
     * @param failure why the bridge did not open
     * @param service what the service control manager says; empty where there is none
     * @param wine the version of Wine this runs on; empty elsewhere
     */
    static List<String> forFailure(Throwable failure, Optional<DriverService> service, Optional<String> wine) {
        Optional<NtStatus> status = NtStatusException.statusOf(failure);
        if (status.isEmpty()) {
            return List.of();
        }
        List<String> lines = new ArrayList<>(forStatus(status.get(), service));
        if (wine.isPresent() && service.isPresent()) {
            lines.addAll(forWine(wine.get(), service.get()));
        }
        return lines;
    }

    private static List<String> forStatus(NtStatus reason, Optional<DriverService> service) {
        boolean down = service.isPresent() && service.get().isDown();
        if (DRIVER_MISSING.contains(reason) || reason.equals(NtStatus.ACCESS_DENIED) && down) {
            return service.map(Remedies::forService)
                    .orElse(List.of("The driver is not running. On Windows, as an administrator: sc.exe start "
                            + DriverService.NAME));
        }
        if (reason.equals(NtStatus.ACCESS_DENIED)) {
            return List.of(
                    "The driver answers administrators only. Run this from an elevated prompt, which this opens:",
                    "  powershell Start-Process cmd -Verb RunAs",
                    "Or let an administrator widen the security descriptor of the device (docs/windows.md).");
        }
        if (reason.equals(NtStatus.REVISION_MISMATCH)) {
            return List.of(
                    "Jar and driver are of different releases. Install the driver that came with this jar:",
                    "  scripts\\windows\\uninstall.ps1, then scripts\\windows\\install.ps1");
        }
        if (reason.equals(NtStatus.DEVICE_NOT_READY) || reason.equals(NtStatus.NOINTERFACE)) {
            return List.of("Winsock Kernel is not there. On Windows its driver, afd.sys, has to run: sc.exe query afd");
        }
        return List.of();
    }

    private static List<String> forService(DriverService service) {
        String start = "  sc.exe start " + DriverService.NAME;
        switch (service.state()) {
            case NOT_INSTALLED:
                return List.of(
                        "The driver is not installed. As an administrator, from the release's folder:",
                        "  scripts\\windows\\install.ps1");
            case RUNNING:
                return List.of(
                        "The service runs, but its device can't be opened. Restart it, as an administrator:",
                        "  sc.exe stop " + DriverService.NAME,
                        start);
            case STOPPED:
                List<String> lines = new ArrayList<>(forExitCode(service.exitCode()));
                lines.add("To start it, as an administrator:");
                lines.add(start);
                return lines;
            default:
                return List.of(
                        "The driver is not running. Whether it is installed:   sc.exe query " + DriverService.NAME,
                        "To start it, as an administrator:                     sc.exe start " + DriverService.NAME);
        }
    }

    /** What the last start of a stopped service ended with. */
    private static List<String> forExitCode(int code) {
        switch (code) {
            case 0, 1077: // ended in order; never started since the system did
                return List.of("The driver is installed, and stopped.");
            case 2, 3:
                return List.of(
                        "Windows did not find the driver's file; install it again with scripts\\windows\\install.ps1.");
            case 577:
                return List.of(
                        "Windows refused the driver's signature when it was last started. For a driver signed for tests,",
                        "as an administrator, with Secure Boot off, and then restart Windows:",
                        "  bcdedit /set testsigning on");
            case 193, 216:
                return List.of("The driver is for another processor. Install the one for "
                        + System.getProperty("os.arch") + ".");
            case 1058:
                return List.of(
                        "The service is disabled. As an administrator:",
                        "  sc.exe config " + DriverService.NAME + " start= demand");
            case 1275:
                return List.of("Windows blocks the driver by a policy: memory integrity or the driver block list.");
            default:
                return List.of("The driver's last start ended with an error. What it means:", "  net helpmsg " + code);
        }
    }

    private static List<String> forWine(String version, DriverService service) {
        List<String> lines = new ArrayList<>();
        lines.add("This is Wine " + version + ".");
        List<String> missing = service.binary().map(Remedies::missingBeside).orElse(List.of());
        if (!missing.isEmpty()) {
            lines.add("Beside " + service.binary().get() + " there is no " + String.join(", no ", missing)
                    + ": Wine needs them there.");
        }
        lines.add("Wine takes its own netio.sys, which has no datagrams, unless the prefix says otherwise:");
        lines.add(
                "  wine reg add HKCU\\Software\\Wine\\AppDefaults\\winedevice.exe\\DllOverrides /v netio.sys /d native /f");
        return lines;
    }

    private static List<String> missingBeside(Path driver) {
        Stream<String> missing = WINE_MODULES.stream().filter(name -> !Files.exists(driver.resolveSibling(name)));
        return missing.toList();
    }
}
