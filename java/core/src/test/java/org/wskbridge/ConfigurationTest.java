// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** docs/configuration.md names all that the sources read, with their defaults, and nothing else. */
class ConfigurationTest {
    private static final Path ROOT = Path.of("../..");

    private final String page = Files.readString(ROOT.resolve("docs/configuration.md"));

    ConfigurationTest() throws IOException {}

    /** All sources of a folder as one text, without those for tests. */
    private static String sources(String folder, String... endings) throws IOException {
        StringBuilder text = new StringBuilder();
        try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
            for (Path file : files.filter(file -> isSource(file, endings)).toList()) {
                text.append(Files.readString(file)).append('\n');
            }
        }
        assertFalse(text.isEmpty(), folder);
        return text.toString();
    }

    private static boolean isSource(Path file, String... endings) {
        String name = file.toString().replace('\\', '/');
        return !name.contains("/target/")
                && !name.contains("/test")
                && Stream.of(endings).anyMatch(name::endsWith)
                && Files.isRegularFile(file);
    }

    private static Set<String> found(String pattern, String text) {
        return Pattern.compile(pattern, Pattern.MULTILINE)
                .matcher(text)
                .results()
                .map(result -> result.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** The names that begin the rows of tables, and match a pattern. */
    private Set<String> rows(String pattern) {
        return found("^\\| `(" + pattern + ")` \\|", page);
    }

    private String row(String name) {
        Matcher row = Pattern.compile("^\\| `" + Pattern.quote(name) + "` \\|.*", Pattern.MULTILINE)
                .matcher(page);
        assertTrue(row.find(), name);
        return row.group();
    }

    @Test
    void everySystemPropertyIsNamed() throws IOException {
        String library = sources("java/core/src/main", ".java");
        String all = library + sources("java/cli/src/main", ".java");
        assertEquals(found("\"(wskbridge\\.[a-z.]+)\"", all), rows("wskbridge\\.[a-z.]+"));
        assertEquals(found("\"(jna\\.[a-z.]+)\"", library), rows("jna\\.[a-z.]+"));
        Set<String> javas = found("(?:getProperty|getBoolean|getInteger|getLong)\\(\\s*\"([a-z.]+)\"", library);
        javas.removeIf(name -> name.startsWith("wskbridge.") || name.startsWith("jna."));
        assertEquals(javas, rows("(?:user|java|sun|os)\\.[a-z.]+"));
    }

    @Test
    void everyEnvironmentVariableIsNamed() throws IOException {
        Set<String> read = new TreeSet<>();
        for (String folder : new String[] {"java/core/src/main", "java/cli/src/main", "native-driver", "native-shim"}) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
                for (Path file : files.filter(file -> isSource(file, ".java", ".c", ".h"))
                        .toList()) {
                    String text = Files.readString(file);
                    if (text.contains("getenv(")) {
                        read.addAll(found("\"([A-Z][A-Z_]{5,})\"", text));
                    }
                }
            }
        }
        assertEquals(read, rows("(?!WSKB_)[A-Z_]+"));
    }

    @Test
    void everyMethodOfTheBuilderIsNamedWithItsDefault() throws IOException {
        Set<String> methods = Arrays.stream(WskBridge.Builder.class.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers())
                        && !method.getName().equals("open"))
                .map(method -> method.getName())
                .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(methods, rows("[a-z][a-zA-Z]+"));
        Matcher defaults = Pattern.compile("Duration (\\w+) = Duration\\.of(\\w+)\\((\\d+)\\);")
                .matcher(Files.readString(ROOT.resolve("java/core/src/main/java/org/wskbridge/WskBridge.java")));
        while (defaults.find()) {
            String value = "| " + defaults.group(3) + " " + defaults.group(2).toLowerCase(Locale.ROOT) + " |";
            assertTrue(row(defaults.group(1)).contains(value), value);
        }
    }

    @Test
    void everyLimitOfTheProtocolIsNamedWithItsValue() throws IOException {
        Matcher limits = Pattern.compile("^ +X\\((WSKB_MAXIMUM_\\w+), (\\w+)\\)", Pattern.MULTILINE)
                .matcher(Files.readString(ROOT.resolve("native-driver/include/wskbridge/ioctl.h")));
        Set<String> names = new TreeSet<>();
        while (limits.find()) {
            names.add(limits.group(1));
            long value = Long.decode(limits.group(2));
            String cell = String.format(Locale.ROOT, "| %,d |", value);
            assertTrue(row(limits.group(1)).contains(cell), limits.group(1) + " is " + cell);
        }
        assertEquals(names, rows("WSKB_MAXIMUM_\\w+"));
    }

    @Test
    void whatTheDriverIsOpenToAndReadsIsTold() throws IOException {
        String driver = sources("native-driver/driver", ".c", ".h");
        assertEquals(1, found("DeviceSddl, L\"([^\"]+)\"", driver).size());
        found("DeviceSddl, L\"([^\"]+)\"", driver).forEach(sddl -> assertTrue(page.contains(sddl), sddl));
        assertEquals(
                Set.of(),
                found("\\b((?:WdfRegistry|WdfDriverOpenParameters|RtlQueryRegistry|Zw\\w+Key)\\w*)", driver),
                "the page says that the driver reads nothing from the registry");
    }
}
