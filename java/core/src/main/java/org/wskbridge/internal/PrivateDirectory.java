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
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
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

    /** Tells whose a file or directory is, without following a link. */
    @FunctionalInterface
    interface Owners {
        UserPrincipal of(Path path) throws IOException;
    }

    private final Path root;
    private final Owners owners;

    /** Whose the files are that this process makes, as owners has it; and the one that may be named in an ACL. */
    private final UserPrincipal self;

    private final UserPrincipal account;

    PrivateDirectory(Path root) throws IOException {
        this(root, PrivateDirectory::ownerOf);
    }

    PrivateDirectory(Path root, Owners owners) throws IOException {
        this.root = root;
        this.owners = owners;
        this.self = ownerOfNewFiles(owners);
        this.account = ownerOfNewFiles(PrivateDirectory::ownerOf);
    }

    private static UserPrincipal ownerOf(Path path) throws IOException {
        return Files.getOwner(path, LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Found out by looking at one, because no name tells it: on Windows an administrator's files belong to the group of
     * administrators, whose name is another in each language, and a service's to an account that user.name doesn't
     * name. Two principals are equal when their security identifiers, or user numbers, are.
     */
    private static UserPrincipal ownerOfNewFiles(Owners owners) throws IOException {
        Path process = Path.of("/proc/self/fd"); // Linux shows a process as files of its own
        if (Files.isDirectory(process)) {
            return owners.of(process);
        }
        Path file = Files.createTempFile("wskbridge", ".tmp");
        try {
            return owners.of(file);
        } finally {
            Files.deleteIfExists(file);
        }
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

    private void write(Path directory, Path file, byte[] content) throws IOException {
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

    private void verify(Path file, String hash) throws IOException {
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

    private void makePrivate(Path directory) throws IOException {
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
                    + owners.of(directory).getName() + " and not to " + self.getName());
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

    private boolean isOwn(Path path) throws IOException {
        return owners.of(path).equals(self);
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    /** Permissions for a new file or directory: whoever owns this process's files, and nobody else. */
    private FileAttribute<?>[] ownerOnly(Path parent) throws IOException {
        if (isPosix(parent)) {
            return new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(OWNER_ONLY)};
        }
        if (Files.getFileAttributeView(parent, AclFileAttributeView.class) == null) {
            return new FileAttribute<?>[0];
        }
        List<AclEntry> entries = new ArrayList<>();
        entries.add(everything(account));
        currentUser(parent).filter(user -> !user.equals(account)).ifPresent(user -> entries.add(everything(user)));
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

    private static AclEntry everything(UserPrincipal who) {
        return AclEntry.newBuilder()
                .setType(AclEntryType.ALLOW)
                .setPrincipal(who)
                .setPermissions(EnumSet.allOf(AclEntryPermission.class))
                .build();
    }

    /** The user, who is let in also when the process runs without the administrator's rights that it had before. */
    private static Optional<UserPrincipal> currentUser(Path path) throws IOException {
        try {
            return Optional.of(path.getFileSystem()
                    .getUserPrincipalLookupService()
                    .lookupPrincipalByName(System.getProperty("user.name")));
        } catch (UserPrincipalNotFoundException e) {
            return Optional.empty();
        }
    }
}
