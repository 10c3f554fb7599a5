// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.security.MessageDigest;
import java.util.concurrent.CompletableFuture;

/** The other end of a transfer: an ordinary socket that sends back what it gets and computes SHA-256 of it. */
final class EchoingPeer {

    private final CompletableFuture<byte[]> digest;

    EchoingPeer(Socket socket) {
        digest = Daemon.start("echoing peer", () -> echo(socket));
    }

    /** Of all that came, once the other side has ended and everything was sent back. */
    CompletableFuture<byte[]> digest() {
        return digest;
    }

    private static byte[] echo(Socket socket) throws IOException {
        MessageDigest digest = Digests.sha256();
        byte[] buffer = new byte[256 * 1024];
        InputStream in = socket.getInputStream();
        OutputStream out = socket.getOutputStream();
        int length;
        while ((length = in.read(buffer)) >= 0) {
            digest.update(buffer, 0, length);
            out.write(buffer, 0, length);
        }
        socket.shutdownOutput();
        return digest.digest();
    }
}
