// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a bridge runs on.
 *
 * @param transport where the driver runs
 * @param libraryVersion version of the native library
 * @param binding by what the library calls native code: {@code jna}, or {@code ffm} with the artifact wskbridge-ffm
 * @param driverVersion version of the protocol that the driver speaks, as {@code major.minor}
 * @param features what the driver offers
 * @param frameworkVersion version of the driver framework (KMDF) that the driver is bound to
 * @param providerVersion highest version of WSK that the system offers; empty as long as the driver has not needed it
 * @param limits the driver's limits
 * @param systemVersion version of Windows that the driver runs on, as {@code major.minor.build}; of the embedded host,
 *     the one that it imitates
 * @param lacks what this version of Windows lacks, each with the version that it needs; empty on a recent one
 */
public record BridgeInfo(
        Transport transport,
        String libraryVersion,
        String binding,
        String driverVersion,
        Set<Feature> features,
        String frameworkVersion,
        Optional<String> providerVersion,
        BridgeLimits limits,
        String systemVersion,
        List<String> lacks) {}
