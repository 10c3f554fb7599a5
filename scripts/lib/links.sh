# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Links between pages, and the files that pages name. Source it.

# The anchor that each heading of a page has.
anchors() {
    sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# Prints the broken links of a page; links to the network are not followed.
dead_links() {
    local page=$1 link file anchor
    while read -r link; do
        case $link in
            http://* | https://*) continue ;;
        esac
        file=${link%%#*}
        anchor=
        [[ $link != *'#'* ]] || anchor=${link#*#}
        file=${file:+$(dirname "$page")/$file}
        file=${file:-$page}
        if [[ ! -e $file ]]; then
            printf '%s links to %s, which is not there\n' "$page" "$link"
        elif [[ -n $anchor ]] && ! anchors "$file" | grep -qx -- "$anchor"; then
            printf '%s links to %s, and there is no such heading\n' "$page" "$link"
        fi
    done < <(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//')
}

# Prints the missing files that a text names: paths relative to the current folder that begin with one of the folders (an
# extended regular expression). Paths that match the pattern may be missing.
missing_paths() {
    local text=$1 folders=$2 elsewhere=${3:-} name path
    while read -r name; do
        path=${name//\\//}
        # shellcheck disable=SC2053
        [[ -e ${path%/} || $path == $elsewhere ]] || printf '%s names %s, which is not there\n' "$text" "$name"
    done < <(grep -oE "(^|[ \`\"(])($folders)[\\/][A-Za-z0-9_.\\/-]*" "$text" | sed -E 's/^[ `"(]//; s/[.\\]+$//; s/\\\\/\\/g' | sort -u)
}
