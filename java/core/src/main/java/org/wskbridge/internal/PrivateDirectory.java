// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal;

import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.AclEntry;
import java.nio.file.attribute.AclEntryPermission;
import java.nio.file.attribute.AclEntryType;
import java.nio.file.attribute.AclFileAttributeView;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * A directory that only the current user can write to, where extracted libraries are kept. Each is named by the hash
 * of its content, is put there in one step, and is checked whenever it is used; it is not deleted, since other
 * processes may have it loaded.
 */
final class PrivateDirectory {
    /** System property: where to extract to, instead of the user's cache directory. */
    static final String PROPERTY = "wskbridge.extract.path";

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

    private final Path root;

    PrivateDirectory(Path root) {
        this.root = root;
    }

    /** The places to try, best first. */
    static List<Path> candidates() {
        List<Path> candidates = new ArrayList<>();
        String chosen = System.getProperty(PROPERTY);
        if (chosen != null) {
            return List.of(Path.of(chosen).toAbsolutePath());
        }
        for (String variable : List.of("XDG_CACHE_HOME", "LOCALAPPDATA")) {
            String value = System.getenv(variable);
            if (value != null && Path.of(value).isAbsolute()) {
                candidates.add(Path.of(value, "wskbridge"));
            }
        }
        String home = System.getProperty("user.home");
        if (home != null && Path.of(home).isAbsolute()) {
            candidates.add(Path.of(home, ".cache", "wskbridge"));
        }
        candidates.add(Path.of(System.getProperty("java.io.tmpdir"), "wskbridge-" + System.getProperty("user.name"))
                .toAbsolutePath());
        return candidates;
    }

    static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    /** Puts a file there unless it is there already. @return its path */
    Path store(String fileName, byte[] content, String hash) throws IOException {
        if (root.getParent() != null) {
            Files.createDirectories(root.getParent());
        }
        makePrivate(root);
        Path directory = root.resolve(hash.substring(0, 32));
        makePrivate(directory);
        Path file = directory.resolve(fileName);
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            write(directory, file, content);
        }
        verify(file, hash);
        return file;
    }

    private static void write(Path directory, Path file, byte[] content) throws IOException {
        Path temporary = Files.createTempFile(directory, "new", ".tmp", ownerOnly(directory));
        try {
            Files.write(temporary, content);
            try {
                Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException e) {
                throw new IOException(directory + " can't be used: it has no atomic rename", e);
            } catch (IOException e) {
                // Windows doesn't replace a file that another process was faster to put there and has loaded.
                if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                    throw e;
                }
            }
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static void verify(Path file, String hash) throws IOException {
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || !isOwn(file)) {
            throw new NativeLoader.AlteredException("The extracted native library " + file
                    + " isn't a regular file of this user. Remove it, after finding out who put it there.");
        }
        String actual = sha256(Files.readAllBytes(file));
        if (!actual.equals(hash)) {
            throw new NativeLoader.AlteredException(
                    "The extracted native library " + file + " was altered: its SHA-256 is " + actual + " instead of "
                            + hash + ". Remove it, after finding out who did that.");
        }
    }

    private static void makePrivate(Path directory) throws IOException {
        if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            try {
                Files.createDirectory(directory, ownerOnly(directory.getParent()));
            } catch (java.nio.file.FileAlreadyExistsException e) {
                // another process was faster; what it made is looked at below
            }
        }
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(directory + " can't be used: it is a symbolic link or a file");
        }
        if (!isOwn(directory)) {
            throw new IOException(directory + " can't be used: it belongs to "
                    + Files.getOwner(directory, LinkOption.NOFOLLOW_LINKS).getName());
        }
        if (isPosix(directory)) {
            Set<PosixFilePermission> permissions =
                    EnumSet.copyOf(Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS));
            if (permissions.contains(PosixFilePermission.GROUP_WRITE)
                    || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
                throw new IOException(directory + " can't be used: others may write to it");
            }
        }
    }

    private static boolean isOwn(Path path) throws IOException {
        UserPrincipal owner = Files.getOwner(path, LinkOption.NOFOLLOW_LINKS);
        Path self = Path.of("/proc/self");
        if (isPosix(path) && Files.exists(self)) {
            return owner.equals(Files.getOwner(self));
        }
        UserPrincipal user = currentUser(path);
        // An administrator's files belong to the group of administrators.
        return owner.equals(user) || !isPosix(path) && owner.getName().endsWith("\\Administrators");
    }

    private static UserPrincipal currentUser(Path path) throws IOException {
        return path.getFileSystem()
                .getUserPrincipalLookupService()
                .lookupPrincipalByName(System.getProperty("user.name"));
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    /** Permissions for a new file or directory: the current user and nobody else. */
    private static FileAttribute<?>[] ownerOnly(Path parent) throws IOException {
        if (isPosix(parent)) {
            return new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(OWNER_ONLY)};
        }
        if (Files.getFileAttributeView(parent, AclFileAttributeView.class) == null) {
            return new FileAttribute<?>[0];
        }
        List<AclEntry> entries = List.of(AclEntry.newBuilder()
                .setType(AclEntryType.ALLOW)
                .setPrincipal(currentUser(parent))
                .setPermissions(EnumSet.allOf(AclEntryPermission.class))
                .build());
        return new FileAttribute<?>[] {
            new FileAttribute<List<AclEntry>>() {
                @Override
                public String name() {
                    return "acl:acl";
                }

                @Override
                public List<AclEntry> value() {
                    return entries;
                }
            }
        };
    }
}
