// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetSocketAddress;
import java.net.SocketOption;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.wskbridge.internal.embedded.EmbeddedHost;
import org.wskbridge.internal.shim.Gate;
import org.wskbridge.internal.shim.SystemVersion;

/** What the driver refuses on a Windows that is too old, on both sides of each version. */
@Tag("embedded")
class GateTest extends BridgeFixture {
    private static final SystemVersion WINDOWS_7 = new SystemVersion(6, 1, 7601);
    private static final SystemVersion WINDOWS_8 = new SystemVersion(6, 2, 9200);

    /** The driver reads the version when it is loaded, so no bridge may be open. */
    @Override
    @BeforeEach
    void openBridge() {}

    @Override
    @AfterEach
    void closeBridge() throws Exception {
        EmbeddedHost.fault(EmbeddedHost.Fault.NONE, 0, NtStatus.SUCCESS);
    }

    /** A use of the bridge that may fail. */
    @FunctionalInterface
    private interface Use {
        void with(WskBridge bridge) throws Exception;
    }

    private static void on(SystemVersion system, Use use) throws Exception {
        EmbeddedHost.imitate(system);
        try (WskBridge bridge = WskBridge.open()) {
            assertEquals("Windows " + bridge.info().systemVersion(), system.toString());
            use.with(bridge);
        }
    }

    private static void sendMessages(WskBridge bridge) throws Exception {
        try (WskDatagramSocket socket = bridge.openDatagram(INET)) {
            socket.bind(new InetSocketAddress(LOOPBACK4, 0));
            assertEquals(
                    2, await(socket.sendMessages(List.of(ByteBuffer.wrap(new byte[2])), socket.getLocalAddress())));
        }
    }

    @Test
    void sendMessagesNeedsWindows8() throws Exception {
        on(WINDOWS_8, bridge -> {
            assertTrue(bridge.info().features().contains(Feature.SEND_MESSAGES));
            sendMessages(bridge);
        });
        for (SystemVersion old : List.of(WINDOWS_7, new SystemVersion(6, 2, 9199), new SystemVersion(5, 9, 60000))) {
            on(old, bridge -> {
                assertFalse(bridge.info().features().contains(Feature.SEND_MESSAGES));
                try (WskDatagramSocket socket = bridge.openDatagram(INET)) {
                    socket.bind(new InetSocketAddress(LOOPBACK4, 0));
                    InetSocketAddress self = socket.getLocalAddress();
                    UnsupportedOperationException refused = failure(
                            UnsupportedOperationException.class,
                            socket.sendMessages(List.of(ByteBuffer.allocate(1)), self));
                    assertTrue(
                            refused.getMessage().contains("needs Windows 8 or later, this is " + old),
                            refused.getMessage());
                    await(socket.sendTo(ByteBuffer.allocate(1), self)); // nothing else is lost
                }
            });
        }
    }

    private static void checkOption(WskBridge bridge, SocketOption<Integer> option, boolean there, String needed)
            throws Exception {
        try (WskConnectionSocket socket = bridge.openConnection(INET)) {
            assertEquals(there, socket.supportedOptions().contains(option), option.name());
            if (there) {
                socket.setOption(option, 9);
                assertEquals(9, socket.getOption(option));
                return;
            }
            for (Throwable refused : Set.of(
                    assertThrows(UnsupportedOperationException.class, () -> socket.setOption(option, 9)),
                    assertThrows(UnsupportedOperationException.class, () -> socket.getOption(option)))) {
                assertTrue(refused.getMessage().contains("needs " + needed), refused.getMessage());
            }
        }
    }

    @Test
    void keepAliveNeedsVersionsOfWindows10() throws Exception {
        for (int build : new int[] {15062, 15063, 16298, 16299, 26100}) {
            on(new SystemVersion(10, 0, build), bridge -> {
                checkOption(bridge, WskSocketOptions.TCP_KEEPCOUNT, build >= 15063, "Windows 10, version 1703");
                checkOption(bridge, WskSocketOptions.TCP_KEEPIDLE, build >= 16299, "Windows 10, version 1709");
                checkOption(bridge, WskSocketOptions.TCP_KEEPINTERVAL, build >= 16299, "Windows 10, version 1709");
            });
        }
    }

    @Test
    void theBridgeSaysWhatIsLacking() throws Exception {
        on(
                new SystemVersion(10, 0, 26100),
                bridge -> assertEquals(List.of(), bridge.info().lacks()));
        on(
                WINDOWS_7,
                bridge ->
                        assertEquals(Gate.values().length, bridge.info().lacks().size()));
        on(new SystemVersion(10, 0, 15063), bridge -> {
            assertEquals(
                    List.of("TCP_KEEPIDLE and TCP_KEEPINTERVAL: Windows 10, version 1709"),
                    bridge.info().lacks());
        });
    }
}
