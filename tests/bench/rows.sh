#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rows.sh RNNPACK-BENCH CHECK: the rows of the variant table are those that the list of benchmarks names.
set -euo pipefail

table=$("$2" --list | sed 's/ .*//' | sort)
benchmarks=$("$1" --benchmark_list_tests | sed -n 's|^kernel/\([^/]*\)/.*|\1|p' | sort -u)
echo "rows of the table: $(wc -l <<<"$table"), rows with a benchmark: $(wc -l <<<"$benchmarks")"
diff <(echo "$table") <(echo "$benchmarks")
