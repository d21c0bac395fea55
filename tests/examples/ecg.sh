#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# ecg.sh PROGRAM EXAMPLE: the ECG example finds what its README says, down to the last bit of every forecast.
set -euo pipefail
program=$1 example=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" "$example/forecaster.onnx" "$example/data/record208.i16" "$work" >"$work/out" ||
    { cat "$work/out" && exit 1; }
for word in beats agreement hash; do
    line=$(grep "^$word " "$work/out")
    grep -qxF "$line" "$example/README.md" || { echo "README.md has no line '$line'" && exit 1; }
done
[[ $(wc -l <"$work/signal.tsv") == 54000 ]] || { echo "signal.tsv is incomplete" && exit 1; }
