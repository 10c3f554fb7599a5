# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Links between pages. Source it.

# The anchor that each heading of a page has.
anchors() {
    sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# Says which links of a page lead nowhere; those to the network are not followed.
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
