// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Who could rename a directory that is private itself. Owners and modes are played: they need several users. */
class AncestorsTest {
    private static final int ME = 1000;
    private static final Path PARENT = Path.of("/home/bob/.cache").toAbsolutePath();

    private final Map<Path, Ancestors.Entry> entries = new HashMap<>();

    private String rival() throws IOException {
        Ancestors.Entry usual = new Ancestors.Entry(0, 0, 0755);
        return new Ancestors(directory -> entries.getOrDefault(directory, usual), ME, 65_534)
                .whoMayReplace(PARENT)
                .orElse("nobody");
    }

    private String withHome(int user, int group, int mode) throws IOException {
        entries.put(PARENT.getParent(), new Ancestors.Entry(user, group, mode));
        return rival();
    }

    @Test
    void nobodyReplacesWhatLiesBelowOneselfAndRoot() throws IOException {
        assertEquals("nobody", rival());
        assertEquals("nobody", withHome(ME, ME, 0750));
    }

    @Test
    void theOwnerOfADirectoryAboveMayReplaceIt() throws IOException {
        assertTrue(withHome(1001, 1001, 0755).contains("user 1001"), rival());
    }

    @Test
    void everybodyMayReplaceWhatLiesInADirectoryOpenToAllUnlessItIsSticky() throws IOException {
        assertTrue(withHome(0, 0, 0777).contains("everybody"), rival());
        assertEquals("nobody", withHome(0, 0, 01777));
    }

    @Test
    void aGroupMayUnlessItIsTheUsersOwn() throws IOException {
        assertTrue(withHome(ME, 500, 0770).contains("group 500"), rival());
        assertEquals("nobody", withHome(ME, ME, 0775));
        assertEquals("nobody", withHome(ME, 0, 0775));
    }

    @Test
    void directoriesOfTheSystemOutsideAUserNamespaceAreTrusted() throws IOException {
        assertEquals("nobody", withHome(65_534, 65_534, 0755));
    }
}
