// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * docs/wsk-coverage.md has a row for everything that wsk.h declares; what a row names exists, in the API and among the
 * tests, and where it says that Wine shows it too, one of its tests runs there.
 */
class CoveragePageTest {
    private static final Path ROOT = Path.of("../..");
    private static final Set<String> NOT_ON_WINE = Set.of("embedded", "linux", "compiler", "arenas");

    /** The programs with native tests, and those of them that also run on Wine. */
    private static final Map<String, Path> PROGRAMS = Map.of(
            "driver", ROOT.resolve("native-driver/tests/driver"),
            "wsk", ROOT.resolve("native-driver/tests/wsk"),
            "backend", ROOT.resolve("native-driver/tests/wsk/backend"),
            "shim", ROOT.resolve("native-shim/tests"));

    private static final Set<String> PROGRAMS_ON_WINE = Set.of("driver", "backend", "shim");

    /** A row of the page. */
    private record Row(String name, String bridge, String tests, String where) {}

    private final Map<String, Row> rows = new TreeMap<>();
    private final List<String> faults = new ArrayList<>();
    private final Set<String> nativeTests = new TreeSet<>();
    private final String excluded = read(ROOT.resolve("native-driver/tests/win32/excluded-on-wine.txt"));

    CoveragePageTest() {
        String page = read(ROOT.resolve("docs/wsk-coverage.md"));
        find("(?m)^\\| `(\\w+)` \\|([^|]*)\\|([^|]*)\\|([^|]*)\\|$", page)
                .map(row -> new Row(row.group(1), row.group(2).strip(), row.group(3), row.group(4)))
                .forEach(row -> {
                    if (rows.put(row.name, row) != null) {
                        faults.add(row.name + ": two rows");
                    }
                });
        PROGRAMS.forEach((program, folder) -> sources(folder, ".cc")
                .flatMap(file -> find("(?m)^TEST(?:_F|_P)?\\((\\w+), (\\w+)\\)", read(file)))
                .forEach(test -> nativeTests.add(program + "/" + test.group(1) + "." + test.group(2))));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Stream<Path> sources(Path folder, String suffix) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.getFileName().toString().endsWith(suffix)).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Stream<MatchResult> find(String pattern, String text) {
        return Pattern.compile(pattern).matcher(text).results();
    }

    private static List<String> quoted(String text) {
        return find("`([^`]+)`", text).map(match -> match.group(1)).toList();
    }

    @Test
    void everythingOfWskHasARow() {
        String header = read(ROOT.resolve("native-driver/host/include/wsk.h"));
        Set<String> declared = Stream.of(
                        "(?m)^#define ((?:WSK_(?:FLAG|EVENT|TRANSPORT|CACHE|RELEASE|TDI|SET)_|SO_|SIO_|IP_|IPV6_|MCAST_|TCP_|UDP_|MSG_)\\w+)[ ]",
                        "PFN_WSK_\\w+ (Wsk\\w+)",
                        "WSKAPI (Wsk\\w+)\\(")
                .flatMap(pattern -> find(pattern, header))
                .map(match -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> missing = new TreeSet<>(declared);
        missing.removeAll(rows.keySet());
        Set<String> undeclared = new TreeSet<>(rows.keySet());
        undeclared.removeAll(declared);
        assertEquals(Set.of(), missing);
        assertEquals(Set.of(), undeclared);
    }

    @Test
    void whatARowNamesExists() {
        for (Row row : rows.values()) {
            quoted(row.bridge).stream()
                    .filter(name -> name.matches("[A-Z]\\w+\\.\\w+") && !isInApi(name))
                    .forEach(name -> faults.add(row.name + ": the API has no " + name));
            List<String> tests = quoted(row.tests);
            tests.stream()
                    .filter(test -> !(test.contains("/") ? nativeTests.contains(test) : isInJava(test)))
                    .forEach(test -> faults.add(row.name + ": there is no test " + test));
            boolean isOut = row.bridge.startsWith("out: ") || row.bridge.startsWith("open: ");
            if (tests.isEmpty() && !isOut) {
                faults.add(row.name + ": no test");
            }
            if (row.where.contains("Wine") && tests.stream().noneMatch(this::runsOnWine)) {
                faults.add(row.name + ": none of its tests runs on Wine");
            }
            if (!isOut && !row.where.contains("embedded")) {
                faults.add(row.name + ": where it was shown");
            }
        }
        assertEquals("", String.join("\n", faults));
    }

    /** Whether the API, or the JDK, has a method or a constant of this name: Class.member. */
    private static boolean isInApi(String name) {
        String member = name.substring(name.indexOf('.') + 1);
        String type = name.substring(0, name.indexOf('.'));
        for (String place : List.of("org.wskbridge.", "java.net.", "jdk.net.", "java.nio.channels.")) {
            try {
                Class<?> found = Class.forName(place + type);
                return Stream.of(found.getMethods()).map(Method::getName).anyMatch(member::equals)
                        || Stream.of(found.getFields()).map(Field::getName).anyMatch(member::equals);
            } catch (ClassNotFoundException e) {
                // the next place
            }
        }
        return false;
    }

    private static String javaSource(String test) {
        String file = test.substring(0, test.indexOf('.')) + ".java";
        return sources(Path.of("src/test/java"), file)
                .filter(found -> found.getFileName().toString().equals(file))
                .map(CoveragePageTest::read)
                .collect(Collectors.joining());
    }

    private static boolean isInJava(String test) {
        return javaSource(test).contains("void " + test.substring(test.indexOf('.') + 1) + "(");
    }

    private boolean runsOnWine(String test) {
        if (test.contains("/")) {
            String program = test.substring(0, test.indexOf('/'));
            String name = test.substring(test.indexOf('/') + 1);
            return PROGRAMS_ON_WINE.contains(program)
                    && find("(?m)^\\S*" + Pattern.quote(name) + "\\b", excluded)
                            .findAny()
                            .isEmpty();
        }
        String source = javaSource(test);
        String method = "((?:\\s*@[^\\n]*)+)\\s*void " + test.substring(test.indexOf('.') + 1) + "\\(";
        String annotations = find("(?m)((?:^@[^\\n]*\\n)*)^(?:final )?class ", source)
                        .map(match -> match.group(1))
                        .collect(Collectors.joining())
                + find(method, source).map(match -> match.group(1)).collect(Collectors.joining());
        return find("@Tag\\(\"(\\w+)\"\\)", annotations)
                .map(match -> match.group(1))
                .noneMatch(NOT_ON_WINE::contains);
    }
}
