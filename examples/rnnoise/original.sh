#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# original.sh CHECKOUT PROGRAM: compares RNNoise's own C code, built with -O2 from a checkout of its repository with the
# network of 2018 (231b9c0, v0.1 or v0.1.1), with PROGRAM, which is example-rnnoise: time and results for the same features.
set -euo pipefail

(($# == 2)) || { echo "usage: original.sh CHECKOUT PROGRAM" >&2 && exit 2; }
checkout=$1 program=$2 here=$(dirname "$0") rounds=9
[[ -s $checkout/src/rnn_data.c ]] || { echo "$checkout has no src/rnn_data.c: is it v0.1.1 of RNNoise?" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${CC:-cc}" -O2 -w -I"$checkout/include" -I"$checkout/src" -o "$work/original" "$here/original.c" \
    "$checkout/src/rnn.c" "$checkout/src/rnn_data.c" -lm

us() { sed -n 's/^speed *\([0-9.]*\) us a frame.*/\1/p' "$1"; }
for ((i = 0; i < rounds; i++)); do # in turn, so that a slow phase of the machine meets both
    "$work/original" "$here/data/speech.f32" "$work/results.f32" >"$work/theirs"
    "$program" "$here/rnnoise.onnx" "$here/data/speech.f32" "$work/results.f32" >"$work/ours"
    echo "$(us "$work/theirs") $(us "$work/ours")"
done | awk '{ printf "%s %s %.1f\n", $1, $2, $1 / $2 }' | sort -n -k 3 | awk -v middle=$(((rounds + 1) / 2)) '
    NR == 1 { least = $3 }
    NR == middle { line = sprintf("original  %s us a frame\nrnnpack   %s us a frame, %s times as fast", $1, $2, $3) }
    END { printf "%s (%s to %s in %d rounds)\n", line, least, $3, NR }'
grep '^expected' "$work/ours"
