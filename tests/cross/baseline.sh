#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# baseline.sh OBJDUMP COMPILER BASELINE [FLAGS OBJECTS]...: what runs on every x86-64 CPU has SSE2 alone, and an ISA's
# objects have what its flags allow. BASELINE and OBJECTS are files with lists of objects, one a line. The detectors must
# find what is in the objects of ISAs with VEX and EVEX, and in a sample.
set -euo pipefail

objdump=$1 compiler=$2 baseline=$3
shift 3
failures=0 seen=""
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

echo "objects of the baseline: $(wc -l <"$baseline"), instructions: $(count '^ *[0-9a-f]+:	' "$baseline")"
expect "VEX in the baseline" "$vex" "$baseline" none
expect "EVEX in the baseline" "$evex" "$baseline" none
expect "SSE3 and later in the baseline" "$later" "$baseline" none
while (($#)); do
    flags=$1 objects=$2 name=${2##*/}
    may_vex=none may_evex=none
    [[ $flags == *-mavx* ]] && may_vex=some
    [[ $flags == *-mavx512* ]] && may_evex=some
    expect "VEX in ${name%.txt}" "$vex" "$objects" "$may_vex"
    expect "EVEX in ${name%.txt}" "$evex" "$objects" "$may_evex"
    seen+=" $may_vex-$may_evex"
    shift 2
done
[[ " $seen " == *" some-none "* && $seen == *" some-some"* ]] || { echo "no ISA to try the detectors on: $seen"; failures=1; }
exit $((failures > 0))
