#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# compilers.sh CMAKE SOURCE BUILD XXHASH_FOLDER sample|long: the corpus has the same bits whoever compiles the library.
# Prints a table: what was compiled how, models run, and how many of them differ.
#
#   sample a compiler of the other kind and a part of the models
#   long   gcc, clang and clang-19 at -O0, -O2 and -O3, static and shared, with link-time optimisation in the program and
#          in both, gcc with and without hwloc, musl; all models
#
# A compiler that is not installed is named in its row. Exit status 1 when a row differs or cannot be built.
set -euo pipefail

cmake=$1 source=$2 build=$3 xxhash=$4 part=$5
failures=0 rows=0 sum=0
log=$build/log.txt
mkdir -p "$build"

line() {
    printf '%-9s  %-9s  %-7s  %-5s  %-11s  %7s  %s\n' "$@"
}

# lto COMPILER: what makes it link code that is in its own form.
lto() {
    case $1 in
    gcc) echo -flto ;;
    clang) echo -flto -fuse-ld=lld ;;
    *) echo "-flto -fuse-ld=lld${1#clang}" ;;
    esac
}

# compile COMPILER FLAGS static|shared HWLOC PROGRAM_FLAGS: makes $folder/corpus.
compile() {
    local compiler=$1 flags=$2 kind=$3 hwloc=$4 program=$5 target=rnnpack-static libraries
    local -a link options=()
    libraries=("$folder/librnnpack.a")
    if [[ $kind == shared ]]; then
        target=rnnpack libraries=(-L"$folder" -lrnnpack "-Wl,-rpath,$folder")
    elif [[ $hwloc == ON ]]; then
        libraries+=(-lhwloc)
    fi
    if [[ $compiler == musl-gcc ]]; then # Debian's finds no headers of Linux
        mkdir -p "$build/linux"
        ln -sfn /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm" "$build/linux"
        flags+=" -idirafter $build/linux"
    fi
    if [[ $flags == *-flto* ]]; then # archives of such code want the compiler's own ar
        case $compiler in
        gcc) options=(-DCMAKE_AR="$(command -v gcc-ar)" -DCMAKE_RANLIB="$(command -v gcc-ranlib)") ;;
        *) options=(-DCMAKE_AR="$(command -v "llvm-ar${compiler#clang}")"
            -DCMAKE_RANLIB="$(command -v "llvm-ranlib${compiler#clang}")") ;;
        esac
    fi
    "$cmake" -S "$source" -B "$folder" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_C_FLAGS="$flags" -DRNNP_WITH_HWLOC="$hwloc" -DXXHASH_INCLUDE_DIR="$xxhash" -DRNNP_BUILD_ONNX=OFF \
        -DRNNP_BUILD_CLI=OFF -DRNNP_BUILD_TESTS=OFF -DRNNP_BUILD_EXAMPLES=OFF -DRNNP_BUILD_BENCH=OFF "${options[@]}" &&
        "$cmake" --build "$folder" --target "$target" || return
    read -ra link <<<"$program"
    # shellcheck disable=SC2086 # flags are words
    "$compiler" -std=c11 -D_POSIX_C_SOURCE=200809L -ffp-contract=off $flags -I"$source/include" \
        "$source"/tests/corpus/{corpus,models}.c "${link[@]}" "${libraries[@]}" -lm -pthread -o "$folder/corpus"
}

# try EVERY COMPILER FLAGS static|shared HWLOC PROGRAM_FLAGS: a row of the table, with every EVERYth model.
try() {
    local every=$1 compiler=$2 flags=$3 kind=$4 hwloc=$5 program=$6 output counts status=0
    shift
    if ! command -v "$compiler" >/dev/null; then
        line "$@" - "not tried: $compiler is not installed"
        return
    fi
    if [[ $program == *lld* ]] && ! command -v "ld.lld${compiler#clang}" >/dev/null; then
        line "$@" - "not tried: ld.lld${compiler#clang} is not installed"
        return
    fi
    folder=$build/$compiler${flags// /}-hwloc-$hwloc
    if ! (compile "$@") >"$log" 2>&1; then
        line "$@" - "NOT BUILT"
        tail -20 "$log"
        failures=$((failures + 1))
        return
    fi
    output=$("$folder/corpus" "$source/tests/corpus/hashes.txt" --every "$every") || status=$?
    counts=$(sed -n 's/.* combinations, \([0-9]*\) models run, \([0-9]*\) differences$/\1 \2/p' <<<"$output")
    line "$@" "${counts% *}" "${counts#* }"
    rows=$((rows + 1)) sum=$((sum + ${counts% *}))
    if ((status)); then
        echo "$output"
        failures=$((failures + 1))
    fi
}

line compiler library form hwloc program models differences
if [[ $part == sample ]]; then
    try 10 clang -O1 shared OFF ""
else
    for compiler in gcc clang clang-19; do
        for level in -O0 -O2 -O3; do
            try 1 "$compiler" "$level" static OFF ""
            try 1 "$compiler" "$level" shared OFF ""
        done
        try 1 "$compiler" -O2 static OFF "$(lto "$compiler")"
        try 1 "$compiler" "-O2 -flto" static OFF "$(lto "$compiler")"
    done
    if [[ -r /usr/include/hwloc.h ]]; then
        try 1 gcc -O2 static ON ""
        try 1 gcc -O2 shared ON ""
    else
        echo "hwloc: not tried, it is not installed"
    fi
    try 1 musl-gcc -O2 static OFF -static
fi
echo "$rows compilations, $sum models run, $failures failures"
exit $((failures > 0 || rows == 0))
