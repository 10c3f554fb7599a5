// SPDX-License-Identifier: Apache-2.0

import static java.util.concurrent.TimeUnit.SECONDS;

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import org.wskbridge.WskBridge;
import org.wskbridge.WskConnectionSocket;

/**
 * Sends a file over TCP and waits until the peer has ended its side too.
 *
 * <p>SendFile HOST PORT FILE
 */
public final class SendFile {
    private static final int BLOCK = 1 << 18;
    private static final int OUTSTANDING = 8;

    private SendFile() {}

    public static void main(String[] arguments) throws Exception {
        InetSocketAddress peer = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
        try (WskBridge bridge = WskBridge.open();
                FileChannel file = FileChannel.open(Path.of(arguments[2]));
                WskConnectionSocket connection = bridge.openConnection(StandardProtocolFamily.INET)) {
            connection.connect(peer).get(10, SECONDS);
            System.out.println("sent " + send(file, connection) + " bytes");
        }
    }

    // begin send
    static long send(FileChannel file, WskConnectionSocket connection) throws Exception {
        ArrayDeque<CompletableFuture<Integer>> underWay = new ArrayDeque<>();
        ByteBuffer[] blocks = new ByteBuffer[OUTSTANDING];
        long total = 0;
        for (int i = 0; ; i = (i + 1) % OUTSTANDING) {
            if (underWay.size() == OUTSTANDING) {
                total += underWay.remove().get(); // this block's last send: it may be filled again
            }
            blocks[i] = blocks[i] == null ? ByteBuffer.allocateDirect(BLOCK) : blocks[i].clear();
            if (file.read(blocks[i]) < 0) {
                break;
            }
            underWay.add(connection.send(blocks[i].flip()));
        }
        for (CompletableFuture<Integer> send : underWay) {
            total += send.get();
        }
        connection.disconnect().get(); // the peer reads the end of the file
        while (connection.receive(ByteBuffer.allocate(100)).get(60, SECONDS) >= 0) {
            // what it has to say
        }
        return total;
    }
    // end send
}
