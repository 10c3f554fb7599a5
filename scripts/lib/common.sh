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

# The comment at the head of a script, without its first two lines, is its help.
print_help() {
    sed -n '3,/^[^#]/ { s/^# \{0,1\}//p }' "$0" | sed '/^SPDX/d'
}

# ---- what must be installed ---------------------------------------------------------------------------------------

# True when a JDK that can compile for Java 17 in its own right is there; sets JDK_HOME.
find_jdk_17() {
    local home
    for home in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
        if [[ -x $home/bin/javac && -r $home/release ]] && grep -q '^JAVA_VERSION="17[."]' "$home/release"; then
            JDK_HOME=$home
            return 0
        fi
    done
    return 1
}

has_googletest() { [[ -e /usr/include/gtest/gtest.h ]]; }

is_missing() {
    case $1 in
        openjdk-17-jdk-headless) ! find_jdk_17 ;;
        maven) ! command -v mvn >/dev/null ;;
        ninja-build) ! command -v ninja >/dev/null ;;
        libgtest-dev) ! has_googletest ;;
        gcc-mingw-w64-x86-64-win32) ! command -v x86_64-w64-mingw32-gcc-win32 >/dev/null ;;
        g++-mingw-w64-x86-64-posix) ! command -v x86_64-w64-mingw32-g++-posix >/dev/null ;;
        g++-aarch64-linux-gnu) ! command -v aarch64-linux-gnu-g++ >/dev/null ;;
        qemu-user) ! command -v qemu-aarch64 >/dev/null ;;
        wine) [[ ! -x /usr/lib/wine/wine64 ]] && ! command -v wine64 >/dev/null ;;
        python3-pip) ! python3 -m pip --version >/dev/null 2>&1 ;;
        python3-venv) ! /usr/bin/python3 -c 'import ensurepip' 2>/dev/null ;;
        libxml2-utils) ! command -v xmllint >/dev/null ;;
        *) ! command -v "$1" >/dev/null ;;
    esac
}

purpose_of() {
    case $1 in
        openjdk-17-jdk-headless) echo "compiles and runs the Java part" ;;
        maven) echo "builds everything" ;;
        gcc | g++) echo "compiles the driver, its host and the shim, and their tests" ;;
        cmake | ninja-build) echo "builds the native part" ;;
        libgtest-dev) echo "the native tests are written with it" ;;
        socat) echo "is the other end in tests" ;;
        shellcheck) echo "checks the scripts" ;;
        clang-format) echo "formats the C and C++ sources" ;;
        gcc-mingw-w64-x86-64-win32 | g++-mingw-w64-x86-64-posix) echo "compiles the driver and the shim for Windows" ;;
        g++-aarch64-linux-gnu) echo "compiles the library for 64-bit ARM Linux" ;;
        qemu-user) echo "runs the tests of that library" ;;
        wine) echo "runs the Windows binaries" ;;
        python3-pip) echo "downloads a Java runtime for Windows" ;;
        python3-venv) echo "holds the parser of PowerShell" ;;
        libxml2-utils | yamllint | clang) echo "checks what is for Windows" ;;
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

install_packages() {
    local log=$ROOT/target/logs/apt-get.log
    mkdir -p "${log%/*}"
    if ! { as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
        >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not install these: $*; all of its output is in $log"
    fi
}

# Installs those of the Debian packages named that are not there yet, and says which and why.
require_packages() {
    local package missing=()
    for package in "$@"; do
        if is_missing "$package"; then
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
            fail "only root can install them: run as root apt-get install ${missing[*]}"
        note "Installing them with apt-get ..."
        install_packages "${missing[@]}"
    fi
    find_jdk_17 || fail "JDK 17 was installed but is not under /usr/lib/jvm; set JAVA_HOME to it"
    export JAVA_HOME=$JDK_HOME
}

BUILD_PACKAGES=(openjdk-17-jdk-headless maven gcc g++ cmake ninja-build libgtest-dev)
TEST_PACKAGES=(socat shellcheck)
WINDOWS_PACKAGES=(gcc-mingw-w64-x86-64-win32 g++-mingw-w64-x86-64-posix)
ARM_PACKAGES=(g++-aarch64-linux-gnu)
WINE_PACKAGES=(wine python3-pip)
PACKAGE_PACKAGES=("${WINDOWS_PACKAGES[@]}" "${ARM_PACKAGES[@]}" git zip unzip)

# ---- Maven --------------------------------------------------------------------------------------------------------

# Of the output of Maven, surefire and ctest: what a person wants to see go by, and the runners' closing lines.
progress_only() {
    awk '
        /^\[INFO\] Building wskbridge/ { sub(/^\[INFO\] Building /, "    "); sub(/ *\[[0-9\/]+\]$/, ""); print }
        /Tests run:/ { print }
        /tests passed|tests failed|^Total Test time|\*\*\*/ { print }
        /^\[ERROR\]|^\[WARNING\] .*\.java/ { print }
        { fflush() }
    '
}

# Runs Maven with its progress on standard output and everything else in a log, whose end is shown when it fails.
maven() {
    local log=$ROOT/target/logs/$1.log
    shift
    mkdir -p "${log%/*}"
    if ! mvn -B -ntp -Dstyle.color=never "$@" </dev/null 2>&1 | tee "$log" | progress_only; then
        note
        note "Maven failed. The end of $log:"
        tail -n 60 "$log" >&2
        return 1
    fi
}

# Builds the modules named, with what they need and without tests, quietly.
build_quietly() {
    local log=$ROOT/target/logs/build.log modules=$1
    mkdir -p "${log%/*}"
    if ! mvn -B -ntp -Dstyle.color=never -Dmaven.test.skip=true -DskipNativeTests -Dnative.target=wskshim \
        -Dnative.windows.target=wskshim -Dmaven.javadoc.skip=true -pl "native-shim,java/core,$modules" package \
        </dev/null >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        fail "the build failed; all of its output is in $log"
    fi
}

# True when the file is not older than any source it is built from.
is_up_to_date() {
    local file=$1
    shift
    [[ -e $file ]] || return 1
    [[ -z $(find pom.xml native-shim native-driver java/core "$@" \
        \( -name target -prune \) -o -type f -newer "$file" -print -quit) ]]
}

# Builds a runnable jar unless it is up to date. Two scripts at once take turns.
build_if_needed() {
    local jar=$1 module=$2
    is_up_to_date "$jar" "$module" && return
    require_packages "${BUILD_PACKAGES[@]}"
    mkdir -p target
    exec 9>target/build.lock
    flock 9
    if ! is_up_to_date "$jar" "$module"; then
        note "Building, which takes a minute or two the first time ..."
        build_quietly "$module"
    fi
    exec 9>&-
}

# The version that the poms name.
project_version() {
    sed -n '/<artifactId>wskbridge-parent</,$ s/.*<version>\(.*\)<\/version>.*/\1/p' pom.xml | head -n 1
}

# Copies what belongs to the project, committed or not, to a new folder.
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

# The java that runs what was built.
java_command() {
    find_jdk_17 || fail "no JDK 17 found"
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
