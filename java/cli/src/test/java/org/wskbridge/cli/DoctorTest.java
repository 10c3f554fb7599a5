// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.wskbridge.NtStatus;
import org.wskbridge.NtStatusException;

/** What doctor finds, and what it advises. */
@Timeout(60)
class DoctorTest {

    @Test
    void tellsWhatTheBridgeRunsOn() throws Exception {
        RunningCommand doctor = RunningCommand.toEnd("doctor");
        assertEquals(0, doctor.status(), doctor.output() + doctor.errors());
        for (String name : List.of("transport", "driver", "KMDF 1.", "features", "limits", "no-op round trip")) {
            assertTrue(doctor.output().contains(name), name + " is missing in:\n" + doctor.output());
        }
        assertTrue(doctor.output().contains("The bridge can be used."), doctor.output());
    }

    @Test
    void tellsWhatIsMissing(@TempDir Path empty) throws Exception {
        List<String> options = List.of("-Dwskbridge.library.path=" + empty);
        try (CommandProcess doctor = CommandProcess.wskbridge(options, "doctor")) {
            assertEquals(1, doctor.status());
            String output = doctor.output().lines().collect(Collectors.joining("\n"));
            assertTrue(output.contains("The bridge can't be used here"), output);
            assertTrue(output.contains("there is no libwskshim.so in it"), output);
            assertEquals("", doctor.errors());
        }
    }

    @Test
    void advisesAnElevatedPromptWhenAccessIsDenied() {
        assertAdvice("elevated prompt", NtStatus.ACCESS_DENIED, service(4, 0));
    }

    @Test
    void advisesToInstallADriverThatIsNot() {
        DriverService service =
                DriverService.query(command -> new DriverService.Command.Result(1060, "[SC] OpenService FAILED 1060:"));
        assertAdvice("install.ps1", NtStatus.OBJECT_NAME_NOT_FOUND, service);
    }

    @Test
    void advisesToStartAStoppedDriver() {
        assertAdvice("sc.exe start WskBridge", NtStatus.OBJECT_NAME_NOT_FOUND, service(1, 1077));
        assertAdvice("sc.exe start WskBridge", NtStatus.FILE_DELETED, service(1, 0));
        assertAdvice("sc.exe start WskBridge", NtStatus.ACCESS_DENIED, service(1, 0));
    }

    @Test
    void tellsWhyWindowsDidNotStartTheDriver() {
        assertAdvice("bcdedit /set testsigning on", NtStatus.OBJECT_NAME_NOT_FOUND, service(1, 577));
        assertAdvice("another processor", NtStatus.OBJECT_NAME_NOT_FOUND, service(1, 193));
        assertAdvice("start= demand", NtStatus.OBJECT_NAME_NOT_FOUND, service(1, 1058));
        assertAdvice("block list", NtStatus.OBJECT_NAME_NOT_FOUND, service(1, 1275));
        assertAdvice("net helpmsg 31", NtStatus.OBJECT_NAME_NOT_FOUND, service(1, 31));
    }

    @Test
    void advisesToRestartAServiceWithoutADevice() {
        assertAdvice("sc.exe stop WskBridge", NtStatus.OBJECT_NAME_NOT_FOUND, service(4, 0));
    }

    @Test
    void advisesToInstallTheDriverOfTheSameRelease() {
        assertAdvice("driver that came with this jar", NtStatus.REVISION_MISMATCH, service(4, 0));
    }

    @Test
    void adviceWithoutAServiceControlManager() {
        String advice = String.join(
                "\n", Remedies.forFailure(failure(NtStatus.OBJECT_NAME_NOT_FOUND), Optional.empty(), Optional.empty()));
        assertTrue(advice.contains("The driver is not running"), advice);
    }

    @Test
    void tellsWhatIsMissingOnWine(@TempDir Path folder) throws IOException {
        Files.createFile(folder.resolve("netio.sys"));
        DriverService service =
                new DriverService(DriverService.State.RUNNING, 0, Optional.of(folder.resolve("wskbridge.sys")));
        String advice = String.join(
                "\n", Remedies.forFailure(failure(NtStatus.NOT_IMPLEMENTED), Optional.of(service), Optional.of("8.0")));
        assertTrue(advice.contains("This is Wine 8.0"), advice);
        assertTrue(advice.contains("no wdfldr.sys"), advice);
        assertFalse(advice.contains("no netio.sys"), advice);
        assertTrue(advice.contains("DllOverrides /v netio.sys"), advice);
    }

    /** What sc.exe prints of a service; a Windows of another language has other words before the colons. */
    private static DriverService service(int state, int exitCode) {
        return DriverService.query(command -> new DriverService.Command.Result(
                0,
                command.get(0).equals("reg.exe")
                        ? "\r\n    ImagePath    REG_EXPAND_SZ    \\??\\C:\\wskbridge\\wskbridge.sys\r\n"
                        : "\r\nDIENSTNAME: WskBridge\r\n        TYP                : 1  KERNEL_DRIVER\r\n"
                                + "        STATUS             : " + state + "  X\r\n"
                                + "                                (STOPPABLE, NOT_PAUSABLE)\r\n"
                                + "        WIN32_BEENDIGUNGSCODE : " + exitCode + "  (0x0)\r\n"
                                + "        DIENST_BEENDIGUNGSCODE : 0  (0x0)\r\n"));
    }

    @Test
    void readsTheDriversPath() {
        assertEquals(
                "C:\\wskbridge\\wskbridge.sys",
                service(4, 0).binary().orElseThrow().toString());
    }

    private static Exception failure(NtStatus status) {
        return new IOException("no bridge", new NtStatusException(status, "wskshim_port_open"));
    }

    private static void assertAdvice(String expected, NtStatus status, DriverService service) {
        String advice = String.join("\n", Remedies.forFailure(failure(status), Optional.of(service), Optional.empty()));
        assertTrue(advice.contains(expected), advice);
    }
}
