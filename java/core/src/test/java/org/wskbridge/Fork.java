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
        List<String> options = new ArrayList<>();
        options.add("--enable-native-access=ALL-UNNAMED");
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("wskbridge.") && !overrides.containsKey(name))
                .forEach(name -> options.add("-D" + name + "=" + System.getProperty(name)));
        overrides.forEach((name, value) -> options.add("-D" + name + "=" + value));
        return onClassPath(main, options, arguments).start();
    }

    /** The same with just these options. */
    static ProcessBuilder onClassPath(Class<?> main, List<String> options, String... arguments) {
        return onClassPath(main, main.getName(), options, arguments);
    }

    /** Starts a program that is one source file, with the library on its class path. */
    static Process startSource(Path source, String... arguments) throws IOException {
        String extracted = "-Dwskbridge.extract.path=" + System.getProperty("wskbridge.extract.path");
        List<String> options = List.of("--enable-native-access=ALL-UNNAMED", extracted);
        return onClassPath(WskBridge.class, source.toString(), options, arguments)
                .start();
    }

    private static ProcessBuilder onClassPath(
            Class<?> classes, String program, List<String> options, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + "/bin/java");
        command.addAll(options);
        String modules = System.getProperty("jdk.module.path", "");
        command.add("-cp");
        command.add(
                String.join(File.pathSeparator, System.getProperty("java.class.path"), modules, classesOf(classes)));
        command.add(program);
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    }

    /** The same on the module path, as this process is run, with the class as part of module org.wskbridge. */
    static ProcessBuilder onModulePath(Class<?> main, List<String> options, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + "/bin/java");
        command.addAll(options);
        command.addAll(List.of("-p", System.getProperty("jdk.module.path")));
        command.addAll(List.of("--patch-module", "org.wskbridge=" + classesOf(main)));
        command.addAll(List.of("-m", "org.wskbridge/" + main.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    }

    /** On the module path the tests are patched into the module, and appear in no path. */
    private static String classesOf(Class<?> main) {
        String resource = main.getName().replace('.', '/') + ".class";
        String url = main.getClassLoader().getResource(resource).toString();
        return Path.of(URI.create(url.substring(0, url.length() - resource.length())))
                .toString();
    }
}
