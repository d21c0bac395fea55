#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# baseline.sh OBJDUMP COMPILER BASELINE AVX2 AVX512: what runs on every x86-64 CPU has SSE2 alone. The last three are files
# with lists of objects, one a line. The detectors must find what is in the AVX2 and AVX-512 objects and in a sample.
set -euo pipefail

objdump=$1 compiler=$2 baseline=$3 avx2=$4 avx512=$5
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count PATTERN LIST: instructions, in objdump's wide format, that the pattern matches.
#
# In 64-bit mode an instruction whose first byte after segment and address-size prefixes is c4 or c5 is VEX coded, and
# with 62 it is EVEX coded; nothing else begins so.
prefixes='^ *[0-9a-f]+:	((26|2e|36|3e|64|65|67) )*'
vex="${prefixes}c[45] " evex="${prefixes}62 "
# SSE3 and later in the old encoding: the opcode maps 0f 38 and 0f 3a, and what was squeezed into 0f.
later="${prefixes}((66|f2|f3) )?(4[0-9a-f] )?0f 3[8a] "
later+="|	(addsubp[sd]|h(add|sub)p[sd]|lddqu|movddup|movs[hl]dup|popcnt|lzcnt) "
count() {
    xargs "$objdump" -d -w <"$2" | grep -cE "$1" || true
}

# expect NAME PATTERN LIST none|some
expect() {
    local found
    found=$(count "$2" "$3")
    echo "$1: $found"
    if [[ $4 == none && $found != 0 || $4 == some && $found == 0 ]]; then
        echo "  expected $4"
        xargs "$objdump" -d -w <"$3" | grep -E "$2|file format" | grep -E -B1 "$2" | head -20 || true
        failures=$((failures + 1))
    fi
}

# shellcheck disable=SC2016 # the dollar is the assembler's
printf '%s\n' 'pshufb %xmm1, %xmm0' 'roundss $1, %xmm9, %xmm8' 'crc32l %eax, %ecx' 'haddps %xmm1, %xmm0' \
    'popcnt %eax, %ecx' >"$work/later.s"
"$compiler" -c "$work/later.s" -o "$work/later.o"
echo "$work/later.o" >"$work/list"
found=$(count "$later" "$work/list")
echo "detected of 5 later instructions: $found"
[[ $found == 5 ]] || failures=1

echo "objects: $(wc -l <"$baseline") of the baseline, $(wc -l <"$avx2") of avx2, $(wc -l <"$avx512") of avx512"
echo "baseline instructions: $(count '^ *[0-9a-f]+:	' "$baseline")"
expect "VEX in the baseline" "$vex" "$baseline" none
expect "EVEX in the baseline" "$evex" "$baseline" none
expect "SSE3 and later in the baseline" "$later" "$baseline" none
expect "VEX in avx2" "$vex" "$avx2" some
expect "EVEX in avx2" "$evex" "$avx2" none
expect "EVEX in avx512" "$evex" "$avx512" some
exit $((failures > 0))
