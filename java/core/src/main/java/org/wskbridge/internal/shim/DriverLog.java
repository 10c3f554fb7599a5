// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.Supplier;

/**
 * Hands the lines that the embedded driver writes for support to the logger {@code org.wskbridge.driver}, on a daemon
 * thread of its own, which waits for them in the library. A logger may be slow, block or throw: neither the driver nor an
 * operation waits for it. The host keeps a number of lines and counts those that find no room.
 */
final class DriverLog implements Runnable {
    static final String PROPERTY = "wskbridge.driver.log";

    private static final String LOGGER_NAME = "org.wskbridge.driver";
    private static final Detail DEFAULT = Detail.WARNING;

    /** Longer than any line. */
    private static final int LINE_SIZE = 512;

    /** Which lines are logged: those up to one of the driver's levels. */
    enum Detail {
        OFF(-1),
        ERROR(0),
        WARNING(1),
        INFORMATION(3),
        VERBOSE(31);

        final int level;

        Detail(int level) {
            this.level = level;
        }
    }

    private final NativeBinding binding;
    private final Supplier<Logger> logger;
    private final ByteBuffer memory = NativeMemory.allocate(LINE_SIZE);
    private final long address = NativeMemory.address(memory);

    DriverLog(NativeBinding binding, Supplier<Logger> logger) {
        this.binding = binding;
        this.logger = logger;
    }

    /** Starts the thread, unless nothing is to be logged or the driver isn't in this process. */
    static void start(NativeBinding binding) {
        Detail detail = detail(System.getProperty(PROPERTY, ""));
        if (detail == Detail.OFF || Status.isError(binding.embeddedTrace(detail.level))) {
            return;
        }
        DriverLog log = new DriverLog(binding, () -> System.getLogger(LOGGER_NAME));
        Thread thread = new Thread(log, "wskbridge-driver-log");
        thread.setDaemon(true);
        thread.setContextClassLoader(null);
        thread.start();
    }

    /** A value that is not documented counts as the default. */
    static Detail detail(String value) {
        try {
            return Detail.valueOf(value.strip().toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            return DEFAULT;
        }
    }

    /** Ends only when the library can't give lines. */
    @Override
    public void run() {
        int length;
        while ((length = binding.embeddedTraceTake(address, LINE_SIZE, -1)) >= 0) {
            try {
                if (length > 0) {
                    log(line(length));
                }
            } catch (Throwable e) {
                // the line is lost; the next one is tried all the same
            }
        }
    }

    private String line(int length) {
        byte[] bytes = new byte[Math.min(length, LINE_SIZE - 1)];
        memory.get(0, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private void log(String line) {
        int space = line.indexOf(' ');
        logger.get().log(level(Integer.parseInt(line.substring(0, space))), line.substring(space + 1));
    }

    /** The logger's level for one of the driver's. */
    static Level level(int level) {
        return switch (level) {
            case 0 -> Level.ERROR;
            case 1 -> Level.WARNING;
            case 2, 3 -> Level.INFO;
            default -> Level.DEBUG;
        };
    }
}
