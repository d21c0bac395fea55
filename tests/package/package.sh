#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# package.sh KIND TOOL...: script/package --test KIND, if the tools are installed.
set -euo pipefail
kind=$1
shift
for tool in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed (script/bootstrap --package)" && exit 77; }
done
output=$("$(dirname "$0")/../../script/package" --test "$kind" 2>&1) || { echo "$output" && exit 1; }
echo "$output"
! grep -q '^skipped: ' <<<"$output" || exit 77
