#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# aarch64_cpus.sh CTEST BUILD short|others: tests of a cross build as four CPUs; qemu takes the CPU from QEMU_CPU.
#
#   short    what the default test run has time for: unit tests and kernel check as `max`, then the kernel check with few
#            cases and a part of the corpus as the other three
#   others   all of dispatch, check, models and streams as the other three, for after a whole run as `max`
#
# Never run: dispatch.context (asks /proc for huge pages), packed.roundtrip@neon (expects a layout of panels per ISA),
# model.stacks and identity.matrix (more than five minutes under qemu).
set -euo pipefail

ctest=$1 build=$2 mode=$3
never='^(dispatch\.context|packed\.roundtrip@neon|model\.stacks|identity\.matrix)$'
status=0
if [[ $mode == short ]]; then
    QEMU_CPU=max "$ctest" --test-dir "$build" --output-on-failure -j "$(nproc)" -L '^(unit|check)$' -LE '^slow$' \
        -E "$never|hostile|storm|faults|traps|^tune\.|stream\.rows|packing|limits|cross" || status=$?
fi
for cpu in neoverse-n1 cortex-a72 a64fx; do
    echo "==> $cpu"
    export QEMU_CPU=$cpu
    every=5
    if [[ $mode == short ]]; then
        every=10
        qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/tests/check/check" --cases 10 | tail -n 1 || status=$?
    else
        "$ctest" --test-dir "$build" --output-on-failure -j "$(nproc)" -LE '^slow$' -R '^(check$|dispatch\.|model\.|stream)' \
            -E "$never" || status=$?
    fi
    qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/tests/corpus/corpus" tests/corpus/hashes.txt --every "$every" || status=$?
done
exit "$status"
