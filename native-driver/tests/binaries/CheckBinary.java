// SPDX-License-Identifier: Apache-2.0

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.zip.CRC32;

/**
 * Looks at what Windows would load: a PE file for x86-64 or 64-bit ARM.
 *
 * <pre>
 *   java CheckBinary.java list FILE                prints what FILE asks of Windows and offers, one thing a line
 *   java CheckBinary.java check FILE ALLOWED ...   compares that with the file ALLOWED, and applies the rules for all
 *   java CheckBinary.java self-test FILE ALLOWED   spoils copies of a good FILE: each must be found
 *   java CheckBinary.java seal FILE                writes the checksum, for a linker that does not
 * </pre>
 *
 * The rules for all binaries are not in any file, so that no file can allow a breach: {@link #faults}.
 */
public final class CheckBinary {
    private static final int SECTION_EXECUTE = 0x20000000;
    private static final int SECTION_WRITE = 0x80000000;

    private static final int X86_64 = 0x8664;
    private static final int ARM64 = 0xAA64;
    private static final Map<Integer, String> MACHINES = Map.of(X86_64, "x86-64", ARM64, "arm64");
    private static final Map<Integer, String> CHARACTERISTICS = Map.of(
            0x0001, "relocations-stripped",
            0x0002, "executable",
            0x0004, "line-numbers-stripped",
            0x0008, "local-symbols-stripped",
            0x0020, "large-address-aware",
            0x0200, "debug-stripped",
            0x1000, "system",
            0x2000, "dll");
    private static final Map<Integer, String> DLL_CHARACTERISTICS = Map.of(
            0x0020, "high-entropy-va",
            0x0040, "dynamic-base",
            0x0080, "force-integrity",
            0x0100, "nx-compat",
            0x0400, "no-seh",
            0x0800, "no-bind",
            0x2000, "wdm-driver",
            0x4000, "guard-cf");
    private static final Map<Integer, String> SECTION_CHARACTERISTICS = Map.of(
            0x00000020,
            "code",
            0x00000040,
            "initialised",
            0x00000080,
            "uninitialised",
            0x02000000,
            "discardable",
            0x08000000,
            "not-paged",
            0x10000000,
            "shared",
            SECTION_EXECUTE,
            "execute",
            0x40000000,
            "read",
            SECTION_WRITE,
            "write");
    /** The alignment, which matters in object files only. */
    private static final int SECTION_IGNORED = 0x00F00000;

    private static final List<String> SUBSYSTEMS = List.of("unknown", "native", "windows", "console");
    private static final List<String> DIRECTORIES = List.of(
            "export",
            "import",
            "resource",
            "exception",
            "signature",
            "relocation",
            "debug",
            "architecture",
            "global-pointer",
            "tls",
            "load-configuration",
            "bound-import",
            "import-address",
            "delay-import",
            "clr",
            "15");
    private static final int EXPORT = 0;
    private static final int IMPORT = 1;
    private static final int SIGNATURE = 4;
    private static final int RELOCATION = 5;

    private record Section(String name, int address, int size, int fileOffset, int fileSize, int characteristics) {
        boolean has(int flag) {
            return (characteristics & flag) != 0;
        }

        boolean contains(int rva) {
            return rva >= address && rva < address + Math.max(size, fileSize);
        }
    }

    private final Path path;
    private final ByteBuffer file;
    private final int header;
    private final int optional;
    private final List<Section> sections = new ArrayList<>();

    CheckBinary(Path path, byte[] content) {
        this.path = path;
        file = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        header = file.getInt(0x3C) + 4;
        optional = header + 20;
        if (file.getShort(0) != 0x5A4D || file.getInt(header - 4) != 0x4550) {
            throw new IllegalArgumentException("is not a PE file");
        }
        if (!MACHINES.containsKey(u16(header)) || u16(optional) != 0x20B) {
            throw new IllegalArgumentException("is not a PE32+ file for x86-64 or 64-bit ARM");
        }
        int table = optional + u16(header + 16);
        for (int at = table; at < table + 40 * u16(header + 2); at += 40) {
            sections.add(new Section(
                    sectionName(at),
                    file.getInt(at + 12),
                    file.getInt(at + 8),
                    file.getInt(at + 20),
                    file.getInt(at + 16),
                    file.getInt(at + 36)));
        }
    }

    // ---- reading ---------------------------------------------------------------------------------------------------

    private int u16(int offset) {
        return Short.toUnsignedInt(file.getShort(offset));
    }

    private String text(int offset) {
        int end = offset;
        while (file.get(end) != 0) {
            end++;
        }
        return new String(file.array(), offset, end - offset, US_ASCII);
    }

