// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
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
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

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

    /**
     * The same directory by a way on which nobody else can put another one in its place, and which is made as far as it
     * isn't there.
     */
    static Path safely(Path root) throws IOException {
        Path parent = root.getParent();
        if (parent == null || !isPosix(root)) {
            return root;
        }
        Files.createDirectories(parent, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        Path real = parent.toRealPath();
        Optional<String> rival = Ancestors.whoMayReplaceIn(real);
        if (rival.isPresent()) {
            throw new IOException(root + " can't be used: it could be replaced by " + rival.get());
        }
        return real.resolve(root.getFileName());
    }

    /** Refuses a file that its owner may execute but that its file system doesn't let anybody execute. */
    static void checkExecutable(Path file) throws IOException {
        if (!isPosix(file)) {
            return;
        }
        Set<PosixFilePermission> permissions = EnumSet.copyOf(Files.getPosixFilePermissions(file));
        permissions.addAll(OWNER_ONLY);
        Files.setPosixFilePermissions(file, permissions);
        if (!Files.isExecutable(file)) {
            throw new IOException("the file system of " + file.getParent()
                    + " is mounted noexec: native code can't be loaded from there");
        }
    }

    /** An exception of the file system's as words: its message alone is a name often. */
    static String reason(IOException e) {
        String said = e instanceof FileSystemException known && known.getFile() != null
                ? known.getFile() + ": " + (known.getReason() == null ? kindOf(known) : known.getReason())
                : JnaStart.rootMessage(e);
        return JnaStart.oneLine(e.getCause() == null ? said : String.valueOf(e.getMessage()));
    }

    private static String kindOf(FileSystemException e) {
        if (e instanceof AccessDeniedException) {
            return "this user has no permission";
        }
        return e instanceof NoSuchFileException ? "doesn't exist" : e.getClass().getSimpleName();
    }

    /** Removes a directory with all that is in it, as far as it can be: a loaded library can't on Windows. */
    static void remove(Path root) {
        try (Stream<Path> found = Files.walk(root)) {
            found.sorted(Comparator.reverseOrder())
                    .forEach(path -> path.toFile().delete());
        } catch (IOException | UncheckedIOException e) {
            // it is left, as a process that is killed would leave it
        }
    }

    /** Makes the directory itself, and tells whether native code may be loaded from it. */
    Path prepare() throws IOException {
        makePrivate(root);
        Path probe = Files.createTempFile(root, "new", ".tmp", ownerOnly(root));
        try {
            checkExecutable(probe);
        } finally {
            Files.deleteIfExists(probe);
        }
        return root;
    }

    static String sha256(byte[] content) {
        return HexFormat.of().formatHex(newSha256().digest(content));
    }

    /** In pieces: a channel takes direct memory, which a process may have little of, as large as each read. */
    private static String sha256(Path file) throws IOException {
        MessageDigest digest = newSha256();
        byte[] piece = new byte[8192];
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
            for (int read = in.read(piece); read >= 0; read = in.read(piece)) {
                digest.update(piece, 0, read);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest newSha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
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
        checkExecutable(file);
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
        String actual = sha256(file);
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

    /** The user, who keeps access when a later process runs without administrator's rights. */
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
