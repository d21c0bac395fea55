#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# detects.sh HASHES COMMAND...: the corpus program must fail for one changed hash, a line that is missing, and an ISA that
# does not exist.
set -euo pipefail

hashes=$1
shift
changed=$(mktemp)
trap 'rm -f "$changed"' EXIT
failures=0

# expect TEXT ARGUMENT...: the program must fail and say so.
expect() {
    local text=$1 output
    shift
    if output=$("${command[@]}" "$@" --every 100000) || [[ $output != *"$text"* ]]; then
        printf 'not detected: %s\n%s\n' "$text" "$output"
        failures=$((failures + 1))
    fi
}
command=("$@")

first=$(grep -m1 -v '^#' "$hashes")
last=${first:1}
[[ $first == 0* ]] && digit=1 || digit=0
sed "s/^$first\$/$digit$last/" "$hashes" >"$changed"
expect "DIFFERS" "$changed"
sed "/^$first\$/d" "$hashes" >"$changed"
expect "the file of hashes has no line, or another one, for model 0" "$changed"
: >"$changed"
expect "the file of hashes has no line" "$changed"
expect "0 combinations" "$hashes" --only none
exit $((failures > 0))
