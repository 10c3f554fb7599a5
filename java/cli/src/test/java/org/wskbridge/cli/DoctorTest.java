// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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
        assertTrue(advice(NtStatus.ACCESS_DENIED).contains("elevated prompt"));
    }

    @Test
    void advisesToStartAMissingDriver() {
        assertTrue(advice(NtStatus.OBJECT_NAME_NOT_FOUND).contains("sc.exe start wskbridge"));
    }

    @Test
    void advisesToInstallTheDriverOfTheSameRelease() {
        assertTrue(advice(NtStatus.REVISION_MISMATCH).contains("driver that came with this jar"));
    }

    private static String advice(NtStatus status) {
        Exception failure = new IOException("no bridge", new NtStatusException(status, "wskshim_port_open"));
        return String.join("\n", Remedies.forFailure(failure));
    }
}
