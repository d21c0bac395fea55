#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# files.sh READELF NM FLAGS FILE... -- ARCHIVE...: shared libraries and program are as the compiler's FLAGS promise
# (cmake/hardening.cmake): bound at once and read-only then, no code on stacks, guarded stacks, checked string functions;
# every object of the archives, the kernels' too, marks its branches' targets.
set -euo pipefail

readelf=$1 nm=$2 flags=" $3 "
shift 3
failures=0

check() { # check NAME FILE COMMAND...: the command must succeed
    local name=$1 file=$2
    shift 2
    if "$@"; then
        echo "$file: $name"
    else
        echo "$file: NOT $name"
        failures=$((failures + 1))
    fi
}

# shellcheck disable=SC2317 # check calls them
says() { grep -qE -- "$1" <<<"$2"; }
# shellcheck disable=SC2317
never() { ! says "$@"; }

while [[ $1 != -- ]]; do
    name=$(basename "$1")
    dynamic=$("$readelf" -dW "$1")
    segments=$("$readelf" -lW "$1")
    undefined=$("$nm" -D --undefined-only "$1")
    check "bound at once" "$name" says '\(FLAGS(_1)?\).*NOW|BIND_NOW' "$dynamic"
    check "read-only once bound" "$name" says 'GNU_RELRO' "$segments"
    check "without code on its stack" "$name" says 'GNU_STACK .* RW +0x' "$segments"
    check "without memory that is written and executed" "$name" never 'LOAD .* RWE ' "$segments"
    check "without relocations in code" "$name" never 'TEXTREL' "$dynamic"
    check "position-independent" "$name" says 'Type: +DYN' "$("$readelf" -hW "$1")"
    if [[ $flags == *" -fstack-protector-strong "* ]]; then
        check "guarding its stacks" "$name" says '__stack_chk_fail' "$undefined"
    fi
    if [[ $flags == *" -D_FORTIFY_SOURCE="* ]]; then
        check "checking string functions" "$name" says '__[a-z]+_chk' "$(grep -v stack_chk <<<"$undefined")"
    fi
    shift
done
shift

mark=
[[ $flags != *" -fcf-protection "* ]] || mark='x86 feature: IBT, SHSTK'
[[ $flags != *" -mbranch-protection=standard "* ]] || mark='AArch64 feature: BTI, PAC'
for archive in "$@"; do
    [[ -n $mark ]] || break
    unmarked=$("$readelf" -nW "$archive" | awk -v mark="$mark" '
        function tell() { if (object != "" && !marked) print object }
        /^File: / { tell(); object = $2; marked = 0 }
        index($0, mark) { marked = 1 }
        END { tell() }')
    objects=$("$readelf" -nW "$archive" | grep -c '^File: ')
    check "marking branch targets in all of $objects objects" "$(basename "$archive")" test -z "$unmarked"
    [[ -z $unmarked ]] || echo "$unmarked"
    ((objects > 0)) || failures=$((failures + 1))
done
exit $((failures > 0))
