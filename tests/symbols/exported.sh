#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# exported.sh NM HEADERS LIBRARY...: the shared libraries together export the functions that headers declare with
# RNNP_API, no more and no less. Names that begin with two underscores are the compiler's (sanitizers).
set -euo pipefail

nm=$1 headers=$2
shift 2

exported=$("$nm" -D --defined-only "$@" | awk 'NF == 3 && $3 !~ /^__/ {print $3}' | sort -u)
# A declaration may run over several lines; the name is the last word before its parenthesis.
files=("$headers"/*.h)
# What librnnpack offers to its own components and its program is marked in internal headers.
files+=("$headers"/../../src/{context,file,graph/graph,graph/visit}.h)
[[ $# -gt 1 ]] || mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -v '/onnx\.h$')
declared=$(awk '/^RNNP_API/ {on = 1} on {print} /;/ {on = 0}' "${files[@]}" | grep -oE '\brnnp_[a-z0-9_]+\(' | tr -d '(' | sort -u)

if ! difference=$(diff <(echo "$declared") <(echo "$exported")); then
    printf 'declared with RNNP_API but not exported (<), exported but not declared (>):\n%s\n' "$difference"
    exit 1
fi
printf '%s functions, declared and exported alike\n' "$(wc -l <<<"$exported")"
