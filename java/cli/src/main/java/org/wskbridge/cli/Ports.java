// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Reads ports as people write them. What is wrong is told by {@link IllegalArgumentException}. */
final class Ports {

    private static final int HIGHEST = 65_535;
    private static final Pattern RANGE = Pattern.compile("(\\d+)-(\\d+)");
    private static final Pattern NUMBER = Pattern.compile("[+-]?\\d+");

    private final Services services;
    private final String protocol;

    Ports(Services services, String protocol) {
        this.services = services;
        this.protocol = protocol;
    }

    /** A number not below the lowest, or a service's name. */
    int one(String text, int lowest) {
        return NUMBER.matcher(text).matches() ? number(text, lowest) : services.port(text, protocol);
    }

    /** All ports of a list, each a number, a name, or two numbers with a dash between, in either order. */
    List<Integer> all(List<String> texts) {
        return texts.stream().flatMapToInt(this::range).boxed().toList();
    }

    private IntStream range(String text) {
        Matcher range = RANGE.matcher(text);
        if (!range.matches()) {
            return IntStream.of(one(text, 1));
        }
        int first = number(range.group(1), 1);
        int second = number(range.group(2), 1);
        return IntStream.rangeClosed(Math.min(first, second), Math.max(first, second));
    }

    private static int number(String text, int lowest) {
        try {
            int port = Integer.parseInt(text);
            if (port >= lowest && port <= HIGHEST) {
                return port;
            }
        } catch (NumberFormatException e) {
            // More digits than an int has: out of range too.
        }
        throw new IllegalArgumentException("Port " + text + " is out of range: " + lowest + " to " + HIGHEST + ".");
    }
}
