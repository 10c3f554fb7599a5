// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import java.io.IOException;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/**
 * Chooses, once, how native code is called: as the system property wskbridge.binding says, otherwise by a provider that is
 * on the class path or module path and can be used in this JVM, otherwise by JNA.
 */
final class Bindings {
    static final String PROPERTY = "wskbridge.binding";

    /** Constant, so that calls through it can be inlined. */
    private static final BindingProvider PROVIDER;

    /** Why the property's choice could not be followed; null if it was. */
    private static final String FAILURE;

    static {
        String wanted = System.getProperty(PROPERTY, "");
        BindingProvider chosen = new JnaProvider();
        String failure = null;
        if (!wanted.equals(chosen.name())) {
            try {
                Choice choice = choose(wanted);
                chosen = choice.provider.orElse(chosen);
                failure = choice.failure;
            } catch (ServiceConfigurationError | LinkageError e) { // one that was compiled for a later Java
                failure = wanted.isEmpty() ? null : "the binding " + wanted + " can't be loaded: " + e.getMessage();
            }
        }
        PROVIDER = chosen;
        FAILURE = failure;
    }

    private record Choice(Optional<BindingProvider> provider, String failure) {}

    private Bindings() {}

    private static Choice choose(String wanted) {
        ServiceLoader<BindingProvider> offered =
                ServiceLoader.load(BindingProvider.class, Bindings.class.getClassLoader());
        for (BindingProvider provider : offered) {
            if (wanted.isEmpty() && provider.obstacle().isEmpty()) {
                return new Choice(Optional.of(provider), null);
            }
            if (wanted.equals(provider.name())) {
                return provider.obstacle()
                        .map(why -> new Choice(Optional.empty(), "the binding " + wanted + " can't be used: " + why))
                        .orElseGet(() -> new Choice(Optional.of(provider), null));
            }
        }
        String names = offered.stream().map(each -> ", " + each.get().name()).collect(Collectors.joining());
        return new Choice(
                Optional.empty(),
                wanted.isEmpty()
                        ? null
                        : "there is no binding " + wanted + "; the system property " + PROPERTY
                                + " may name one of these: jna" + names);
    }

    /**
     * The provider that was chosen.
     *
     * @throws IOException if the property names one that can't be used
     */
    static BindingProvider chosen() throws IOException {
        if (FAILURE != null) {
            throw new IOException(FAILURE);
        }
        return PROVIDER;
    }

    /** The same without asking whether the property could be followed. */
    static BindingProvider provider() {
        return PROVIDER;
    }
}
