#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# format.sh ROOT: .clang-format is law, and no line of C or C++ is longer than 120 columns. Versions of clang-format differ in
# what they write; 14 is Debian 12's.
set -euo pipefail
cd "$1"

tool=$(command -v clang-format-14 || command -v clang-format || true)
if [[ -z $tool || $("$tool" --version) != *"version 14."* ]]; then
    echo "skipped: clang-format 14 is not installed (Debian 12: clang-format)"
    exit 77
fi
mapfile -t files < <(find autotune bench dispatch examples include kernels src tests -name '*.[ch]' -o -name '*.cpp' -o -name '*.hpp')
((${#files[@]} > 0)) || { echo "no files found: is $1 the source tree?" && exit 1; }
bad=0
"$tool" --dry-run -Werror "${files[@]}" || bad=1
grep -nE '^.{121,}$' "${files[@]}" && bad=1
echo "${#files[@]} files looked at"
exit $bad
