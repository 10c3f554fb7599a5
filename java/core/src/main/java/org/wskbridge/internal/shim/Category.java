// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

/** The categories of WSK's sockets, as it numbers them. */
public enum Category {
    LISTEN(Layout.constant("WSKB_CATEGORY_LISTEN", 1), Layout.PROTOCOL_TCP),
    CONNECTION(Layout.constant("WSKB_CATEGORY_CONNECTION", 2), Layout.PROTOCOL_TCP),
    DATAGRAM(Layout.constant("WSKB_CATEGORY_DATAGRAM", 4), Layout.PROTOCOL_UDP);

    private final int number;
    private final int protocol;

    Category(int number, int protocol) {
        this.number = number;
        this.protocol = protocol;
    }

    /** The category's number in WSK. */
    public int number() {
        return number;
    }

    /** The protocol of the category's sockets. */
    public int protocol() {
        return protocol;
    }
}
