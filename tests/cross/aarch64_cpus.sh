#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# aarch64_cpus.sh CTEST BUILD all|others: tests of a cross build as four CPUs; qemu takes the CPU from QEMU_CPU.
#
#   all      every test as `max`, but those that hold the tuner to times, which an emulated CPU does not keep, and those of
#            damaged files and of processes that share one, which take minutes and no kernel, and attributions by
#            the generic kernels; then:
#   others   dispatch, a tenth of the check, models, streams and a tenth of the corpus as the other three, without tests of
#            rules that no kernel takes part in, and without the longest; a64fx, which qemu emulates three times as
#            slowly, without models and streams
set -euo pipefail

ctest=$1 build=$2 mode=$3
qemu=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
status=0
tests=("$ctest" --test-dir "$build" --output-on-failure -j "$(nproc)" -LE '^long$')
slow='^(tune\.(tune|ends|faults)|packed\.hostile|records\.storm|train\.attribute@generic)$'
[[ $mode == others ]] || QEMU_CPU=max "${tests[@]}" -E "$slow" || status=$?
for cpu in neoverse-n1 cortex-a72 a64fx; do
    echo "==> $cpu"
    export QEMU_CPU=$cpu
    left_out='^model\.(order_rules|index_rules|partial|functions|operators|stack_graphs|stacks|conv)|^stream\.rows'
    chosen='^(dispatch\.|model\.|stream)' cases=20 every=10
    [[ $cpu != a64fx ]] || chosen='^dispatch\.' cases=5 every=40
    "${tests[@]}" -R "$chosen" -E "$left_out" || status=$?
    "${qemu[@]}" "$build/tests/check/check" --cases $cases | tail -n 1 || status=$?
    "${qemu[@]}" "$build/tests/corpus/corpus" tests/corpus/hashes.txt --every $every || status=$?
done
exit "$status"