    /** A name of more than 8 characters is in the string table, which follows the symbols; "/N" says where. */
    private String sectionName(int at) {
        String name = new String(file.array(), at, 8, US_ASCII).replaceAll("\0.*", "");
        if (!name.matches("/[0-9]+")) {
            return name;
        }
        int strings = file.getInt(header + 8) + 18 * file.getInt(header + 12);
        return text(strings + Integer.parseInt(name.substring(1)));
    }

    /** The offset in the file of an address relative to the image. */
    private int offset(int rva) {
        for (Section section : sections) {
            if (section.contains(rva)) {
                return section.fileOffset + rva - section.address;
            }
        }
        throw new IllegalArgumentException("has the address %#x, which is in no section".formatted(rva));
    }

    private int directory(int index) {
        return index < file.getInt(optional + 108) ? file.getInt(optional + 112 + 8 * index) : 0;
    }

    private int directorySize(int index) {
        return file.getInt(optional + 116 + 8 * index);
    }

    private static String names(int flags, Map<Integer, String> known) {
        StringBuilder text = new StringBuilder();
        Map<Integer, String> inOrder = new TreeMap<>(Integer::compareUnsigned);
        inOrder.putAll(known);
        inOrder.forEach((flag, name) -> text.append((flags & flag) != 0 ? " " + name : ""));
        int rest = flags & ~known.keySet().stream().reduce(0, (a, b) -> a | b);
        return text + (rest != 0 ? " %#x".formatted(rest) : "");
    }

    /** Calls with the name of the library and the offset of the function's name, or 0 and its ordinal as text. */
    private void forEachImport(BiConsumer<Integer, String> consumer) {
        if (directory(IMPORT) == 0) {
            return;
        }
        for (int at = offset(directory(IMPORT)); file.getInt(at + 12) != 0; at += 20) {
            int library = offset(file.getInt(at + 12));
            int names = file.getInt(at) != 0 ? file.getInt(at) : file.getInt(at + 16);
            for (int entry = offset(names); file.getLong(entry) != 0; entry += 8) {
                long value = file.getLong(entry);
                consumer.accept(library, value < 0 ? "#" + (value & 0xFFFF) : text(offset((int) value) + 2));
            }
        }
    }

    private void listExports(Set<String> lines) {
        if (directory(EXPORT) == 0) {
            return;
        }
        int table = offset(directory(EXPORT));
        Set<Integer> named = new TreeSet<>();
        for (int i = 0; i < file.getInt(table + 24); i++) {
            int index = u16(offset(file.getInt(table + 36)) + 2 * i);
            named.add(index);
            lines.add("export " + text(offset(file.getInt(offset(file.getInt(table + 32)) + 4 * i)))
                    + target(table, index));
        }
        for (int index = 0; index < file.getInt(table + 20); index++) {
            if (file.getInt(offset(file.getInt(table + 28)) + 4 * index) != 0 && !named.contains(index)) {
                lines.add("export #" + (file.getInt(table + 16) + index) + target(table, index));
            }
        }
    }

    /** What an export forwards to, when it does: its address is then in the export directory itself. */
    private String target(int table, int index) {
        int rva = file.getInt(offset(file.getInt(table + 28)) + 4 * index);
        boolean forwards = rva >= directory(EXPORT) && rva < directory(EXPORT) + directorySize(EXPORT);
        return forwards ? " -> " + text(offset(rva)) : "";
    }

    private String debugInformation() {
        for (Section section : sections) {
            if (section.name.equals(".gnu_debuglink")) {
                return "in " + text(section.fileOffset);
            }
        }
        return sections.stream().anyMatch(section -> section.name.startsWith(".debug_")) ? "inside" : "none";
    }

    private String entryPoint() {
        int rva = file.getInt(optional + 16);
        return sections.stream()
                .filter(section -> rva != 0 && section.contains(rva))
                .map(Section::name)
                .findFirst()
                .orElse("none");
    }

    /** What the allow-lists hold. Sections of debug information are not told apart: no loader asks for them. */
    Set<String> list() {
        Set<String> lines = new TreeSet<>();
        int subsystem = u16(optional + 68);
        lines.add("machine " + MACHINES.get(u16(header)));
        lines.add("subsystem " + (subsystem < SUBSYSTEMS.size() ? SUBSYSTEMS.get(subsystem) : subsystem));
        lines.add("system-version %d.%d".formatted(u16(optional + 40), u16(optional + 42)));
        lines.add("subsystem-version %d.%d".formatted(u16(optional + 48), u16(optional + 50)));
        lines.add("characteristics" + names(u16(header + 18), CHARACTERISTICS));
        lines.add("dll-characteristics" + names(u16(optional + 70), DLL_CHARACTERISTICS));
        lines.add("entry-point " + entryPoint());
        lines.add("debug-information " + debugInformation());
        for (int i = 0; i < DIRECTORIES.size(); i++) {
            if (directory(i) != 0) {
                lines.add("directory " + DIRECTORIES.get(i));
            }
        }
        for (Section section : sections) {
            if (!section.name.startsWith(".debug_")) {
                lines.add("section " + section.name
                        + names(section.characteristics & ~SECTION_IGNORED, SECTION_CHARACTERISTICS));
            }
        }
        forEachImport((library, function) -> lines.add("import " + text(library) + " " + function));
        listExports(lines);
        return lines;
    }

