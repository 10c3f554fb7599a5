// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Finds out, on POSIX systems, whether another user could replace a directory. A directory that is private is not safe
 * if others may rename it. So each directory above it has to belong to this user or to root, and others may write to it
 * only if it is sticky, as /tmp is, where users can rename only their own files.
 *
 * <p>A group that has a user's own number is that user's alone by custom, and group 0 is root's.
 */
final class Ancestors {
    private static final int WRITE_BY_GROUP = 0020;
    private static final int WRITE_BY_OTHERS = 0002;
    private static final int STICKY = 01000;

    /** Owner and permissions of a directory. */
    record Entry(int user, int group, int mode) {}

    /** Looks at one directory. */
    @FunctionalInterface
    interface Source {
        Entry of(Path directory) throws IOException;
    }

    private final Source source;
    private final int self;

    /** The number that stands for users whom this process's user namespace doesn't know; -1 if it knows all. */
    private final int unknown;

    Ancestors(Source source, int self, int unknown) {
        this.source = source;
        this.self = self;
        this.unknown = unknown;
    }

    /** The user who could replace a directory in a parent without symbolic links; empty if none, or if it is unknown. */
    static Optional<String> whoMayReplaceIn(Path realParent) throws IOException {
        Optional<Integer> self = Place.userNumber();
        return self.isEmpty()
                ? Optional.empty()
                : new Ancestors(Ancestors::read, self.get(), unknownUser()).whoMayReplace(realParent);
    }

    /** The same, from this directory up to the root. */
    Optional<String> whoMayReplace(Path parent) throws IOException {
        for (Path directory = parent; directory != null; directory = directory.getParent()) {
            Entry entry = source.of(directory);
            boolean foreign = entry.user != self && entry.user != 0 && entry.user != unknown;
            if (foreign) {
                return Optional.of("user " + entry.user + ", whose directory " + directory + " is above it");
            }
            boolean group = (entry.mode & WRITE_BY_GROUP) != 0 && entry.group != 0 && entry.group != entry.user;
            boolean others = (entry.mode & WRITE_BY_OTHERS) != 0;
            if ((group || others) && (entry.mode & STICKY) == 0) {
                return Optional.of((others ? "everybody" : "group " + entry.group) + ", who may write to " + directory
                        + " above it");
            }
        }
        return Optional.empty();
    }

    private static Entry read(Path directory) throws IOException {
        Map<String, Object> found = Files.readAttributes(directory, "unix:uid,gid,mode", LinkOption.NOFOLLOW_LINKS);
        return new Entry((Integer) found.get("uid"), (Integer) found.get("gid"), (Integer) found.get("mode"));
    }

    /** In a user namespace with few users, directories of unknown owners seem to belong to this number. */
    private static int unknownUser() throws IOException {
        Path map = Path.of("/proc/self/uid_map");
        Path number = Path.of("/proc/sys/kernel/overflowuid");
        if (!Files.isReadable(map) || !Files.isReadable(number)) {
            return -1;
        }
        boolean knowsAll = Files.readString(map).strip().endsWith(" 4294967295");
        return knowsAll ? -1 : Integer.parseInt(Files.readString(number).strip());
    }
}
