// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Starts JNA, which has to extract and load a native library of its own. JNA tries that once in the life of a process,
 * in one directory, so this directory has to be right. Unless the user chose another, it is the one where our library
 * could be put. If JNA fails, its failure is turned into a message that names the cause and the property to set.
 */
final class JnaStart {
    private static final String DIRECTORY = "jna.tmpdir";

    /** The system properties by which a user tells JNA where its library is. */
    private static final List<String> CHOICES = List.of(
            "jna.boot.library.path",
            "jna.boot.library.name",
            DIRECTORY,
            "jna.nosys",
            "jna.noclasspath",
            "jna.nounpack");

    private JnaStart() {}

    /** The name of the platform as JNA has it; doesn't load anything native. */
    static String platform() throws IOException {
        try {
            return Platform.RESOURCE_PREFIX;
        } catch (LinkageError e) {
            throw new IOException(
                    "JNA is missing. Put net.java.dev.jna:jna-jpms, in the version that wskbridge's POM names, on the"
                            + " class path or module path",
                    e);
        }
    }

    /** Whether the user said where JNA's library is, or is to be extracted to. */
    static boolean isPlaceChosen() {
        return System.getProperty(DIRECTORY) != null || System.getProperty("jna.boot.library.path") != null;
    }

    /** Lets JNA load its library, extracted to a directory unless the user chose another way. */
    static void in(Path directory) throws IOException {
        boolean ours = System.getProperty(DIRECTORY) == null;
        if (ours) {
            System.setProperty(DIRECTORY, directory.toString());
        }
        try {
            MethodHandles.lookup().ensureInitialized(Native.class); // which loads the library
        } catch (VirtualMachineError e) {
            throw e;
        } catch (ReflectiveOperationException | RuntimeException | Error e) {
            throw new IOException(explain(e, ours), causeOf(e));
        } finally {
            if (ours) {
                System.clearProperty(DIRECTORY);
            }
        }
    }

    /** The failure in words, the same for the first failure of a process and for later ones, whose exceptions differ. */
    private static String explain(Throwable failure, boolean ours) {
        String said = rootMessage(failure);
        if (said.contains("llegal native access")) {
            Module jna = Platform.class.getModule();
            return "Java doesn't let JNA load native code. Start it with the option --enable-native-access="
                    + (jna.isNamed() ? jna.getName() : "ALL-UNNAMED") + " (" + said + ")";
        }
        return "JNA, through which wskbridge calls native code, can't load its own native library: " + said + "."
                + (ours ? "" : aboutDirectory()) + choices(ours);
    }

    /** Without the errors that only say that a class can't be used, which differ from one attempt to the next. */
    private static Throwable causeOf(Throwable failure) {
        boolean ofClass = failure instanceof ExceptionInInitializerError || failure instanceof NoClassDefFoundError;
        return ofClass && failure.getCause() != null ? failure.getCause() : failure;
    }

    private static String aboutDirectory() {
        String name = System.getProperty(DIRECTORY);
        String reason;
        try {
            Path directory = Place.toPath(name, "the system property " + DIRECTORY);
            Path probe = Files.createTempFile(directory, "wskbridge", ".tmp");
            try {
                PrivateDirectory.checkExecutable(probe);
                return "";
            } finally {
                Files.deleteIfExists(probe);
            }
        } catch (IOException e) {
            reason = PrivateDirectory.reason(e);
        }
        return " The directory that the system property " + DIRECTORY + " names, " + name + ", can't be used: " + reason
                + ".";
    }

    private static String choices(boolean ours) {
        String set = CHOICES.stream()
                .filter(name -> System.getProperty(name) != null && !(ours && name.equals(DIRECTORY)))
                .map(name -> name + "=" + System.getProperty(name))
                .collect(Collectors.joining(", "));
        return set.isEmpty()
                ? " The system property jna.boot.library.path may name a directory that holds "
                        + System.mapLibraryName("jnidispatch") + "."
                : " Where it looks is decided by these system properties: " + set + ".";
    }

    /**
     * The first message that a chain of causes ends with. A class whose initialisation failed before tells the reason
     * as text, in the form: Exception CLASS: MESSAGE [in thread "NAME"].
     */
    static String rootMessage(Throwable failure) {
        Throwable root =
                Stream.iterate(failure, Objects::nonNull, Throwable::getCause).reduce(failure, (outer, inner) -> inner);
        String said = root.getMessage() == null ? root.getClass().getName() : root.getMessage();
        if (root instanceof ExceptionInInitializerError) {
            said = said.replaceFirst("^Exception [\\w.$]+: ?", "").replaceFirst(" \\[in thread \"[^\"]*\"]$", "");
        }
        return oneLine(said);
    }

    static String oneLine(String text) {
        return text.replaceAll("\\s*\\R\\s*", " ").strip().replaceFirst("\\.$", "");
    }
}
