// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.util.Comparator;

/** A version of Windows; the embedded host imitates one. */
public record SystemVersion(int major, int minor, int build) implements Comparable<SystemVersion> {
    private static final Comparator<SystemVersion> ORDER = Comparator.comparingInt(SystemVersion::major)
            .thenComparingInt(SystemVersion::minor)
            .thenComparingInt(SystemVersion::build);

    @Override
    public int compareTo(SystemVersion other) {
        return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
        return "Windows " + major + "." + minor + "." + build;
    }
}
