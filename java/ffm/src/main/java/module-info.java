// SPDX-License-Identifier: Apache-2.0

/**
 * Lets {@link org.wskbridge} call native code by the JDK's foreign function interface instead of JNA. It has no API: put it
 * on the class path or module path of a JDK 22 or later.
 *
 * @provides org.wskbridge.internal.shim.BindingProvider
 */
module org.wskbridge.ffm {
    requires org.wskbridge;

    provides org.wskbridge.internal.shim.BindingProvider with
            org.wskbridge.ffm.FfmProvider;
}
