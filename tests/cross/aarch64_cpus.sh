#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# aarch64_cpus.sh CTEST BUILD short|others: tests of a cross build as four CPUs; qemu takes the CPU from QEMU_CPU.
#
#   short    what the default test run has time for: most unit tests and the kernel check as `max`, then the kernel check
#            with few cases and a part of the corpus as the other three
#   others   all of dispatch, check, models and streams as the other three, for after a whole run as `max`
set -euo pipefail

ctest=$1 build=$2 mode=$3
qemu=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
status=0
if [[ $mode == short ]]; then
    QEMU_CPU=max "$ctest" --test-dir "$build" --output-on-failure -j "$(nproc)" -L '^(unit|check)$' -LE '^long$' \
        -E 'hostile|storm|faults|traps|^tune\.|stream\.rows|packing|stacks|limits|cross' || status=$?
fi
for cpu in neoverse-n1 cortex-a72 a64fx; do
    echo "==> $cpu"
    export QEMU_CPU=$cpu
    every=5
    if [[ $mode == short ]]; then
        every=10
        "${qemu[@]}" "$build/tests/check/check" --cases 10 | tail -n 1 || status=$?
    else
        "$ctest" --test-dir "$build" --output-on-failure -j "$(nproc)" -LE '^long$' \
            -R '^(check$|dispatch\.|model\.|stream)' || status=$?
    fi
    "${qemu[@]}" "$build/tests/corpus/corpus" tests/corpus/hashes.txt --every "$every" || status=$?
done
exit "$status"
