// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.PortUnreachableException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.wskbridge.NtStatus;
import org.wskbridge.NtStatusException;
import org.wskbridge.WskQuotaException;

class StatusMappingTest {
    private static void check(Class<? extends Exception> expected, NtStatus status, Verb verb) {
        Exception exception = StatusMapping.exception(status.code(), verb, "socket 3");
        assertSame(expected, exception.getClass(), () -> verb + " " + status);
        assertTrue(exception.getMessage().contains(status.name()), exception.getMessage());
        assertTrue(exception.getMessage().contains("0x%08X".formatted(status.code())), exception.getMessage());
        assertTrue(exception.getMessage().contains(verb.function()), exception.getMessage());
        assertTrue(exception.getMessage().contains("socket 3"), exception.getMessage());
        assertEquals(Optional.of(status), NtStatusException.statusOf(new CompletionException(exception)));
    }

    @Test
    void exceptionsThatJavaProgrammersKnow() {
        check(BindException.class, NtStatus.ADDRESS_ALREADY_EXISTS, Verb.BIND);
        check(BindException.class, NtStatus.ACCESS_DENIED, Verb.BIND);
        check(BindException.class, NtStatus.INVALID_ADDRESS_COMPONENT, Verb.BIND);
        check(BindException.class, NtStatus.INVALID_ADDRESS_COMPONENT, Verb.CONNECT);
        check(BindException.class, NtStatus.TOO_MANY_ADDRESSES, Verb.CONNECT);
        check(SocketException.class, NtStatus.ACCESS_DENIED, Verb.SEND_TO);
        check(ConnectException.class, NtStatus.CONNECTION_REFUSED, Verb.CONNECT);
        check(ConnectException.class, NtStatus.IO_TIMEOUT, Verb.CONNECT);
        check(SocketTimeoutException.class, NtStatus.IO_TIMEOUT, Verb.SEND);
        check(NoRouteToHostException.class, NtStatus.HOST_UNREACHABLE, Verb.CONNECT);
        check(NoRouteToHostException.class, NtStatus.NETWORK_UNREACHABLE, Verb.SEND_TO);
        check(PortUnreachableException.class, NtStatus.PORT_UNREACHABLE, Verb.RECEIVE_FROM);
        check(PortUnreachableException.class, NtStatus.CONNECTION_RESET, Verb.RECEIVE_FROM);
        check(SocketException.class, NtStatus.CONNECTION_RESET, Verb.RECEIVE);
        check(SocketException.class, NtStatus.CONNECTION_ABORTED, Verb.SEND);
        check(SocketException.class, NtStatus.INVALID_BUFFER_SIZE, Verb.SEND_TO);
        check(SocketException.class, NtStatus.FILE_FORCED_CLOSED, Verb.RECEIVE);
        check(WskQuotaException.class, NtStatus.QUOTA_EXCEEDED, Verb.RECEIVE_FROM);
        check(WskQuotaException.class, NtStatus.INSUFFICIENT_RESOURCES, Verb.OPEN);
        check(UnsupportedOperationException.class, NtStatus.NOT_SUPPORTED, Verb.SET_OPTION);
        check(UnsupportedOperationException.class, NtStatus.NOT_FOUND, Verb.GET_OPTION);
        check(IOException.class, NtStatus.DEVICE_NOT_READY, Verb.OPEN);
        check(IOException.class, NtStatus.OBJECT_NAME_NOT_FOUND, Verb.PORT_OPEN);
    }

    /** Name and code of each status that a source of the layers below names, by the notation that it has for them. */
    private static Map<Integer, String> statuses(String source, String notation, int name, int code)
            throws IOException {
        Map<Integer, String> found = new LinkedHashMap<>();
        Matcher matcher = Pattern.compile(notation)
                .matcher(Files.readString(Path.of("../..").resolve(source)));
        while (matcher.find()) {
            found.putIfAbsent(Integer.parseUnsignedInt(matcher.group(code), 16), matcher.group(name));
        }
        return found;
    }

    /** Read from the sources, so that a status that is added there is missed here. */
    @Test
    void everyStatusOfTheLayersBelowHasItsNameAndItsType() throws IOException {
        Map<Integer, String> all = statuses(
                "native-driver/host/include/nt/status.h",
                "#define (STATUS_\\w+) +\\(\\(NTSTATUS\\)0x([0-9A-F]{8})L\\)",
                1,
                2);
        assertTrue(all.size() > 100, all.toString());
        Map<Integer, String> shim =
                statuses("native-shim/src/device_win32.c", "\\w+, 0x([0-9A-F]{8})}, +/\\* (STATUS_\\w+) \\*/", 2, 1);
        assertTrue(shim.size() > 10, shim.toString());
        all.putAll(shim);
        List<String> missing = new ArrayList<>();
        all.forEach((code, name) -> {
            if (!NtStatus.of(code).name().equals(name)) {
                missing.add("the name of " + name);
            }
            if (Status.isError(code) && !StatusMapping.isMapped(code)) {
                missing.add("the type for " + name);
            }
        });
        assertEquals(List.of(), missing);
    }

    @Test
    void statusesThatTheHostReturned() {
        check(WskQuotaException.class, NtStatus.TOO_MANY_OPENED_FILES, Verb.CONNECT);
        check(SocketException.class, NtStatus.UNEXPECTED_NETWORK_ERROR, Verb.SEND);
        check(IOException.class, NtStatus.INVALID_USER_BUFFER, Verb.RECEIVE);
        assertEquals("STATUS_WDF_BUSY", NtStatus.of(0xC0200204).name());
    }

    @Test
    void anUnknownStatusIsASocketException() {
        check(SocketException.class, NtStatus.of(0xC0001234), Verb.SEND);
        assertEquals("NTSTATUS_C0001234", NtStatus.of(0xC0001234).name());
    }

    @Test
    void statuses() {
        assertSame(NtStatus.CANCELLED, NtStatus.of(0xC0000120));
        assertEquals(NtStatus.of(0xC0001234), NtStatus.of(0xC0001234));
        assertEquals("STATUS_CANCELLED (0xC0000120)", NtStatus.CANCELLED.toString());
        assertTrue(NtStatus.SUCCESS.isSuccess() && NtStatus.PENDING.isSuccess());
        assertTrue(!NtStatus.BUFFER_OVERFLOW.isSuccess() && !NtStatus.CANCELLED.isSuccess());
        assertEquals(Optional.empty(), NtStatusException.statusOf(new IOException("something else")));
    }
}
