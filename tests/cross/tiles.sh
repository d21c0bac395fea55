#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tiles.sh PYTHON TILES ISA...: gcc and clang keep the sums of a product in registers (in memory it takes four times as
# long). The steps on NEON take at most twice the instructions of AVX2 (whose vectors are twice as wide; 3.1 times for one
# row); the NEON tiles reach 0.9 of the FMA peak of the cores that llvm-mca models, and the check fails for a share that
# nothing reaches.
set -euo pipefail

python=$1 tiles=$2
shift 2
clang=$(command -v clang-14 clang | head -n 1) || true
for isa in "$@"; do
    "$python" "$tiles" --isa "$isa" --spills
    [[ -z $clang ]] || "$python" "$tiles" --isa "$isa" --spills --clang "$clang"
done
if ! command -v aarch64-linux-gnu-gcc >/dev/null; then
    echo "skipped: aarch64-linux-gnu-gcc is not installed"
    exit 77
fi
steps=$("$python" "$tiles" --steps --isa avx2 --isa neon)
echo "$steps"
awk '$1 == "neon" {n++; if ($NF <= 0 || $NF > ($3 == 1 ? 3.1 : 2)) {print "too many instructions: " $0; bad = 1}}
    END {exit bad || n != 10}' <<<"$steps"
"$python" "$tiles" --isa neon --least 0.9
if output=$("$python" "$tiles" --isa neon --least 1.01 2>&1) || [[ $output != *"below the least share"* ]]; then
    printf 'a share of 1.01 was reached, or not looked at:\n%s\n' "$output"
    exit 1
fi
