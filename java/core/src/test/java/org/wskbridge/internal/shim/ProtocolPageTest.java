// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** docs/protocol.md has the codes, structures and options that the library has, and no others. */
class ProtocolPageTest {
    private static final List<String> METHODS = List.of("buffered", "in direct", "out direct");
    private static final List<String> ACCESSES = List.of("none", "read", "write");

    private final String page = Files.readString(Path.of("../../docs/protocol.md"));
    private final Map<String, String> library = Shim.pairs(Scratch.text(Shim.binding()::layout));

    ProtocolPageTest() throws Exception {}

    /** What the library tells of the names with a prefix, without it: the first of the numbers. */
    private Map<String, Integer> library(String prefix) {
        Map<String, Integer> numbers = new TreeMap<>();
        library.forEach((name, value) -> {
            if (name.startsWith(prefix) && name.indexOf('.', prefix.length()) < 0) {
                numbers.put(name.substring(prefix.length()), Integer.parseInt(value.split(":")[0]));
            }
        });
        assertTrue(numbers.size() > 5, prefix);
        return numbers;
    }

    /** What the page says in the places that match: the first group is the name. */
    private Map<String, Integer> page(String pattern, Function<MatchResult, Integer> number) {
        Map<String, Integer> numbers = new TreeMap<>();
        Pattern.compile(pattern, Pattern.MULTILINE)
                .matcher(page)
                .results()
                .forEach(match -> numbers.put(match.group(1), number.apply(match)));
        return numbers;
    }

    @Test
    void codes() {
        assertEquals(
                library("code.IOCTL_WSKB_"),
                page(
                        "^\\| (\\w+) \\| (0x\\w+) \\| ([a-z ]+) \\| ([a-z]+) \\|",
                        row -> 0x12 << 16
                                | ACCESSES.indexOf(row.group(4)) << 14
                                | Integer.decode(row.group(2)) << 2
                                | METHODS.indexOf(row.group(3))));
    }

    @Test
    void options() {
        assertEquals(
                library("option.WSKB_OPTION_"),
                page("^\\| ([A-Z0-9_]+) \\| (\\d+) \\|", row -> Integer.parseInt(row.group(2))));
    }

    @Test
    void gates() {
        Map<String, String> told = new TreeMap<>();
        library.forEach((name, value) -> {
            if (name.startsWith("gate.")) {
                String[] parts = value.split(":", 4);
                told.put(name.substring("gate.".length()), parts[3] + " " + parts[0] + "." + parts[1] + "." + parts[2]);
            }
        });
        Map<String, String> page = new TreeMap<>();
        Pattern.compile("^\\| (WSKB_GATE_\\w+) \\| [^|]+ \\| ([^|]+) \\| ([0-9.]+) \\|$", Pattern.MULTILINE)
                .matcher(this.page)
                .results()
                .forEach(row -> page.put(row.group(1), row.group(2) + " " + row.group(3)));
        assertEquals(told, page);
        assertTrue(told.size() > 2);
    }

    @Test
    void structures() {
        assertEquals(
                library("WSKB_"),
                page("^\\*\\*WSKB_(\\w+)\\*\\* \\((\\d+)\\):", start -> Integer.parseInt(start.group(2))));
    }

    /** Each field is named in the paragraph of its structure, and where an offset follows it is the right one. */
    @Test
    void fields() {
        library.forEach((name, numbers) -> {
            String structure = name.substring(0, Math.max(0, name.indexOf('.')));
            String field = name.substring(name.lastIndexOf('.') + 1);
            if (!structure.startsWith("WSKB_") || field.startsWith("Reserved")) {
                return;
            }
            String paragraph = page.lines()
                    .filter(line -> line.startsWith("**" + structure + "**"))
                    .findFirst()
                    .orElse("");
            List<String> offsets = Pattern.compile("`" + field + "`(?: (\\d+))?")
                    .matcher(paragraph)
                    .results()
                    .map(match -> match.group(1) == null ? "" : match.group(1))
                    .toList();
            assertTrue(!offsets.isEmpty(), name + " isn't on the page");
            String offset = numbers.split(":")[0];
            assertTrue(offsets.contains("") || offsets.contains(offset), name + " is at " + offset + ": " + offsets);
        });
    }
}
