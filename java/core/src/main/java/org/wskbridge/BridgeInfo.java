// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.util.Optional;
import java.util.Set;

/**
 * What a bridge runs on.
 *
 * @param transport where the driver runs
 * @param libraryVersion version of the native library
 * @param driverVersion version of the protocol that the driver speaks, as {@code major.minor}
 * @param features what the driver offers
 * @param frameworkVersion version of the driver framework (KMDF) that the driver is bound to
 * @param providerVersion highest version of WSK that the system offers; empty as long as the driver has not needed it
 * @param limits the driver's limits
 */
public record BridgeInfo(
        Transport transport,
        String libraryVersion,
        String driverVersion,
        Set<Feature> features,
        String frameworkVersion,
        Optional<String> providerVersion,
        BridgeLimits limits) {}
