// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.time.Duration;

/**
 * What becomes of netcat's standard input.
 *
 * @param read whether it is read at all
 * @param halfClose whether its end also ends the sending side of a connection
 * @param quitAfter how long after its end the command ends; null for never because of that
 * @param afterPeer what happens to it when the peer has ended
 */
record InputRules(boolean read, boolean halfClose, Duration quitAfter, AfterPeer afterPeer) {

    /** How long the input goes on when nothing comes from the peer any more. */
    enum AfterPeer {
        /** To its end. */
        ALL,
        /** As long as there is some to be had without waiting. */
        WHAT_IS_THERE,
        /** Not at all. */
        NOTHING
    }
}
