// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Message digests that every JDK has. */
final class Digests {

    private Digests() {}

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
