#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# messages.sh PROGRAM: librnnpack-mpi between processes (mpi.c).
# shellcheck source=tests/mpi/common.sh
source "$(dirname "$0")/common.sh"

ranks 1 "$1"
((status == 0)) || fail "arguments"
for n in 2 3; do
    ranks "$n" "$1" gather
    ((status == 0)) || fail "gather with $n ranks"
done
start=$SECONDS
ranks 3 "$1" hang
((status != 0 && SECONDS - start < 20)) || fail "hang: status $status after $((SECONDS - start)) s"
if ! grep -q "said in time" "$work/out" || grep -q FAILED "$work/err"; then fail "hang"; fi
echo "messages, errors and a rank that hangs: ok"