    // ---- rules for all ---------------------------------------------------------------------------------------------

    /** The sum of all 16-bit words but the checksum's own, the carry added back, plus the length. */
    private int checksum() {
        long sum = 0;
        for (int at = 0; at < file.limit(); at += 2) {
            if (at != optional + 64 && at != optional + 66) {
                sum += at + 1 < file.limit() ? u16(at) : Byte.toUnsignedInt(file.get(at));
                sum = (sum & 0xFFFF) + (sum >> 16);
            }
        }
        return (int) sum + file.limit();
    }

    private void checkSections(List<String> faults) {
        int alignment = file.getInt(optional + 32);
        int next = 0;
        for (Section section : sections) {
            if (section.has(SECTION_WRITE) && section.has(SECTION_EXECUTE)) {
                faults.add("section " + section.name + " is writable and executable");
            }
            if (section.address % alignment != 0 || next != 0 && section.address != next) {
                faults.add("section " + section.name + " does not follow the one before it in memory");
            }
            if (section.fileSize != 0 && section.fileOffset + section.fileSize > file.limit()) {
                faults.add("section " + section.name + " is cut off by the end of the file");
            }
            next = (section.address + section.size + alignment - 1) / alignment * alignment;
        }
        if (file.getInt(optional + 56) != next) {
            faults.add("the size of the image is %#x, its sections end at %#x"
                    .formatted(file.getInt(optional + 56), next));
        }
    }

    private void checkDebugLink(List<String> faults) throws IOException {
        for (Section section : sections) {
            if (section.name.equals(".gnu_debuglink")) {
                String name = text(section.fileOffset);
                Path debug = path.resolveSibling(name);
                CRC32 crc = new CRC32();
                if (Files.exists(debug)) {
                    crc.update(Files.readAllBytes(debug));
                }
                if ((int) crc.getValue() != file.getInt(section.fileOffset + (name.length() + 4) / 4 * 4)) {
                    faults.add(name + " is missing or does not belong to this binary");
                }
            }
        }
    }

    /** What no binary may have. */
    List<String> faults() throws IOException {
        List<String> faults = new ArrayList<>();
        checkSections(faults);
        checkDebugLink(faults);
        if (file.getInt(optional + 64) != checksum()) {
            faults.add("the checksum is %#x, but should be %#x".formatted(file.getInt(optional + 64), checksum()));
        }
        if (file.getInt(header + 4) != 0) {
            faults.add("it has a time stamp, so that no two builds are the same");
        }
        if (directory(EXPORT) != 0 && file.getInt(offset(directory(EXPORT)) + 4) != 0) {
            faults.add("its exports have a time stamp, so that no two builds are the same");
        }
        if (directory(RELOCATION) == 0 || (u16(header + 18) & 0x0001) != 0) {
            faults.add("its relocations were stripped, so it can't be loaded at any address");
        }
        String entry = entryPoint();
        if (sections.stream().noneMatch(section -> section.name.equals(entry) && section.has(SECTION_EXECUTE))) {
            faults.add("its entry point is not in an executable section");
        }
        if (directory(SIGNATURE) != 0) {
            faults.add("it is signed, so that it depends on who built it");
        }
        return faults;
    }

    /** Everything that is wrong. */
    List<String> compare(Set<String> allowed) throws IOException {
        List<String> wrong = new ArrayList<>();
        Set<String> found = list();
        faults().forEach(fault -> wrong.add("fault: " + fault));
        found.stream().filter(line -> !allowed.contains(line)).forEach(line -> wrong.add("new: " + line));
        allowed.stream().filter(line -> !found.contains(line)).forEach(line -> wrong.add("missing: " + line));
        return wrong;
    }

    // ---- self-test -------------------------------------------------------------------------------------------------

    private void repairChecksum() {
        file.putInt(optional + 64, checksum());
    }

    /** Spoils a copy and looks whether that is found, under the words expected. */
    private void mustFind(String expected, Set<String> allowed, boolean repair, Spoiler spoiler) throws IOException {
        CheckBinary copy = new CheckBinary(path, file.array().clone());
        spoiler.spoil(copy, copy.file);
        if (repair) {
            copy.repairChecksum();
        }
        List<String> wrong = new CheckBinary(path, copy.file.array()).compare(allowed);
        String found = wrong.stream()
                .filter(line -> line.startsWith(expected))
                .findFirst()
                .orElseThrow(
                        () -> new IllegalStateException("was spoilt, but not found: " + expected + "; but " + wrong));
        System.out.println("found " + found);
    }

