#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# layers.sh ROOT: which folder may include from which. The first rule whose folder holds the file counts; the words
# after it are the folders (or files) it may include from, itself among them. Includes that are no file of ours are the
# system's.
set -euo pipefail
cd "$1"

rules='
include/   include/
kernels/   kernels/ dispatch/isa.def dispatch/features.h include/
dispatch/  dispatch/ kernels/ include/
src/cli/   src/cli/ include/
src/       src/ dispatch/ kernels/ include/
examples/  examples/ include/
'

# Prints the path of our file that an include line names, or nothing.
resolve() {
    local including=$1 name=$2 folder
    for folder in "$(dirname "$including")" include src .; do
        if [[ -f $folder/$name ]]; then
            realpath --relative-to=. "$folder/$name"
            return
        fi
    done
}

# Prints the folders that a file may include from.
allowed_for() {
    local folder allowed
    while read -r folder allowed; do
        if [[ -n $folder && $1 == "$folder"* ]]; then
            echo "$allowed"
            return
        fi
    done <<<"$rules"
}

bad=0 seen=0
while IFS=: read -r file name; do
    target=$(resolve "$file" "$name")
    [[ -n $target ]] || continue
    seen=$((seen + 1))
    ok=0
    for folder in $(allowed_for "$file"); do
        [[ $target == "$folder"* ]] && ok=1
    done
    if ((!ok)); then
        echo "$file includes $target"
        bad=1
    fi
done < <(grep -rEo --include='*.[ch]' '^ *# *include *["<][^">]+' include kernels dispatch src examples |
    sed -E 's/: *# *include *["<]/:/')

((seen > 0)) || { echo "no include found: is $1 the source tree?" && exit 1; }
echo "$seen includes looked at"
exit $bad
