#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# emulated.sh SOURCE STATIC_CORPUS N: every Nth model of the corpus on an emulated CPU with AVX-512 where this one has
# none; the hashes must be the stored ones.
set -euo pipefail

source=$1 static=$2 every=$3

if grep -qw avx512vl /proc/cpuinfo; then
    echo "skipped: this CPU has AVX-512, the test named corpus covers it"
    exit 77
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
"$source/script/emulate-avx512" "$static" --print --only avx512 --every "$every" >"$output" || status=$?
if ((status)); then
    cat "$output"
    exit "$status"
fi
expected=$(grep -v '^#' "$source/tests/corpus/hashes.txt" | awk -v n="$every" '(NR - 1) % n == 0')
grep -E '^emulate: cpu ' "$output"
diff <(grep -E '^[0-9a-f]{16} ' "$output") <(printf '%s\n' "$expected")
echo "avx512, emulated, 1 thread: $(wc -l <<<"$expected") models, 0 differences"
