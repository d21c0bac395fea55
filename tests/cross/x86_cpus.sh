#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# x86_cpus.sh RNNPACK MODEL PROGRAM...: the real binaries on other x86 CPUs, by qemu: the right ISA is chosen, no
# instruction is illegal there, the model's outputs have one hash, and the test programs pass.
set -euo pipefail

rnnpack=$1 model=$2
shift 2
unset RNNPACK_MAX_ISA # the CPUs decide

if ! command -v qemu-x86_64 >/dev/null; then
    echo "skipped: qemu-x86_64 is not installed"
    exit 77
fi

failures=0
hashes=""
input=$(mktemp --suffix=.npy)
trap 'rm -f "$input"' EXIT
# an npy file: 40 steps, batch 1, one channel, all ones
{
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (40, 1, 1), }"
    for ((i = 0; i < 40; i++)); do printf '\x00\x00\x80\x3f'; done
} >"$input"

while read -r cpu expected; do
    chosen=$(qemu-x86_64 -cpu "$cpu" "$rnnpack" info --json 2>/dev/null | sed -n 's/^  "isa": "\(.*\)",$/\1/p')
    hash=$(qemu-x86_64 -cpu "$cpu" "$rnnpack" run "$model" --input ecg="$input" 2>/dev/null | awk '{print $NF}' || true)
    echo "$cpu: $chosen, outputs $hash"
    [[ $hash =~ ^[0-9a-f]{16}$ ]] || failures=$((failures + 1))
    hashes+="$hash"$'\n'
    [[ $chosen == "$expected" ]] || { echo "  expected $expected" && failures=$((failures + 1)); }
    for program in "$@"; do
        # shellcheck disable=SC2086 # a program comes with its arguments
        if ! output=$(set -f; qemu-x86_64 -cpu "$cpu" $program 2>&1); then
            printf '  %s failed:\n%s\n' "$program" "$(tail -20 <<<"$output")"
            failures=$((failures + 1))
        fi
    done
done <<'CPUS'
Nehalem generic
SandyBridge generic
Haswell avx2
EPYC-Rome avx2
max avx2
CPUS

if [[ $(sort -u <<<"${hashes%$'\n'}" | wc -l) != 1 ]]; then
    echo "the outputs differ between CPUs"
    failures=$((failures + 1))
fi
echo "$failures failures"
exit $((failures > 0))
