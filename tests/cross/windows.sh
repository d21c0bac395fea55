#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# windows.sh CMAKE SOURCE BUILD XXHASH sample|long: what mingw-w64 makes of the library.
#
#   sample   the files that call the system compile without a warning; vectors on the stack need no alignment
#   long     a cross build; under Wine the kernel check, the corpus, dispatch, threads and streams
set -euo pipefail

cmake=$1 source=$2 build=$3 xxhash=$4 part=$5
cc=x86_64-w64-mingw32-gcc-posix

if ! command -v $cc >/dev/null; then
    echo "skipped: $cc is not installed (script/bootstrap --windows)"
    exit 77
fi
cd "$source"
if [[ $part == sample ]]; then
    export cc xxhash
    compile() {
        "$cc" -std=c11 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -D_WIN32_WINNT=0x0A00 \
            -D__USE_MINGW_ANSI_STDIO=1 -D__printf__=__gnu_printf__ -DRNNP_BUILDING -Iinclude -isystem "$xxhash" \
            -isystem src/windows "$1"
    }
    export -f compile
    mapfile -t files < <(grep -lE '^#include <(fcntl|fnmatch|sched|signal|time|unistd|sys/.*)\.h>' \
        autotune/*.c dispatch/*.c src/*.c src/{cells,graph,packed,threads,train}/*.c && echo src/threads/event.c)
    files+=(src/windows/*.c)
    printf '%s\0' "${files[@]}" | xargs -0 -P 2 -I{} bash -c 'compile {}'
    echo "${#files[@]} files compile for Windows"

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cat >"$work/keep.c" <<'END'
void keep(void);
void keep(void) { __asm__ volatile("vmovaps %zmm0, 64(%rsp)"); }
END
    echo "$work/keep.o" >"$work/list"
    $cc -O2 -mavx512f -c "$work/keep.c" -o "$work/keep.o"
    if tests/cross/vectors.sh x86_64-w64-mingw32-objdump "$work/list" >/dev/null; then
        echo "a move that needs alignment was not found"
        exit 1
    fi
    $cc -O2 -mavx512f -Wa,-muse-unaligned-vector-move -c "$work/keep.c" -o "$work/keep.o"
    exec tests/cross/vectors.sh x86_64-w64-mingw32-objdump "$work/list"
fi

if ! command -v wine64 wine >/dev/null && [[ ! -x /usr/lib/wine/wine64 ]]; then
    echo "skipped: wine64 is not installed (script/bootstrap --windows)"
    exit 77
fi
"$cmake" --preset mingw -B "$build"
"$cmake" --build "$build" --target check corpus dispatch.threads stream threads.shares
wine=tests/cross/wine.sh
$wine "$build/tests/check/check.exe" --cases 20 | tail -n 1
$wine "$build/tests/corpus/corpus.exe" tests/corpus/hashes.txt
for program in dispatch/dispatch.threads stream/stream threads/threads.shares; do
    $wine "$build/tests/$program.exe"
done
