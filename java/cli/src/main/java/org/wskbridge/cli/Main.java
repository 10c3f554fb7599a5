// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.cli;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command {@code wskbridge}: the bridge from a shell. */
@Command(
        name = "wskbridge",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "UDP and TCP through Windows' kernel sockets (Winsock Kernel), from a shell.",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:done", "1:failed; standard error says why", "2:bad arguments", "130:stopped by Ctrl-C"})
public final class Main implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    private Main() {}

    /**
     * Runs a command of the process' own arguments and ends the process with its exit status.
     *
     * @param arguments as the shell gave them
     */
    public static void main(String[] arguments) {
        System.exit(run(Streams.ofProcess(), arguments));
    }

    /** Runs one command on the streams given and returns its exit status. */
    static int run(Streams streams, String... arguments) {
        CommandLine commands = new CommandLine(new Main())
                .addSubcommand(new DoctorCommand(streams))
                .addSubcommand(new NetcatCommand(streams))
                .addSubcommand(new EchoCommand(streams))
                .addSubcommand(new DemoCommand(streams));
        commands.addSubcommand(new CommandLine.HelpCommand());
        commands.setOut(streams.outWriter());
        commands.setErr(streams.errWriter());
        commands.setParameterExceptionHandler((failure, wrong) -> misused(failure));
        commands.setExecutionExceptionHandler((failure, command, parsed) -> report(failure, command));
        return commands.execute(arguments);
    }

    private static int misused(ParameterException failure) {
        CommandLine command = failure.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        PrintWriter err = command.getErr();
        err.println(name + ": " + failure.getMessage());
        CommandLine.UnmatchedArgumentException.printSuggestions(failure, err);
        CommandLine.Help help = command.getHelp();
        err.print(help.synopsisHeading() + help.synopsis(help.synopsisHeadingLength()));
        err.println("All about it: " + name + " --help");
        return CommandLine.ExitCode.USAGE;
    }

    private static int report(Exception failure, CommandLine command) {
        Interruption.holdIfUnderWay();
        String name = command.getCommandSpec().qualifiedName();
        String message = failure.getMessage();
        command.getErr().println(name + ": " + (message == null ? failure : message));
        return CommandLine.ExitCode.SOFTWARE;
    }

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return CommandLine.ExitCode.USAGE;
    }
}
