// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The system's file of service names. It is read when it is asked for the first time: most commands never need it.
 * Names are told apart by case, as the C library of Linux does.
 */
final class Services {

    private final Path file;

    /** Guarded by this; null until the file was read. */
    private List<Service> known;

    private record Service(List<String> names, int port, String protocol) {}

    Services(Path file) {
        this.file = file;
    }

    static Services ofSystem() {
        return new Services(systemFile(System.getProperty("os.name"), System.getenv("SystemRoot")));
    }

    /** Where a system of that name keeps the file; the root is Windows' own folder, null elsewhere. */
    static Path systemFile(String system, String root) {
        if (system.toLowerCase(Locale.ROOT).startsWith("windows")) {
            return Path.of(root == null ? "C:\\Windows" : root, "System32", "drivers", "etc", "services");
        }
        return Path.of("/etc/services");
    }

    /**
     * The port of a service.
     *
     * @throws IllegalArgumentException if the name isn't known; the message says where it was looked for
     */
    int port(String name, String protocol) {
        List<Service> services;
        try {
            services = read();
        } catch (NoSuchFileException e) {
            throw new IllegalArgumentException("'" + name + "' is not a port number, and there is no " + file
                    + " here to find a service of that name in.");
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    "'" + name + "' is not a port number, and " + file + " can't be read: " + e.getMessage());
        }
        return services.stream()
                .filter(service ->
                        service.protocol().equals(protocol) && service.names().contains(name))
                .mapToInt(Service::port)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("'" + name
                        + "' is neither a port number nor the name of a " + protocol + " service in " + file + "."));
    }

    /** The first name of the service at a port, if the file is there and knows one. */
    Optional<String> name(int port, String protocol) {
        try {
            return read().stream()
                    .filter(service ->
                            service.port() == port && service.protocol().equals(protocol))
                    .map(service -> service.names().get(0))
                    .findFirst();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private synchronized List<Service> read() throws IOException {
        if (known == null) {
            try (Stream<String> lines =
                    Files.readString(file, StandardCharsets.ISO_8859_1).lines()) {
                known = lines.flatMap(line -> parse(line).stream()).toList();
            }
        }
        return known;
    }

    /** A line is a name, a port with its protocol, and other names; from # on it is a comment. */
    private static Optional<Service> parse(String line) {
        String[] words = line.replaceFirst("#.*", "").strip().split("\\s+");
        if (words.length < 2 || !words[1].matches("\\d{1,5}/\\S+")) {
            return Optional.empty();
        }
        String[] where = words[1].split("/", 2);
        List<String> names =
                Stream.concat(Stream.of(words[0]), Stream.of(words).skip(2)).toList();
        return Optional.of(new Service(names, Integer.parseInt(where[0]), where[1]));
    }
}
