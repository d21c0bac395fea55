#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# pages.sh PROGRAM TREE PAGE...: runs the shell blocks (```sh) of each page of TREE/docs from first to last, in a folder that is
# empty but for the examples, with PROGRAM as rnnpack. What a ```text block shows is what the block before it prints.
set -euo pipefail
program=$(realpath "$1")
tree=$(realpath "$2")
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$program" "$work/bin/rnnpack"
export PATH=$work/bin:$PATH

for page in "$@"; do
    page=$tree/docs/$page
    mkdir "$work/page" "$work/blocks"
    ln -s "$tree/examples" "$work/page"
    # The blocks in order: 01.sh, 02.text, ...
    awk -v to="$work/blocks" '
        /^```(sh|text)$/ { kind = substr($0, 4); file = sprintf("%s/%02d.%s", to, ++n, kind); printf "" >file; next }
        /^```/ { file = "" }
        file != "" { print >file }' "$page"
    count=0
    for block in "$work"/blocks/*; do
        if [[ $block == *.sh ]]; then
            (cd "$work/page" && bash -eu "$block") >"$work/out" 2>&1 </dev/null ||
                { cat "$block" "$work/out" && echo "$page: this block failed" && exit 1; }
            count=$((count + 1))
        else
            diff "$block" "$work/out" || { echo "$page: another output than shown" && exit 1; }
        fi
    done
    ((count > 0)) || { echo "$page has no shell block" && exit 1; }
    echo "$(basename "$page"): $count blocks ran"
    rm -r "$work/page" "$work/blocks"
done
