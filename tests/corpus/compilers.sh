#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# compilers.sh CMAKE SOURCE BUILD XXHASH_FOLDER: the corpus has the same bits from every compiler here, at -O0, -O2 and
# -O3, shared and static, with and without hwloc, with link-time optimisation in the program's build, and linked wholly
# static with musl. Prints the matrix; what is not installed here is named.
set -euo pipefail

cmake=$1 source=$2 build=$3 xxhash=$4
failures=0
lines=("$source"/tests/corpus/{corpus,models}.c)

# try NAME COMPILER CORE_FLAGS HWLOC LIBRARY CMAKE_OPTIONS -- PROGRAM_FLAGS...: one line of the matrix.
try() {
    local name=$1 compiler=$2 flags=$3 hwloc=$4 library=$5 folder result
    local -a options=() link
    shift 5
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    if ! command -v "$compiler" >/dev/null; then
        echo "$name: not tried, $compiler is not installed"
        return
    fi
    folder=$build/${compiler}${flags// /}-hwloc-$hwloc
    mkdir -p "$folder"
    if ! {
        "$cmake" -S "$source" -B "$folder" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=None \
            -DCMAKE_C_FLAGS="$flags" -DRNNP_WITH_HWLOC="$hwloc" -DRNNP_BUILD_ONNX=OFF -DRNNP_BUILD_CLI=OFF \
            -DRNNP_BUILD_TESTS=OFF -DRNNP_BUILD_EXAMPLES=OFF -DRNNP_BUILD_BENCH=OFF "${options[@]}" &&
            "$cmake" --build "$folder" --target "$library"
    } >"$folder/log.txt" 2>&1; then
        tail -20 "$folder/log.txt"
        echo "$name: NOT BUILT"
        failures=$((failures + 1))
        return
    fi
    link=("$folder/librnnpack.a")
    [[ $library == rnnpack ]] && link=(-L"$folder" -lrnnpack "-Wl,-rpath,$folder")
    [[ $hwloc == ON && $library != rnnpack ]] && link+=(-lhwloc)
    # shellcheck disable=SC2086 # flags are words
    "$compiler" -std=c11 -D_POSIX_C_SOURCE=200809L -ffp-contract=off $flags "$@" -I"$source/include" "${lines[@]}" \
        "${link[@]}" -lm -pthread -o "$folder/corpus"
    if result=$("$folder/corpus" "$source/tests/corpus/hashes.txt"); then
        echo "$name: $(tail -1 <<<"$result")"
    else
        printf '%s\n%s: FAILED\n' "$result" "$name"
        failures=$((failures + 1))
    fi
}

for compiler in gcc clang clang-19; do
    for level in -O0 -O2 -O3; do
        try "$compiler $level, static" "$compiler" "$level" OFF rnnpack-static --
    done
    try "$compiler -O2, shared" "$compiler" -O2 OFF rnnpack --
    try "$compiler -O2, static library, program with -flto" "$compiler" -O2 OFF rnnpack-static -- -flto
    try "$compiler -O2, library and program with -flto" "$compiler" "-O2 -flto" OFF rnnpack-static --
done
if [[ -r /usr/include/hwloc.h ]]; then
    try "gcc -O2, static, hwloc" gcc -O2 ON rnnpack-static --
    try "gcc -O2, shared, hwloc" gcc -O2 ON rnnpack --
else
    echo "hwloc: not tried, it is not installed"
fi
try "musl-gcc -O2, wholly static" musl-gcc -O2 OFF rnnpack-static -DXXHASH_INCLUDE_DIR="$xxhash" -- -static
echo "$failures failures"
exit $((failures > 0))
