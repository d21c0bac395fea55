#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# emulated.sh SOURCE CHECK STATIC_CHECK CASES: checks the AVX-512 variants on an emulated CPU where this one has none.
set -euo pipefail

source=$1 check=$2 static=$3 cases=$4

if ! "$check" --list | grep -q 'avx512 (not on this CPU)'; then
    echo "skipped: this CPU has AVX-512, the test named check covers it"
    exit 77
fi
exec "$source/script/emulate-avx512" "$static" --require avx512 --only '*avx512*' --cases "$cases"
