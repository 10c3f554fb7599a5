// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Another Java process with the classes of the tests. */
final class Fork {
    private Fork() {}

    /** Starts the main method of a class; system properties of this process are passed on unless overridden. */
    static Process start(Class<?> main, Map<String, String> overrides, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + "/bin/java");
        command.add("--enable-native-access=ALL-UNNAMED");
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("wskbridge.") && !overrides.containsKey(name))
                .forEach(name -> command.add("-D" + name + "=" + System.getProperty(name)));
        overrides.forEach((name, value) -> command.add("-D" + name + "=" + value));
        String modules = System.getProperty("jdk.module.path", "");
        command.add("-cp");
        command.add(String.join(File.pathSeparator, System.getProperty("java.class.path"), modules, classesOf(main)));
        command.add(main.getName());
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** On the module path the tests are patched into the module, and appear in no path. */
    private static String classesOf(Class<?> main) {
        String resource = main.getName().replace('.', '/') + ".class";
        String url = main.getClassLoader().getResource(resource).toString();
        return Path.of(URI.create(url.substring(0, url.length() - resource.length())))
                .toString();
    }
}
