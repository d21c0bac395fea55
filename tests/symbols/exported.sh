#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# exported.sh NM HEADERS LIBRARY...: the shared libraries export the functions that the public headers declare with
# RNNP_API, no more and no less: librnnpack-onnx those of onnx.h, librnnpack-mpi those of mpi.h, librnnpack all
# others. Names that begin with two
# underscores are the compiler's (sanitizers).
set -euo pipefail

nm=$1 headers=$2
shift 2
failures=0

# A declaration may run over several lines; the name is the last word before its parenthesis.
declared() {
    awk '/^RNNP_API/ {on = 1} on {print} /;/ {on = 0}' "$@" | grep -oE '\brnnp_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

for library in "$@"; do
    name=$(basename "$library" | sed 's/\.so.*//')
    if [[ $name == librnnpack-* ]]; then
        files=("$headers/${name#librnnpack-}.h")
    else
        mapfile -t files < <(printf '%s\n' "$headers"/*.h | grep -v '/\(onnx\|mpi\)\.h$')
    fi
    exported=$("$nm" -D --defined-only "$library" | awk 'NF == 3 && $3 !~ /^__/ {print $3}' | sort -u)
    if ! difference=$(diff <(declared "${files[@]}") <(echo "$exported")); then
        printf '%s: declared in a public header but not exported (<), exported but not declared (>):\n%s\n' "$name" \
            "$difference"
        failures=1
        continue
    fi
    printf '%s: %s functions, declared and exported alike\n' "$name" "$(wc -l <<<"$exported")"
done

# No internal header marks a function for export: the other libraries find internal ones through the context.
if internal=$(grep -rn '^ *RNNP_API' --include='*.[ch]' "$headers"/../../{src,autotune,dispatch,kernels}); then
    printf 'RNNP_API outside of the public headers:\n%s\n' "$internal"
    failures=1
fi
exit $failures
