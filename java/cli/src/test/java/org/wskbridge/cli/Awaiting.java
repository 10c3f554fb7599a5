// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Waits for what a command prints: nothing tells that it has, but the text itself. */
final class Awaiting {

    private static final int SECONDS = 30;
    private static final int LOOK_MILLIS = 2;

    private Awaiting() {}

    /** What was printed so far. */
    @FunctionalInterface
    interface Text {
        String read() throws Exception;
    }

    /**
     * Waits until a text has a match.
     *
     * @param all what a failure shows
     */
    static Matcher match(String regex, Text text, Text all) throws Exception {
        Pattern pattern = Pattern.compile(regex);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (System.nanoTime() < deadline) {
            Matcher matcher = pattern.matcher(text.read());
            if (matcher.find()) {
                return matcher;
            }
            Thread.sleep(LOOK_MILLIS);
        }
        return fail("'" + regex + "' did not come.\n" + all.read());
    }
}