    private interface Spoiler {
        void spoil(CheckBinary copy, ByteBuffer file);
    }

    private int sectionHeader(String name) {
        for (int i = 0; i < sections.size(); i++) {
            if (sections.get(i).name.equals(name)) {
                return optional + u16(header + 16) + 40 * i;
            }
        }
        throw new IllegalStateException("has no section " + name);
    }

    void selfTest(Set<String> allowed) throws IOException {
        if (!compare(allowed).isEmpty()) {
            throw new IllegalStateException("is not good to begin with: " + compare(allowed));
        }
        int flags = sectionHeader(".text") + 36;
        mustFind(
                "fault: section .text is writable and",
                allowed,
                true,
                (copy, file) -> file.putInt(flags, file.getInt(flags) | SECTION_WRITE));
        mustFind(
                "new: section .text code discardable",
                allowed,
                true,
                (copy, file) -> file.putInt(flags, file.getInt(flags) | 0x02000000));
        mustFind(
                "fault: the checksum is",
                allowed,
                false,
                (copy, file) -> file.putInt(copy.optional + 64, file.getInt(copy.optional + 64) + 1));
        mustFind(
                "fault: the checksum is",
                allowed,
                false,
                (copy, file) -> file.put(copy.offset(file.getInt(copy.optional + 16)), (byte) 0xCC));
        mustFind("fault: it has a time stamp", allowed, true, (copy, file) -> file.putInt(copy.header + 4, 1));
        mustFind(
                "fault: its relocations were stripped",
                allowed,
                true,
                (copy, file) -> file.putShort(copy.header + 18, (short) (file.getShort(copy.header + 18) | 1)));
        mustFind(
                "missing: dll-characteristics high-entropy-va",
                allowed,
                true,
                (copy, file) -> file.putShort(copy.optional + 70, (short) (file.getShort(copy.optional + 70) & ~0x20)));
        mustFind("new: directory tls", allowed, true, (copy, file) -> file.putInt(copy.optional + 112 + 8 * 9, 0x1000));
        int otherMachine = u16(header) == ARM64 ? X86_64 : ARM64;
        mustFind("missing: machine", allowed, true, (copy, file) -> file.putShort(copy.header, (short) otherMachine));
        mustFind("missing: subsystem", allowed, true, (copy, file) -> file.putShort(copy.optional + 68, (short) 3));
        mustFind("fault: its entry point", allowed, true, (copy, file) -> file.putInt(copy.optional + 16, 0));
        mustFind(
                "new: import Zt",
                allowed,
                true,
                (copy, file) -> copy.forEachImport(
                        (library, function) -> file.put(library, (byte) 'Z').put(library + 1, (byte) 't')));
        mustFind("fault: section", allowed, true, (copy, file) -> {
            int size = copy.sectionHeader(".reloc") + 16;
            file.putInt(size, file.limit());
        });
        String shorter = allowed.iterator().next();
        Set<String> fewer = new TreeSet<>(allowed);
        fewer.remove(shorter);
        mustFind("new: " + shorter, fewer, true, (copy, file) -> {});
    }

    private static Set<String> read(Path path) throws IOException {
        Set<String> lines = new TreeSet<>(Files.readAllLines(path));
        lines.removeIf(line -> line.isBlank() || line.startsWith("#"));
        return lines;
    }

    /** True when nothing is wrong. */
    private static boolean check(Path path, Path list) {
        List<String> wrong = new ArrayList<>();
        try {
            wrong.addAll(open(path).compare(read(list)));
        } catch (IOException | RuntimeException e) {
            wrong.add("can't be read: " + e);
        }
        wrong.forEach(line -> System.err.println(path.getFileName() + ": " + line));
        if (!wrong.isEmpty()) {
            System.err.println(path.getFileName() + ": what it may have is in " + list);
        }
        return wrong.isEmpty();
    }

    private static CheckBinary open(Path path) throws IOException {
        return new CheckBinary(path, Files.readAllBytes(path));
    }

    public static void main(String[] arguments) throws IOException {
        Path path = Path.of(arguments[1]);
        switch (arguments[0]) {
            case "list" -> open(path).list().forEach(System.out::println);
            case "seal" -> {
                CheckBinary binary = open(path);
                binary.repairChecksum();
                Files.write(path, binary.file.array());
            }
            case "self-test" -> open(path).selfTest(read(Path.of(arguments[2])));
            case "check" -> {
                boolean right = true;
                for (int i = 1; i < arguments.length; i += 2) {
                    right &= check(Path.of(arguments[i]), Path.of(arguments[i + 1]));
                }
                System.exit(right ? 0 : 1);
            }
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }
}
