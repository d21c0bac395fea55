#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# aarch64.sh CMAKE CTEST SOURCE BUILD: cross builds for aarch64 and runs the tests under qemu as four CPUs.
set -euo pipefail

cmake=$1 ctest=$2 source=$3 build=$4

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        exit 77
    fi
done
cd "$source"
"$cmake" --preset aarch64-qemu -B "$build"
"$cmake" --build "$build"
exec tests/cross/aarch64_cpus.sh "$ctest" "$build" short
