#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# caps.sh CTEST BUILD ISA: the tests under a cap, as on a CPU that has no more; without those that visit every ISA
# themselves (name@isa, the matrices), and those of tools, builds and files, which know none.
set -euo pipefail

ctest=$1 build=$2 isa=$3
if ! "$build/tests/with_isa" "$isa" true; then
    exit 77
fi
work=$(mktemp -d) # ctest keeps one log per folder
trap 'rm -rf "$work"' EXIT
echo "subdirs(\"$build\")" >"$work/CTestTestfile.cmake"
RNNPACK_MAX_ISA=$isa "$ctest" --test-dir "$work" --output-on-failure -j "$(nproc)" -LE '^long$' \
    -E '@|matrix|pytorch|exported|hostile|emulated|^(bench|corpus\.|cross|deps|docs|fuzz|headers|install|package|python|records|site|structs|sweep|symbols)'
