#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# shards.sh PROGRAM RNNPACK EXAMPLES: the hash is that of the README, however many processes serve the channels; nothing of
# the mapped file is copied.
set -euo pipefail
program=$1 rnnpack=$2 examples=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$rnnpack" pack "$examples/ecg/forecaster.onnx" -o "$work/forecaster.rnnp" >"$work/packed"
for processes in 1 2 3 30; do
    "$program" run "$work/forecaster.rnnp" 23 "$processes" >"$work/out"
    grep -qx "23 channels, 50 steps, $processes processes: e1c63fcb17faded6" "$work/out" ||
        { echo "FAILED: $processes processes" && cat "$work/out" && exit 1; }
done
for line in "23 channels, 50 steps, 1 processes: e1c63fcb17faded6" "23 channels, 50 steps, 3 processes: e1c63fcb17faded6"; do
    grep -qF "$line" "$examples/shards/README.md" || { echo "FAILED: README has no '$line'" && exit 1; }
done
"$program" fit "$work/forecaster.rnnp" 0.2 >"$work/out"
grep -qE '^[0-9]+ channels a core at 0.2 ms.*; 0 KiB of the model.s file are this process.s own$' "$work/out" ||
    { echo "FAILED: fit" && cat "$work/out" && exit 1; }
if "$program" run "$work/missing.rnnp" 3 2 2>"$work/err"; then echo "FAILED: a file that is missing" && exit 1; fi
grep -q "missing.rnnp" "$work/err" || { echo "FAILED: no sentence" && exit 1; }
echo "the same bits, one copy of the weights"
