// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static java.net.StandardProtocolFamily.INET;
import static java.net.StandardProtocolFamily.INET6;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ProtocolFamily;
import java.net.StandardProtocolFamily;
import java.nio.channels.ClosedChannelException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What WSK says of transports and addresses, compared with what the JDK says. */
class AddressListTest extends BridgeFixture {
    @Test
    void transports() throws Exception {
        List<WskTransport> transports = bridge.transports();
        for (ProtocolFamily family : List.of(INET, INET6)) {
            assertTrue(transports.stream().anyMatch(one -> one.family() == family && one.protocol() == 6));
            assertTrue(transports.stream().anyMatch(one -> one.family() == family && one.protocol() == 17));
        }
        assertEquals("1.0", transports.get(0).version());
    }

    private static boolean isUp(NetworkInterface network) {
        try {
            return network.isUp() && !network.isLoopback();
        } catch (java.net.SocketException e) {
            return false;
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = StandardProtocolFamily.class,
            names = {"INET", "INET6"})
    void theAddressesAreThoseOfTheInterfaces(StandardProtocolFamily family) throws Exception {
        Set<String> expected = NetworkInterface.networkInterfaces()
                .filter(AddressListTest::isUp)
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> family(address) == family)
                .map(AddressListTest::withoutScope)
                .collect(Collectors.toSet());
        Set<String> found = bridge.addressList(family).stream()
                .map(AddressListTest::withoutScope)
                .collect(Collectors.toSet());
        assertEquals(expected, found);
    }

    private static String withoutScope(InetAddress address) {
        return address.getHostAddress().replaceAll("%.*", "");
    }

    @Test
    @Tag("embedded")
    void waitingForAChangeCanBeCancelled() throws Exception {
        CompletableFuture<Void> change = bridge.addressListChange(INET);
        assertFalse(change.isDone());
        assertTrue(change.cancel(true));
        CompletableFuture<Void> other = bridge.addressListChange(INET6);
        bridge.close();
        assertThrows(Exception.class, () -> await(other));
        assertThrows(ClosedChannelException.class, () -> bridge.addressListChange(INET));
        assertThrows(ClosedChannelException.class, () -> bridge.addressList(INET));
        assertThrows(ClosedChannelException.class, () -> bridge.transports());
    }

    private static boolean changeAddresses(String what) throws Exception {
        return new ProcessBuilder("ip", "address", what, "198.51.100.78/32", "dev", "lo")
                        .redirectErrorStream(true)
                        .start()
                        .waitFor()
                == 0;
    }

    @Test
    @Tag("embedded")
    void aChangeIsTold() throws Exception {
        boolean added;
        try {
            added = changeAddresses("add");
        } catch (java.io.IOException e) {
            added = false;
        }
        assumeTrue(added, "only root can change addresses");
        CompletableFuture<Void> change = bridge.addressListChange(INET);
        assertTrue(changeAddresses("del"));
        await(change);
    }
}
