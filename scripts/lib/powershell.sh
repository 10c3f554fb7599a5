# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A parser of PowerShell in Python, and its use. Source it after common.sh; it wants the package python3-venv.

POWERSHELL_PARSER=$ROOT/target/powershell-parser

prepare_powershell() {
    local requirements='tree-sitter==0.26.1 tree-sitter-powershell==0.26.4' stamp=$POWERSHELL_PARSER/requirements
    if [[ $(cat "$stamp" 2>/dev/null) != "$requirements" ]]; then
        rm -rf "$POWERSHELL_PARSER"
        /usr/bin/python3 -m venv "$POWERSHELL_PARSER"
        # shellcheck disable=SC2086
        "$POWERSHELL_PARSER/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: $requirements \
            >"$POWERSHELL_PARSER/pip.log" 2>&1 ||
            fail_with_log "pip could not install $requirements" "$POWERSHELL_PARSER/pip.log" 20
        printf '%s\n' "$requirements" >"$stamp"
    fi
}

check_powershell() { "$POWERSHELL_PARSER/bin/python" "$ROOT/scripts/lib/powershell-syntax.py" "$@"; }
