# SPDX-License-Identifier: Apache-2.0
#
# Reads an INF and applies those rules of "infverif /w" that a primitive driver can break, and the values that this project
# wants. infverif itself runs on Windows only and knows more. Prints what is wrong, a line each, and then exits with 1.
#
#   awk -f inf.awk FILE

function complain(line, text) {
    printf "%s:%d: %s\n", FILENAME, line, text
    faults++
}

function trim(text) {
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
}

# Without the comment, which begins at a semicolon outside quotes. Sets unclosed when a quote is left open.
function without_comment(text,    i, c, quoted, kept) {
    quoted = 0
    kept = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\"")
            quoted = !quoted
        if (c == ";" && !quoted)
            break
        kept = kept c
    }
    unclosed = quoted
    return kept
}

function unquoted(text) {
    gsub(/"/, "", text)
    return trim(text)
}

# %Token% becomes what [Strings] says; %13% stays, and so does what is unknown.
function expanded(text,    token) {
    text = unquoted(text)
    if (match(text, /^%[^%]+%$/)) {
        token = tolower(substr(text, 2, length(text) - 2))
        if (("strings", token) in value)
            return unquoted(value["strings", token])
    }
    return text
}

# The value of a key, or "" and a complaint.
function need(section, key,    where) {
    if ((section, tolower(key)) in value)
        return value[section, tolower(key)]
    where = (section in section_line) ? section_line[section] : 1
    complain(where, "[" section_name(section) "] lacks " key)
    return ""
}

function section_name(section) {
    return (section in shown) ? shown[section] : section
}

function must_be(section, key, wanted,    found) {
    found = need(section, key)
    if (found != "" && expanded(found) != wanted)
        complain(line_of[section, tolower(key)], key " must be " wanted ", not " expanded(found))
}

# Marks a section as used; complains when it is not there.
function refer(name, line, by) {
    name = tolower(trim(name))
    used[name] = 1
    if (!(name in section_line))
        complain(line, by " names the section [" name "], which is not there")
}

# ---- reading ----------------------------------------------------------------------------------------------------------

{
    sub(/\r$/, "")
    if ($0 ~ /[^\t -~]/)
        complain(FNR, "a character that is not ASCII: infverif takes ANSI or UTF-16 only")
    text = trim(without_comment($0))
    if (unclosed)
        complain(FNR, "a quote is not closed")
    if (text == "")
        next
    if (text ~ /^\[/) {
        if (text !~ /^\[[^][]+\]$/) {
            complain(FNR, "not a section header: " text)
            next
        }
        current = tolower(trim(substr(text, 2, length(text) - 2)))
        if (current in section_line)
            complain(FNR, "the section [" current "] is there twice")
        section_line[current] = FNR
        shown[current] = substr(text, 2, length(text) - 2)
        next
    }
    if (current == "") {
        complain(FNR, "a line before the first section")
        next
    }
    count[current]++
    entry[current, count[current]] = text
    entry_line[current, count[current]] = FNR
    if (index(text, "=")) {
        key = tolower(unquoted(substr(text, 1, index(text, "=") - 1)))
        rest = trim(substr(text, index(text, "=") + 1))
        if ((current, key) in value && current !~ /^defaultinstall/)
            complain(FNR, key " is said twice in [" shown[current] "]")
        value[current, key] = rest
        line_of[current, key] = FNR
        if (rest == "")
            complain(FNR, key " has no value")
    }
}

# ---- rules ------------------------------------------------------------------------------------------------------------

function check_version(    guid, version, parts, date, class) {
    if (!("version" in section_line)) {
        complain(1, "there is no [Version]")
        return
    }
    used["version"] = 1
    if (toupper(unquoted(need("version", "Signature"))) != "$WINDOWS NT$")
        complain(section_line["version"], "Signature must be \"$WINDOWS NT$\"")
    class = expanded(need("version", "Class"))
    guid = toupper(unquoted(need("version", "ClassGuid")))
    if (guid !~ /^\{[0-9A-F]+-[0-9A-F]+-[0-9A-F]+-[0-9A-F]+-[0-9A-F]+\}$/ || length(guid) != 38)
        complain(line_of["version", "classguid"], "ClassGuid is not a GUID")
    if (tolower(class) == "system" && guid != "{4D36E97D-E325-11CE-BFC1-08002BE10318}")
        complain(line_of["version", "classguid"], "ClassGuid is not the one of the class System")
    if (tolower(expanded(need("version", "Provider"))) == "microsoft")
        complain(line_of["version", "provider"], "Provider must not be Microsoft (infverif 1204)")
    if (unquoted(need("version", "CatalogFile")) !~ /^[A-Za-z0-9_-]+\.cat$/)
        complain(section_line["version"], "CatalogFile must name a .cat file beside the INF (infverif 1233)")
    must_be("version", "PnpLockdown", "1")
    version = unquoted(need("version", "DriverVer"))
    if (version !~ /^[01][0-9]\/[0-3][0-9]\/20[0-9][0-9],[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) {
        complain(section_line["version"], "DriverVer must be MM/DD/YYYY,a.b.c.d")
    } else {
        split(version, parts, ",")
        split(parts[1], date, "/")
        if (date[1] + 0 < 1 || date[1] + 0 > 12 || date[2] + 0 < 1 || date[2] + 0 > 31)
            complain(line_of["version", "driverver"], "DriverVer has no such date: " parts[1])
        if (today != "" && date[3] date[1] date[2] > today)
            complain(line_of["version", "driverver"], "DriverVer is in the future: inf2cat refuses that")
    }
}

function check_forbidden(section,    i, text, key, legacy) {
    legacy = "bitreg,copyinf,delfiles,delproperty,delreg,delservice,ini2reg,logconfig,profileitems,registerdlls," \
        "renfiles,unregisterdlls,updateinifields,updateinis"
    if (section ~ /^(manufacturer|classinstall32|interfaceinstall32)(\.|$)/ ||
        section ~ /\.(coinstallers|factdef|logconfigoverride)$/)
        complain(section_line[section], "a primitive driver has no section [" shown[section] "]")
    for (i = 1; i <= count[section]; i++) {
        text = entry[section, i]
        key = tolower(trim(substr(text, 1, index(text "=", "=") - 1)))
        if (index("," legacy ",", "," key ",") && index(text, "=") && section !~ /^defaultuninstall/)
            complain(entry_line[section, i], key " is not for a package that Windows can undo (infverif 13xx)")
        if (text ~ /^HK(LM|CR|CU|U)[ \t]*,/)
            complain(entry_line[section, i], "the registry is written below HKR only (infverif 1304)")
    }
}

function check_default_sections(section,    base) {
    if (section ~ /^defaultuninstall/) {
        used[section] = 1
        base = section
        sub(/\.services$/, "", base)
        if (!((base, "legacyuninstall") in value) || value[base, "legacyuninstall"] != "1")
            complain(section_line[section], "[" shown[section] "] needs LegacyUninstall=1, or must not be there (infverif 1420)")
        return
    }
    if (section !~ /^defaultinstall/)
        return
    used[section] = 1
    if (section !~ /^defaultinstall\.nt(amd64|arm64|\$arch\$)(\.services)?$/) {
        complain(section_line[section], "[" shown[section] "] must be decorated with an architecture and nothing else: .NT$ARCH$")
        return
    }
    if (section ~ /\.services$/)
        check_services(section)
    else {
        installs++
        if (!((section ".services") in section_line))
            complain(section_line[section], "[" shown[section] "] has no .Services (infverif 1296)")
        check_copies(section)
    }
}

function check_copies(section,    names, n, i) {
    n = split(need(section, "CopyFiles"), names, ",")
    for (i = 1; i <= n; i++) {
        names[i] = trim(names[i])
        if (names[i] ~ /^@/)
            check_file(substr(names[i], 2), line_of[section, "copyfiles"])
        else {
            refer(names[i], line_of[section, "copyfiles"], "CopyFiles")
            check_file_list(tolower(names[i]))
        }
    }
}

function check_file_list(section,    i, fields, n, j) {
    for (i = 1; i <= count[section]; i++) {
        n = split(entry[section, i], fields, ",")
        check_file(unquoted(fields[1]), entry_line[section, i])
        if (n > 1 && trim(fields[2]) != "" && tolower(unquoted(fields[2])) != tolower(unquoted(fields[1])))
            complain(entry_line[section, i], "a file keeps its name in the driver store (infverif 1100)")
    }
}

function check_file(name, line,    fields) {
    copied[tolower(name)] = 1
    if (!(("sourcedisksfiles", tolower(name)) in value)) {
        complain(line, name " is not in [SourceDisksFiles] (infverif 1230)")
        return
    }
    split(value["sourcedisksfiles", tolower(name)], fields, ",")
    if (!(("sourcedisksnames", tolower(trim(fields[1]))) in value))
        complain(line_of["sourcedisksfiles", tolower(name)], "no disk " trim(fields[1]) " in [SourceDisksNames]")
    if (trim(fields[2]) != "")
        complain(line_of["sourcedisksfiles", tolower(name)], "the file must lie beside the INF (infverif 1100)")
}

function check_services(section,    fields, n) {
    n = split(need(section, "AddService"), fields, ",")
    if (n < 3) {
        complain(section_line[section], "AddService needs a name, flags or nothing, and a section")
        return
    }
    if (trim(fields[2]) != "" && trim(fields[2]) !~ /^0x0*$/)
        complain(line_of[section, "addservice"], "flags of AddService: a primitive driver has no device to associate")
    refer(fields[3], line_of[section, "addservice"], "AddService")
    check_service(tolower(trim(fields[3])))
}

function check_service(section,    binary) {
    if (!(section in section_line))
        return
    must_be(section, "ServiceType", "1")
    must_be(section, "StartType", "3")
    must_be(section, "ErrorControl", "1")
    need(section, "DisplayName")
    binary = unquoted(need(section, "ServiceBinary"))
    if (binary !~ /^%13%\\[^\\]+$/)
        complain(line_of[section, "servicebinary"], "ServiceBinary must be %13%\\FILE: drivers run from the driver store")
    else
        binaries[tolower(substr(binary, 6))] = line_of[section, "servicebinary"]
    check_settings(tolower(trim(need(section, "AddReg"))), section)
}

# The service's settings have a security descriptor, which lets in the system and administrators and nobody else.
function check_settings(section, service,    security) {
    if (section == "")
        return
    refer(section, line_of[service, "addreg"], "AddReg")
    security = section ".security"
    refer(security, line_of[service, "addreg"], "the security of the settings")
    if (security in section_line &&
        (count[security] != 1 || entry[security, 1] !~ /^"D:P(\(A;CI;GA;;;(SY|BA)\))+"$/))
        complain(section_line[security], "the settings must be for the system and administrators only")
}

function check_destinations(    i, text, place) {
    if (!("destinationdirs" in section_line)) {
        complain(1, "there is no [DestinationDirs]")
        return
    }
    used["destinationdirs"] = 1
    for (i = 1; i <= count["destinationdirs"]; i++) {
        text = entry["destinationdirs", i]
        place = unquoted(substr(text, index(text, "=") + 1))
        if (place !~ /^13([ \t]*,[ \t]*)?$/)
            complain(entry_line["destinationdirs", i], "files go to 13, the driver store, and not to " place)
    }
}

function check_strings(section, i,    text, token) {
    text = entry[section, i]
    gsub(/%%/, "", text)
    while (match(text, /%[^%]+%/)) {
        token = tolower(substr(text, RSTART + 1, RLENGTH - 2))
        text = substr(text, RSTART + RLENGTH)
        if (token ~ /^-?[0-9]+$/)
            continue
        string_used[token] = 1
        if (!(("strings", token) in value))
            complain(entry_line[section, i], "%" token "% is not in [Strings] (infverif 1235)")
    }
    if (index(text, "%"))
        complain(entry_line[section, i], "a % without its pair")
}

END {
    check_version()
    for (section in section_line) {
        check_forbidden(section)
        check_default_sections(section)
        for (i = 1; i <= count[section]; i++)
            check_strings(section, i)
    }
    if (!installs)
        complain(1, "there is no [DefaultInstall.NT$ARCH$]")
    check_destinations()
    for (file in binaries)
        if (!(file in copied))
            complain(binaries[file], file " is a service's binary but is not copied")
    used["strings"] = used["sourcedisksnames"] = used["sourcedisksfiles"] = 1
    for (section in section_line)
        if (!(section in used))
            complain(section_line[section], "[" shown[section] "] is not used (infverif 2083)")
    for (i = 1; i <= count["strings"]; i++) {
        token = tolower(unquoted(substr(entry["strings", i], 1, index(entry["strings", i], "=") - 1)))
        if (!(token in string_used))
            complain(entry_line["strings", i], "%" token "% is not used")
    }
    exit faults > 0
}
