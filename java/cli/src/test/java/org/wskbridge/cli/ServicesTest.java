// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The names of services, and ports as people write them. */
class ServicesTest {

    @TempDir
    private Path folder;

    private Path file;

    @BeforeEach
    void write() throws Exception {
        file = folder.resolve("services");
        Files.writeString(file, """
                # names of services
                http            80/tcp    www www-http     # World Wide Web\r
                http3\t443/udp
                ftp-data        20/tcp

                domain          53/tcp
                domain          53/udp
                broken
                alsobroken      x/tcp
                """);
    }

    private Services services() {
        return new Services(file);
    }

    @ParameterizedTest
    @CsvSource({"http, tcp, 80", "www-http, tcp, 80", "http3, udp, 443", "ftp-data, tcp, 20", "domain, udp, 53"})
    void aNameOrAnotherNameHasItsPort(String name, String protocol, int port) {
        assertEquals(port, services().port(name, protocol));
    }

    @ParameterizedTest
    @CsvSource({"http, udp", "HTTP, tcp", "broken, tcp", "alsobroken, tcp", "World, tcp", "'', tcp"})
    void anUnknownNameIsAnsweredWithWhereItWasLookedFor(String name, String protocol) {
        Services services = services();
        String message = assertThrows(IllegalArgumentException.class, () -> services.port(name, protocol))
                .getMessage();
        assertTrue(message.contains("'" + name + "'") && message.contains(file.toString()), message);
    }

    @Test
    void aMissingFileIsNamed() throws Exception {
        Files.delete(file);
        Services services = services();
        String message = assertThrows(IllegalArgumentException.class, () -> services.port("http", "tcp"))
                .getMessage();
        assertEquals(
                "'http' is not a port number, and there is no " + file + " here to find a service of that name in.",
                message);
        assertEquals(Optional.empty(), services.name(80, "tcp"));
    }

    @Test
    void messagesNameTheServiceOfAPort() throws Exception {
        assertEquals("Connection to localhost (127.0.0.1) 80 port [tcp/http] succeeded!", connected(false, "tcp"));
        assertEquals("Connection to localhost (127.0.0.1) 80 port [udp/*] succeeded!", connected(false, "udp"));
        assertEquals("Connection to localhost 80 port [tcp/*] succeeded!", connected(true, "tcp"));
    }

    private String connected(boolean numeric, String protocol) throws Exception {
        StringWriter text = new StringWriter();
        new NetcatLog(new PrintWriter(text), "nc", protocol, true, numeric, services())
                .connected("localhost", InetAddress.getByName("127.0.0.1"), 80);
        return text.toString().strip();
    }

    @Test
    void eachSystemHasItsPlaceForTheFile() {
        assertEquals(Path.of("/etc/services"), Services.systemFile("Linux", null));
        assertEquals(
                Path.of("D:\\Win", "System32", "drivers", "etc", "services"),
                Services.systemFile("Windows 11", "D:\\Win"));
    }

    @Test
    void aListOfPortsHasNumbersNamesAndRangesInEitherOrder() {
        Ports ports = new Ports(services(), "tcp");
        assertEquals(List.of(80, 1, 2, 3, 9, 10, 20), ports.all(List.of("http", "1-3", "10-9", "ftp-data")));
    }

    @ParameterizedTest
    @CsvSource({"0", "65536", "-1", "99999999999", "1-65536", "0-3", "1-", "-", "1-http"})
    void otherPortsAreRefused(String text) {
        Ports ports = new Ports(services(), "tcp");
        assertThrows(IllegalArgumentException.class, () -> ports.all(List.of(text)));
    }
}
