// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Which package of the library knows which: each package's description says it, and the sources keep to it. */
class RoomsTest {
    private static final Path API = Path.of("src/main/java/org/wskbridge");
    private static final Path ROOMS = API.resolve("internal");

    /** The sources of each room as one text, and the rooms that its description names. */
    private final Map<String, String> sources = new TreeMap<>();

    private final Map<String, Set<String>> known = new TreeMap<>();

    RoomsTest() throws IOException {
        for (Path room : list(ROOMS, Files::isDirectory)) {
            String name = room.getFileName().toString();
            sources.put(name, text(room));
        }
        sources.forEach((room, text) -> {
            Set<String> sentences = found("\\* <p>Internal packages that this uses: ([^.]*)\\.", text);
            assertEquals(1, sentences.size(), room);
            Set<String> names = found("(\\w+)", sentences.iterator().next());
            names.retainAll(sources.keySet());
            known.put(room, names);
        });
        assertTrue(sources.size() > 1, sources.keySet().toString());
    }

    private static List<Path> list(Path folder, Predicate<Path> wanted) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(wanted).toList();
        }
    }

    private static String text(Path folder) throws IOException {
        return list(folder, Files::isRegularFile).stream().map(RoomsTest::read).collect(Collectors.joining());
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Set<String> found(String pattern, String text) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> roomsIn(String text) {
        return found("org\\.wskbridge\\.internal\\.(\\w+)", text);
    }

    @Test
    void theShimAloneKnowsJna() throws IOException {
        sources.forEach((room, text) -> assertEquals(room.equals("shim"), text.contains("com.sun.jna"), room));
        assertFalse(text(API).contains("com.sun.jna"));
    }

    @Test
    void aRoomKnowsWhatItsDescriptionSays() {
        Map<String, Set<String>> used = new TreeMap<>();
        sources.forEach((room, text) -> {
            Set<String> others = roomsIn(text);
            others.remove(room);
            used.put(room, others);
        });
        assertEquals(known, used);
    }

    @Test
    void noRoomKnowsOneThatKnowsIt() {
        Set<String> below = new TreeSet<>();
        while (known.entrySet().removeIf(room -> below.containsAll(room.getValue()) && below.add(room.getKey()))) {
            // the next layer
        }
        assertEquals(Map.of(), known);
    }

    /** Of the API, the rooms know records, statuses and exceptions: nothing that is made of them. */
    @Test
    void theApiIsAboveTheRooms() throws IOException {
        assertEquals(List.of(), list(ROOMS, Files::isRegularFile), "classes outside of the rooms");
        assertEquals(
                Set.of("embedded"), minus(sources.keySet(), roomsIn(text(API))), "rooms that the API doesn't know");
        Set<String> above = list(API, Files::isRegularFile).stream()
                .filter(file -> !roomsIn(read(file)).isEmpty())
                .map(file -> file.getFileName().toString().replace(".java", ""))
                .collect(Collectors.toCollection(TreeSet::new));
        assertTrue(above.contains("WskBridge"), above.toString());
        String all = String.join("", sources.values());
        above.retainAll(found("org\\.wskbridge\\.([A-Z]\\w*)", all));
        assertEquals(Set.of(), above);
    }

    private static Set<String> minus(Set<String> all, Set<String> some) {
        Set<String> rest = new TreeSet<>(all);
        rest.removeAll(some);
        return rest;
    }
}
