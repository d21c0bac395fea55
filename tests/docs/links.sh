#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# links.sh TREE: every relative link of a Markdown page leads to a file that exists and to a heading that this file has; every
# page that code, scripts or tests mention exists; and every name of the library that a page mentions is in its source.
set -euo pipefail
cd "$1"

errors=0
complain() {
    echo "$*"
    errors=$((errors + 1))
}

# anchors PAGE: the anchors of its headings, made as GitHub makes them: lower case, without punctuation, hyphens for blanks.
anchors() {
    awk '/^```/ { code = !code } !code && /^#+ / {
        sub(/^#+ +/, ""); line = tolower($0); gsub(/[^a-z0-9 _-]/, "", line); gsub(/ /, "-", line); print line }' "$1"
}
tracked() {
    find . \( -name build -o -name .git \) -prune -o -type f \( "$@" \) -print | sort
}

mapfile -t pages < <(tracked -name '*.md')
for page in "${pages[@]}"; do
    while IFS= read -r link; do
        file=${link%%#*} anchor=""
        [[ $link != *#* ]] || anchor=${link#*#}
        target=$page
        [[ -z $file ]] || target=$(dirname "$page")/$file
        if [[ ! -e $target ]]; then
            complain "$page: no file $link"
        elif [[ -n $anchor ]] && ! anchors "$target" | grep -qxF -e "$anchor"; then
            complain "$page: no heading $link"
        fi
    done < <(grep -oE '\]\([^) ]+\)' "$page" | sed 's/^](//; s/)$//' | grep -vE '^(https?|mailto):' || true)
done

while IFS=: read -r file mention; do
    [[ -e $mention ]] || complain "$file: no page $mention"
done < <(tracked -name '*.[ch]' -o -name '*.cpp' -o -name '*.def' -o -name '*.sh' -o -name '*.py' -o -name 'CMakeLists.txt' \
    -o -path './script/*' -o -name '*.md' | xargs grep -oHE '\bdocs/[a-z/-]+\.md')

# A name that has changed or gone would mislead whoever looks for it. CHANGELOG.md tells of old names.
names=$(grep -rohE '\b(rnnp|RNNP)_[A-Za-z0-9_]+' include src kernels autotune dispatch CMakeLists.txt cmake | sort -u)
while IFS=: read -r page name; do
    grep -qxF -e "$name" <<<"$names" || complain "$page: the source has no $name"
done < <(printf '%s\n' "${pages[@]}" | grep -v CHANGELOG.md | xargs grep -oHE '\b(rnnp|RNNP)_[A-Za-z0-9_]*[A-Za-z0-9]\b' | sort -u)

((errors == 0)) || { echo "$errors errors" && exit 1; }
echo "${#pages[@]} pages: all links lead somewhere"
