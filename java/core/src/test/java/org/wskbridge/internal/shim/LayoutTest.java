// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** All that the built library tells of its structures and numbers, compared with Java's. */
class LayoutTest {
    private static String library() throws Exception {
        return Scratch.text(Shim.binding()::layout);
    }

    @Test
    void libraryAndJavaAgree() throws Exception {
        assertEquals(List.of(), Layout.differences(library()));
    }

    @Test
    void aDifferenceIsFound() throws Exception {
        String moved = library().replace("wskshim_completion.status=8:4", "wskshim_completion.status=12:4");
        assertEquals(List.of("wskshim_completion.status: 8:4 expected, 12:4 found"), Layout.differences(moved));
        assertTrue(Layout.differences("").size() > 50);
    }

    private static List<String> differencesWith(String line, String other) throws Exception {
        String library = library();
        assertTrue(library.contains(line + "\n"), line);
        return Layout.differences(library.replace(line + "\n", other.isEmpty() ? "" : other + "\n"));
    }

    @Test
    void everyKindOfNumberIsCompared() throws Exception {
        assertEquals(
                List.of("constant.WSKSHIM_SEND: 4 expected, 5 found"),
                differencesWith("constant.WSKSHIM_SEND=4", "constant.WSKSHIM_SEND=5"));
        assertEquals(
                List.of("option.WSKB_OPTION_LINGER: 8:4 expected, 8:8 found"),
                differencesWith("option.WSKB_OPTION_LINGER=8:4", "option.WSKB_OPTION_LINGER=8:8"));
        assertEquals(
                List.of("constant.WSKSHIM_FAULT_WSK_CALL: 2 expected, nothing found"),
                differencesWith("constant.WSKSHIM_FAULT_WSK_CALL=2", ""));
        String code = "code.IOCTL_WSKB_BIND=" + Verb.BIND.number() + ":32:0";
        assertEquals(
                List.of(code.replace("=", ": ") + " expected, 7:32:0 found"),
                differencesWith(code, "code.IOCTL_WSKB_BIND=7:32:0"));
    }

    @Test
    void whatOnlyOneSideHasIsADifference() throws Exception {
        assertEquals(
                List.of("constant.WSKB_NEW: nothing expected, 7 found"),
                Layout.differences(library() + "constant.WSKB_NEW=7\n"));
        assertEquals(
                List.of("WSKB_CREATE.New: nothing expected, 8:4 found"),
                Layout.differences(library() + "WSKB_CREATE.New=8:4\n"));
        assertEquals(
                List.of(
                        "constant.WSKB_DISCONNECT_ABORTIVE: unused (closing the handle resets the connection), but there is no such thing"),
                differencesWith("constant.WSKB_DISCONNECT_ABORTIVE=1", ""));
    }

    /** A library of another version isn't used; the exception names each difference. */
    @Test
    void theLibraryIsRefusedForAnyDifference() throws Exception {
        IOException refused = refusal(library() + "constant.WSKB_NEW=7\n");
        assertTrue(refused.getMessage().endsWith("constant.WSKB_NEW: nothing expected, 7 found"), refused.getMessage());
        IOException foreign = refusal("something=else\n");
        List<String> all = Layout.differences("something=else\n");
        assertTrue(foreign.getMessage().endsWith("; and " + (all.size() - 5) + " more"), foreign.getMessage());
        assertEquals(all, foreign.getCause().getMessage().lines().toList());
    }

    /** What is said to a library that tells this. */
    private static IOException refusal(String told) {
        byte[] text = told.getBytes(StandardCharsets.UTF_8);
        NativeBinding binding = (NativeBinding) Proxy.newProxyInstance(
                NativeBinding.class.getClassLoader(),
                new Class<?>[] {NativeBinding.class},
                (proxy, method, arguments) -> {
                    assertEquals("layout", method.getName());
                    if (text.length < (Integer) arguments[1]) {
                        AddressedMemory.at((Long) arguments[0], text.length).put(text);
                    }
                    return text.length;
                });
        return assertThrows(IOException.class, () -> Shim.checkLayout(binding));
    }

    @Test
    void theLibraryIsOfOurAbi() throws Exception {
        assertEquals(
                Integer.toString(Layout.ABI_VERSION),
                Shim.description(Shim.binding()).get("abi"));
    }
}
