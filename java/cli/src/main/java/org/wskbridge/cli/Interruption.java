// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;

/** What is to happen at Ctrl-C. The exit status is the one that the signal stands for. */
final class Interruption {

    private static volatile boolean underWay;

    private Interruption() {}

    /** Work that Ctrl-C may interrupt. */
    @FunctionalInterface
    interface Work {
        /** Does it and returns the exit status. */
        int run() throws IOException;
    }

    /** Does the work. When the process is ended from outside meanwhile, the action runs, once, before it ends. */
    static int during(Work work, Runnable action) throws IOException {
        Thread hook = new Thread(
                () -> {
                    underWay = true;
                    action.run();
                },
                "interruption");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            return work.run();
        } finally {
            remove(hook);
        }
    }

    private static void remove(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            holdIfUnderWay();
        }
    }

    /**
     * Never returns while the process is being ended: what fails then fails because of that, and nobody wants to
     * read about it.
     */
    static void holdIfUnderWay() {
        while (underWay) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
