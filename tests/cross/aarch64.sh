#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# aarch64.sh CMAKE CTEST SOURCE BUILD sample|long: cross builds for aarch64 and runs tests under qemu.
#
#   sample   the kernel check, dispatch, streams and a part of the corpus, as one CPU
#   long     everything, as four CPUs (aarch64_cpus.sh)
set -euo pipefail

cmake=$1 ctest=$2 source=$3 build=$4 part=$5

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        exit 77
    fi
done
cd "$source"
"$cmake" --preset aarch64-qemu -B "$build"
if [[ $part == sample ]]; then
    programs=(dispatch/dispatch.fake_cpus stream/stream)
    "$cmake" --build "$build" --target check corpus "${programs[@]##*/}"
    qemu=(qemu-aarch64 -cpu cortex-a72 -L /usr/aarch64-linux-gnu)
    "${qemu[@]}" "$build/tests/check/check" --cases 1 | tail -n 1
    "${qemu[@]}" "$build/tests/corpus/corpus" tests/corpus/hashes.txt --every 40
    for program in "${programs[@]}"; do
        "${qemu[@]}" "$build/tests/$program"
    done
else
    "$cmake" --build "$build"
    exec tests/cross/aarch64_cpus.sh "$ctest" "$build" all
fi
