// SPDX-License-Identifier: Apache-2.0

/** A user's module. */
module example.consumer {
    requires org.wskbridge;
}
