#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# clang_ubsan.sh CMAKE CTEST SOURCE BUILD: builds with clang's UndefinedBehaviorSanitizer (preset clang-ubsan), which also
# stops at conversions that change a value, and runs the library's tests there. gcc has no such checks.
set -euo pipefail

cmake=$1 ctest=$2 source=$3 build=$4

if ! echo 'int main(void) { return 0; }' | clang -fsanitize=undefined,implicit-conversion -x c - -o /dev/null 2>/dev/null; then
    echo "skipped: clang is not installed, or not its sanitizers (Debian: libclang-rt-14-dev)"
    exit 77
fi
if ! { "$cmake" -S "$source" --preset clang-ubsan -B "$build" && "$cmake" --build "$build"; } >"$build.log" 2>&1; then
    tail -40 "$build.log"
    exit 1
fi
# Left out: what builds or reads other builds, what loads the library into a program without clang's runtime, and what takes
# minutes without a sanitizer.
"$ctest" --test-dir "$build" --output-on-failure -j "$(nproc)" -LE long -E \
    '^(cross|install|python|corpus\.compilers|corpus\.emulated|identity|bench|train\.(matrix|pytorch|exported|sklearn)|sweep|hardening|tune|example)'
