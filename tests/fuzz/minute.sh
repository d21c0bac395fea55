#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# minute.sh build CMAKE SOURCE BUILD TARGET...: builds the targets with libFuzzer (preset fuzz) in the folder BUILD.
# minute.sh run BUILD TARGET REGRESSIONS [SECONDS]: fuzzes one for a minute (RNNPACK_FUZZ_SECONDS says another time), from
# its seeds and regressions on. An input that fails is kept as BUILD/found/TARGET-*: run TARGET on it, and put it into tests/fuzz/regressions with the repair.
set -euo pipefail

if ! echo 'int LLVMFuzzerTestOneInput(const char *p, long n); int LLVMFuzzerTestOneInput(const char *p, long n) { return !p && n; }' |
    clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null 2>/dev/null; then
    echo "skipped: clang is not installed, or not its libFuzzer (Debian: libclang-rt-14-dev)"
    exit 77
fi

case $1 in
build)
    cmake=$2 source=$3 build=$4
    shift 4
    if ! { "$cmake" -S "$source" --preset fuzz -B "$build" && "$cmake" --build "$build" --target "$@" fuzz-corpora; } \
        >"$build.log" 2>&1; then
        tail -40 "$build.log"
        exit 1
    fi
    ;;
run)
    build=$2 target=$3 regressions=$4 seconds=${5:-${RNNPACK_FUZZ_SECONDS:-60}}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$build/found" "$work/corpus"
    folders=("$build/tests/fuzz/seeds/${target#fuzz.}")
    [[ ! -d $regressions ]] || folders+=("$regressions")
    # A minute's inputs are small; what is slow or large is a fault.
    status=0
    "$build/tests/fuzz/$target" -max_total_time="$seconds" -max_len=8192 -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$build/found/$target-" "$work/corpus" "${folders[@]}" >"$work/log" 2>&1 || status=$?
    grep -vE '^#|^(NEW|REDUCE|INFO)' "$work/log" | tail -60
    exit "$status"
    ;;
esac
