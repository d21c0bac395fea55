#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# vectors.sh OBJDUMP LIST...: no object of the lists has an AVX instruction that faults when its memory is not aligned.
# Windows aligns stacks to 16 bytes, and gcc keeps vectors of 32 and 64 bytes there.
set -euo pipefail
objdump=$1
shift

moves=0
while read -r object; do
    code=$("$objdump" -d --no-show-raw-insn "$object")
    if grep -m 3 -E '\bv(mov(ap[sd]|dqa(32|64)?|ntp[sd]|ntdqa?))\b' <<<"$code"; then
        echo "$object has moves that need alignment"
        exit 1
    fi
    moves=$((moves + $(grep -cE '\bvmov(up[sd]|dqu(8|16|32|64)?)\b.*\(%r[sb]p' <<<"$code" || true)))
done < <(cat "$@")
((moves > 0)) || { echo "no vector is kept on the stack: were these the objects?" && exit 1; }
echo "$moves moves of vectors on the stack, none needs alignment"
