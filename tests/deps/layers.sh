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
autotune/  autotune/ src/context.h src/structs.h src/clock.h src/file.h src/threads/ src/cells/ dispatch/ kernels/ include/
kernels/   kernels/ include/
dispatch/  dispatch/ kernels/ include/
src/cli/   src/cli/ include/ kernels/cells.def
src/ort/   src/ort/ include/
src/       src/ autotune/choice.h autotune/machine.h dispatch/ kernels/ include/
examples/  examples/ include/
'

# Sets target to the path of our file that an include line names, or to nothing.
resolve() {
    local including=$1 name=$2 folder
    target=
    for folder in "${including%/*}" include src .; do
        if [[ -f $folder/$name ]]; then
            target=$folder/$name
            break
        fi
    done
    # Takes out "x/.." until the path is plain.
    while [[ $target =~ (^|/)[^/.]+/\.\./ ]]; do
        target=${target/"${BASH_REMATCH[0]}"/"${BASH_REMATCH[1]}"}
    done
    target=${target#./}
}

# Sets allowed to the folders that a file may include from.
find_rule() {
    local folder
    while read -r folder allowed; do
        [[ -z $folder || $1 != "$folder"* ]] || return 0
    done <<<"$rules"
    echo "no rule for $1"
    exit 1
}

bad=0 seen=0
while IFS=: read -r file name; do
    resolve "$file" "$name"
    [[ -n $target ]] || continue
    find_rule "$file"
    seen=$((seen + 1))
    ok=0
    for folder in $allowed; do
        [[ $target != "$folder"* ]] || ok=1
    done
    if ((!ok)); then
        echo "$file includes $target"
        bad=1
    fi
done < <(grep -rEo --include='*.[ch]' --include='*.[ch]pp' '^ *# *include *["<][^">]+' include kernels dispatch autotune src examples |
    sed -E 's/: *# *include *["<]/:/')

((seen > 0)) || { echo "no include found: is $1 the source tree?" && exit 1; }
echo "$seen includes looked at"
exit $bad
