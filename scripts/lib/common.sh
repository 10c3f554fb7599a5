# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
#
# What every script here needs: where the checkout is, plain messages, what must be installed, and Maven with terse
# output. Source it; it changes to the root of the checkout and leaves the caller's folder in $CALLER_DIRECTORY.

CALLER_DIRECTORY=$PWD
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT" || exit 1

say() { printf '==> %s\n' "$*"; }

note() { printf '%s\n' "$*" >&2; }

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# CMake can't take most of these, and ":" separates the entries of Java's class path.
if [[ $ROOT == *[]\"#\$:\;\<\>\|\\[]* ]]; then
    fail "the path $ROOT has one of \" # \$ : ; < > | [ ] \\ in it, with which neither CMake nor Java can build; move it"
fi

# The comment at the head of a script, without its first two lines, is its help.
print_help() {
    sed -n '3,/^[^#]/ { s/^# \{0,1\}//p }' "$0" | sed '/^SPDX/d'
}

# ---- what must be installed ---------------------------------------------------------------------------------------

# Where JDKs may be: where the caller says, where distributions put them, and where the javac of the path is.
jdk_folders() {
    local javac
    printf '%s\n' "${JAVA_HOME:-}" /usr/lib/jvm/*
    if javac=$(command -v javac); then
        javac=$(realpath "$javac")
        printf '%s\n' "${javac%/bin/javac}"
    fi
}

# True when there is a JDK that can compile for Java 17; sets JDK_HOME to the oldest such one.
find_jdk() {
    local home version=0 oldest=
    while IFS= read -r home; do
        [[ -x $home/bin/javac && -r $home/release && $(<"$home/release") =~ JAVA_VERSION=\"([0-9]+) ]] || continue
        version=${BASH_REMATCH[1]}
        if ((version >= 17 && version < ${oldest:-1000})); then
            oldest=$version
            JDK_HOME=$home
        fi
    done < <(jdk_folders)
    [[ -n $oldest ]]
}

# True when there is a JDK of this version or a later one.
has_jdk_of() {
    local home
    while IFS= read -r home; do
        if [[ -x $home/bin/javac && -r $home/release && $(<"$home/release") =~ JAVA_VERSION=\"([0-9]+) ]] &&
            ((BASH_REMATCH[1] >= $1)); then
            return 0
        fi
    done < <(jdk_folders)
    return 1
}

# The package of a JDK that this system's apt-get knows; no release of Debian has all of them.
jdk_package() {
    local version
    for version in 17 21 25; do
        if apt-cache show "openjdk-$version-jdk-headless" >/dev/null 2>&1; then
            echo "openjdk-$version-jdk-headless"
            return
        fi
    done
    echo default-jdk-headless
}

has_googletest() { [[ -e /usr/include/gtest/gtest.h ]]; }

is_missing() {
    case $1 in
        jdk) ! find_jdk ;;
        maven) ! command -v mvn >/dev/null ;;
        ninja-build) ! command -v ninja >/dev/null ;;
        libgtest-dev) ! has_googletest ;;
        gcc-mingw-w64-x86-64-win32) ! command -v x86_64-w64-mingw32-gcc-win32 >/dev/null ;;
        g++-mingw-w64-x86-64-posix) ! command -v x86_64-w64-mingw32-g++-posix >/dev/null ;;
        lld) ! command -v ld.lld >/dev/null ;;
        llvm) ! command -v llvm-dlltool >/dev/null ;;
        g++-aarch64-linux-gnu) ! command -v aarch64-linux-gnu-g++ >/dev/null ;;
        qemu-user) ! command -v qemu-aarch64 >/dev/null ;;
        wine) [[ ! -x /usr/lib/wine/wine64 ]] && ! command -v wine64 >/dev/null ;;
        python3-pip) ! python3 -m pip --version >/dev/null 2>&1 ;;
        python3-venv) ! /usr/bin/python3 -c 'import ensurepip' 2>/dev/null ;;
        libxml2-utils) ! command -v xmllint >/dev/null ;;
        netcat-openbsd) ! command -v nc.openbsd >/dev/null ;;
        netbase) [[ ! -r /etc/services ]] ;;
        iproute2) ! command -v tc >/dev/null && [[ ! -x /usr/sbin/tc ]] ;;
        nftables) ! command -v nft >/dev/null && [[ ! -x /usr/sbin/nft ]] ;;
        *) ! command -v "$1" >/dev/null ;;
    esac
}

purpose_of() {
    case $1 in
        jdk) echo "17 or later, compiles and runs the Java part" ;;
        maven) echo "builds everything" ;;
        gcc | g++) echo "compiles the driver, its host and the shim, and their tests" ;;
        cmake | ninja-build) echo "builds the native part" ;;
        libgtest-dev) echo "the native tests are written with it" ;;
        socat) echo "is the other end in tests" ;;
        netcat-openbsd) echo "is what the tests compare nc with" ;;
        netbase) echo "has the names of services, for that comparison" ;;
        iproute2 | nftables) echo "makes a network that loses packets" ;;
        shellcheck) echo "checks the scripts" ;;
        clang-format) echo "formats the C and C++ sources" ;;
        gcc-mingw-w64-x86-64-win32 | g++-mingw-w64-x86-64-posix) echo "compiles the driver and the shim for Windows" ;;
        lld | llvm) echo "makes the driver and the shim for Windows on 64-bit ARM" ;;
        g++-aarch64-linux-gnu) echo "compiles the library for 64-bit ARM Linux" ;;
        qemu-user) echo "runs the tests of that library" ;;
        wine) echo "runs the Windows binaries" ;;
        python3-pip) echo "downloads a Java runtime for Windows" ;;
        python3-venv) echo "holds the parser of PowerShell" ;;
        clang) echo "compiles for Windows on 64-bit ARM, and checks the driver" ;;
        libxml2-utils | yamllint) echo "checks what is for Windows" ;;
        debootstrap) echo "makes bare systems to try things on" ;;
        git) echo "names the files of a package" ;;
        gpg) echo "signs what a registry takes" ;;
        zip | unzip) echo "makes packages and looks into them" ;;
        openssl) echo "makes a certificate for tests" ;;
        osslsigncode) echo "signs the driver and the shim" ;;
    esac
}

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

# The messages of apt-get, Maven and pip when the network cannot be reached.
NETWORK_FAULTS='(Failed to fetch|Err:|Could not transfer|NewConnectionError|NameResolutionError).*(Temporary failure|Name or service not known|Could not resolve|Could not connect|Cannot initiate|Unable to connect|Connection (failed|refused|timed out)|[Cc]onnect timed out|Unknown host|[Uu]nreachable|No route to host|Failed to establish|Failed to resolve)'

# Fails with the reason that a log has: a sentence when the network can't be reached, else the log's end.
fail_with_log() {
    local what=$1 log=$2 lines=$3
    if grep -qE "$NETWORK_FAULTS" "$log"; then
        fail "$what, because the network can't be reached from here; all of the output is in $log"
    fi
    note
    note "The end of $log:"
    tail -n "$lines" "$log" >&2
    fail "$what; all of the output is in $log"
}

# apt-get may have the packages in its cache even if the update fails, so only the installation counts.
install_packages() {
    local log=$ROOT/target/logs/apt-get.log package names=()
    mkdir -p "${log%/*}"
    as_root apt-get update -qq >"$log" 2>&1 || true
    for package in "$@"; do
        [[ $package != jdk ]] || package=$(jdk_package)
        names+=("$package")
    done
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" \
        >>"$log" 2>&1 || fail_with_log "apt-get could not install ${names[*]}" "$log" 20
}

# Installs those of the named packages that are missing, and prints which and why. The names are Debian's, except "jdk".
# A script calls this once, with everything that it and the scripts that it calls need.
require_packages() {
    local package missing=()
    for package in "$@"; do
        if [[ " ${missing[*]} " != *" $package "* ]] && is_missing "$package"; then
            missing+=("$package")
        fi
    done
    if ((${#missing[@]} > 0)); then
        note "Not on this machine yet:"
        for package in "${missing[@]}"; do
            note "  $package: $(purpose_of "$package")"
        done
        command -v apt-get >/dev/null ||
            fail "no apt-get here; install these with this system's own package manager and run this again"
        [[ $(id -u) == 0 ]] || command -v sudo >/dev/null ||
            fail "only root can install them: run as root apt-get install ${missing[*]/#jdk/$(jdk_package)}"
        note "Installing them with apt-get ..."
        install_packages "${missing[@]}"
    fi
    find_jdk || fail "a JDK was installed but is not under /usr/lib/jvm; set JAVA_HOME to it"
    export JAVA_HOME=$JDK_HOME
}

BUILD_PACKAGES=(jdk maven gcc g++ cmake ninja-build libgtest-dev)
TEST_PACKAGES=(socat netcat-openbsd netbase iproute2 nftables shellcheck)
CHECK_WINDOWS_PACKAGES=(clang libxml2-utils python3-venv yamllint)
WINDOWS_PACKAGES=(gcc-mingw-w64-x86-64-win32 g++-mingw-w64-x86-64-posix)
WINDOWS_ARM_PACKAGES=(clang lld llvm)
ARM_PACKAGES=(g++-aarch64-linux-gnu)
WINE_PACKAGES=(wine python3-pip)
QEMU_PACKAGES=("${ARM_PACKAGES[@]}" qemu-user)
PACKAGE_PACKAGES=("${WINDOWS_PACKAGES[@]}" "${WINDOWS_ARM_PACKAGES[@]}" "${ARM_PACKAGES[@]}" git zip unzip)
SIGNING_PACKAGES=(osslsigncode openssl)
CHECK_PACKAGE_PACKAGES=("${PACKAGE_PACKAGES[@]}" "${SIGNING_PACKAGES[@]}" python3-venv)
RELEASE_PACKAGES=("${WINDOWS_PACKAGES[@]}" "${WINDOWS_ARM_PACKAGES[@]}" "${ARM_PACKAGES[@]}" git unzip gpg libxml2-utils)
MACHINES_PACKAGES=(debootstrap git)

# The number of compilers and native tests at a time: the processors that this process may use.
JOBS=$(nproc)

# ---- Maven --------------------------------------------------------------------------------------------------------

# Of the output of Maven, surefire and ctest: what a person wants to see go by, and the runners' closing lines. Each line
# at once, which not every awk does with a pipe.
progress_only() {
    sed -u -n -E '
        /^\[INFO\] Building wskbridge/ {
            s/^\[INFO\] Building /    /
            s/ *\[[0-9/]+\]$//
            p
            d
        }
        /Tests run:|tests passed|tests failed|^Total Test time|\*\*\*|^\[ERROR\]|^\[WARNING\] .*\.java/ p
    '
}

# Runs Maven with its progress on standard output and everything else in a log, whose end is shown when it fails.
maven() {
    local log=$ROOT/target/logs/$1.log
    shift
    mkdir -p "${log%/*}"
    mvn -B -ntp -Dstyle.color=never "$@" </dev/null 2>&1 | tee "$log" | progress_only ||
        fail_with_log "Maven failed" "$log" 60
}

# Builds the modules named, with what they need and without tests, quietly.
build_quietly() {
    local log=$ROOT/target/logs/build.log modules=$1
    mkdir -p "${log%/*}"
    mvn -B -ntp -Dstyle.color=never -Dmaven.test.skip=true -Dmaven.javadoc.skip=true \
        -pl "native-shim,java/core,$modules" package </dev/null >"$log" 2>&1 ||
        fail_with_log "the build failed" "$log" 60
}

# True when a file is a complete zip without a comment, as jars are: its last record says where the directory of its
# entries is, which must end where that record begins.
is_whole_jar() {
    local jar=$1 size end
    size=$(stat --format=%s "$jar" 2>/dev/null) || return 1
    ((size > 22)) || return 1
    mapfile -t end < <(tail -c 22 "$jar" | od -A n -v --endian=little -t u4 -w4 | tr -d ' ')
    ((end[0] == 0x06054b50 && end[3] + end[4] + 22 == size))
}

# True when a jar is complete, and not older than any source that it is built from.
is_up_to_date() {
    local jar=$1
    shift
    is_whole_jar "$jar" || return 1
    [[ -z $(find pom.xml native-shim native-driver java/core "$@" \
        \( -name target -prune \) -o -type f -newer "$jar" -print -quit) ]]
}

# Maven looks only at the time of its jars, so incomplete ones are deleted.
remove_broken_jars() {
    local jar
    for jar in java/*/target/*.jar; do
        [[ ! -e $jar ]] || is_whole_jar "$jar" || rm "$jar"
    done
}

# Builds a runnable jar unless it is up to date. Under a lock, so that two scripts do not build it at the same time.
build_if_needed() {
    local jar=$1 module=$2
    is_up_to_date "$jar" "$module" && return
    require_packages "${BUILD_PACKAGES[@]}"
    mkdir -p target
    exec 9>target/build.lock
    flock 9
    if ! is_up_to_date "$jar" "$module"; then
        note "Building, which takes a minute or two the first time ..."
        remove_broken_jars
        build_quietly "$module"
    fi
    exec 9>&-
}

# The version that the poms name.
project_version() {
    sed -n '/<artifactId>wskbridge-parent</,$ s/.*<version>\(.*\)<\/version>.*/\1/p' pom.xml | head -n 1
}

# Copies the files of the project, committed or not, to a new folder.
copy_tree() {
    local place=$1 file
    rm -rf "$place"
    mkdir -p "$place"
    git ls-files -z --cached --others --exclude-standard --deduplicate |
        while IFS= read -r -d '' file; do
            [[ ! -e $file ]] || printf '%s\0' "$file"
        done |
        tar --create --null --files-from=- | tar --extract --directory "$place"
}

CLI_JAR=java/cli/target/wskbridge-cli.jar

# The java that runs the built programs.
java_command() {
    find_jdk || fail "no JDK 17 or later found"
    printf '%s/bin/java\n' "$JDK_HOME"
}

# ---- C and C++ sources --------------------------------------------------------------------------------------------

# NUL-terminated names of all C and C++ sources.
c_sources() {
    find native-driver native-shim -name target -prune -o -type f \
        \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -print0
}

# Versions of clang-format lay code out differently; the sources follow Debian 12's.
clang_format_is_ours() {
    command -v clang-format >/dev/null && clang-format --version | grep -q 'version 14\.'
}
