#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# published.sh NAME PROGRAM EXAMPLE: an example of a published model prints what its README says, where that
# does not depend on the host.
set -euo pipefail
name=$1 program=$2 example=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*"
    [[ ! -s $work/out ]] || cat "$work/out"
    exit 1
}
# run ARGUMENT...: the program's output in $work/out.
run() { "$program" "$@" >"$work/out" 2>&1 || fail "exit status $?"; }
# refused SENTENCE ARGUMENT...: the program ends with this error.
refused() {
    local sentence=$1
    shift
    ! "$program" "$@" >"$work/out" 2>&1 || fail "took $*"
    grep -qxF -e "$sentence" "$work/out" || fail "another error than '$sentence'"
}
# readme FIRST-WORD...: README.md has every line of the output that begins with one of these words, and there are some.
readme() {
    local word line
    for word in "$@"; do
        grep -qE "^ *$word" "$work/out" || fail "no line '$word'"
        while IFS= read -r line; do
            grep -qxF -e "$line" "$example/README.md" || fail "README.md has no line '$line'"
        done < <(grep -E "^ *$word" "$work/out")
    done
}

case $name in
rnnoise)
    run "$example/rnnoise.onnx" "$example/data/speech.f32" "$example/data/expected.f32"
    readme '[0-9]' network hash expected
    refused '278 frames of features, 507 of expected results' "$example/rnnoise.onnx" "$example/data/speech.f32" \
        "$example/data/speech.f32"
    ;;
*) fail "no example $name" ;;
esac
