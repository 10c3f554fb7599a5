// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Addresses as people write them. */
class AddressesTest {

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, 127.0.0.1",
        "0:0:0:0:0:0:0:1, ::1",
        "0:0:0:0:0:0:0:0, ::",
        "2001:db8:0:0:1:0:0:1, 2001:db8::1:0:0:1",
        "2001:db8:0:1:0:0:0:1, 2001:db8:0:1::1",
        "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
        "fe80:0:0:0:0:0:0:0, fe80::",
        "10:0:0:10:0:0:0:100, 10:0:0:10::100",
        "100:10:0:0:0:0:0:10, 100:10::10",
        "FF02:0:0:0:0:0:0:00FB, ff02::fb"
    })
    void zerosAreLeftOut(String address, String text) throws Exception {
        assertEquals(text, Addresses.text(InetAddress.getByName(address)));
    }

    @Test
    void anIpv6AddressStandsInBracketsBeforeItsPort() throws Exception {
        assertEquals("[::1]:80", Addresses.text(InetAddress.getByName("::1"), 80));
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "255.1.20.0", "::1", "fe80::1"})
    void anAddressNeedsNoNameService(String host) throws Exception {
        assertEquals(InetAddress.getByName(host), Addresses.numeric(host, null).get(0));
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "256.0.0.1", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "1..2.3", "", "a:b"})
    void whatIsNotAnAddressIsNotLookedUp(String host) {
        assertThrows(UnknownHostException.class, () -> Addresses.numeric(host, null));
    }
}
