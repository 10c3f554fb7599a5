// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whose directory is used. Owners are played here, since a file of another user's, or of a group's whose name is in
 * another language, can't be had everywhere.
 */
class PrivateDirectoryTest {
    private static final byte[] CONTENT = "content".getBytes(StandardCharsets.US_ASCII);
    private static final String HASH = PrivateDirectory.sha256(CONTENT);

    /** Equal by number, as Windows' principals are by their security identifiers. */
    private record Principal(int number, String name) implements UserPrincipal {
        @Override
        public boolean equals(Object other) {
            return other instanceof Principal principal && principal.number == number;
        }

        @Override
        public int hashCode() {
            return number;
        }

        @Override
        public String getName() {
            return name;
        }
    }

    private static final Principal GROUP = new Principal(544, "VORDEFINIERT\\Administratoren");

    @TempDir
    Path directory;

    @Test
    void whatTheGroupOwnsThatOwnsOurNewFilesIsOursInWhateverLanguage() throws IOException {
        Path file = new PrivateDirectory(directory.resolve("w"), path -> GROUP).store("f", CONTENT, HASH);
        assertArrayEquals(CONTENT, Files.readAllBytes(file));
        Principal otherwise = new Principal(544, "BUILTIN\\Administrators");
        assertEquals(
                file,
                new PrivateDirectory(
                                directory.resolve("w"),
                                path -> path.startsWith(directory) && Files.isDirectory(path) ? otherwise : GROUP)
                        .store("f", CONTENT, HASH));
    }

    @Test
    void aGroupThatIsOnlyCalledSoIsNotUs() throws IOException {
        Path root = Files.createDirectory(directory.resolve("w"));
        Principal impostor = new Principal(1001, "EVIL\\Administrators");
        PrivateDirectory refusing = new PrivateDirectory(root, path -> path.startsWith(directory) ? impostor : GROUP);
        String message = assertThrows(IOException.class, () -> refusing.store("f", CONTENT, HASH))
                .getMessage();
        assertTrue(message.contains("it belongs to EVIL\\Administrators"), message);
    }

    @Test
    void anotherUsersDirectoryIsNotUsed() throws IOException {
        Path root = Files.createDirectory(directory.resolve("w"));
        UserPrincipal nobody = new Principal(7, "nobody");
        PrivateDirectory refusing = new PrivateDirectory(
                root, path -> path.equals(root) ? nobody : Files.getOwner(path, LinkOption.NOFOLLOW_LINKS));
        assertThrows(IOException.class, () -> refusing.store("f", CONTENT, HASH));
    }

    @Test
    void whatThisProcessMakesIsItsOwn() throws IOException {
        Path file = new PrivateDirectory(directory.resolve("w")).store("f", CONTENT, HASH);
        assertArrayEquals(CONTENT, Files.readAllBytes(file));
    }
}
