#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# baseline_arm.sh OBJDUMP COMPILER OBJECTS: the library for aarch64 has ARMv8.0 alone: no SVE, dot products, matrix
# products, bf16, half arithmetic or ARMv8.1 atomics, except where the CPU was asked first: in the probes
# (kernels/neon/probe.c) and in the tiles of the product s8_sdot, which have it in their names.
# OBJECTS is a file with a list of objects, one a line.
set -euo pipefail

objdump=$1 compiler=$2 objects=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# objdump prints the word in eight hex digits. SVE is what has 0010 in bits 28 to 25. Named registers tell half
# arithmetic: fadd v0.8h is not in ARMv8.0, conversions from and to half are.
sve='^ *[0-9a-f]+:	[02468ace][45][0-9a-f]{6} '
later="$sve|	((us|su|[us])dot|us?mmla|smmla|bf[a-z]+)	.*v[0-9]+\\.|	f(add|sub|mul|div|mla|mls|max|min)[a-z]*	v[0-9]+\\.[48]h"
later+="|	(cas|swp|ld(add|clr|eor|set|[su]max|[su]min)|st(add|clr|eor|set))[abhl]*	"
count() {
    "$objdump" -d "$@" | grep -cE "$later" || true
}

# The detector must find one of each.
cat >"$work/later.s" <<'END'
.arch armv8.6-a+sve+fp16+bf16+i8mm
fmla z0.s, p0/m, z1.s, z2.s
sdot v0.4s, v1.16b, v2.16b
smmla v0.4s, v1.16b, v2.16b
bfdot v0.4s, v1.8h, v2.8h
fadd v0.8h, v1.8h, v2.8h
ldaddal w0, w1, [x2]
END
"$compiler" -c "$work/later.s" -o "$work/later.o"
found=$(count "$work/later.o")
echo "detected of 6 later instructions: $found"
[[ $found == 6 ]] || exit 1

mapfile -t probes < <(grep '/probe\.c\.' "$objects")
mapfile -t files < <(grep -v '/probe\.c\.' "$objects")
echo "in ${#probes[@]} probes: $(count "${probes[@]}")"
elsewhere() { "$objdump" -d "${files[@]}" | awk '/^[0-9a-f]+ <.*>:$/ {asked = /s8_sdot/} !asked'; }
echo "in tiles of s8_sdot: $(($(count "${files[@]}") - $(elsewhere | grep -cE "$later" || true)))"
found=$(elsewhere | grep -cE "$later" || true)
echo "later than ARMv8.0 in ${#files[@]} objects, $(elsewhere | grep -cE '^ *[0-9a-f]+:	') instructions: $found"
if [[ $found != 0 ]]; then
    elsewhere | grep -E "$later|file format|>:$" | grep -E -B1 "$later" | head -20 || true
    exit 1
fi
