// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Sizes and offsets as the built library tells them, compared with Java's. */
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

    @Test
    void theLibraryIsOfOurAbi() throws Exception {
        assertEquals(
                Integer.toString(Layout.ABI_VERSION),
                Shim.description(Shim.binding()).get("abi"));
    }
}
