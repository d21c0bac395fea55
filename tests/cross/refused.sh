#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# refused.sh CMAKE SOURCE: configuring for a 32-bit or a big-endian target ends with a sentence that says why. clang
# compiles for all of them without their libraries, which the checks of the compiler then do without.
set -euo pipefail

cmake=$1 source=$2
if ! command -v clang >/dev/null; then
    echo "skipped: clang, which compiles for other targets, is not installed"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

while read -r target expected; do
    status=0
    "$cmake" -S "$source" -B "$work/$target" -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_C_COMPILER=clang \
        -DCMAKE_C_COMPILER_TARGET="$target" -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
        >"$work/$target.txt" 2>&1 || status=$?
    # CMake wraps its messages.
    said=$(tr -s ' \n' ' ' <"$work/$target.txt" | grep -o 'rnnpack needs a 64-bit little-endian target[^.]*\.' || true)
    echo "$target: ${said:-no such sentence}"
    if ((status == 0)) || [[ $said != *"$expected"* ]]; then
        cat "$work/$target.txt"
        failures=$((failures + 1))
    fi
done <<'TARGETS'
i386-linux-gnu 32-bit, LITTLE_ENDIAN
arm-linux-gnueabihf 32-bit, LITTLE_ENDIAN
powerpc64-linux-gnu 64-bit, BIG_ENDIAN
aarch64_be-linux-gnu 64-bit, BIG_ENDIAN
TARGETS
exit $((failures > 0))
