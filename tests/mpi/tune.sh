#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tune.sh PROGRAM SOURCE_TREE: rnnpack tune --mpi divides shapes among ranks of like hosts, and writes one file.
# shellcheck source=tests/mpi/common.sh
source "$(dirname "$0")/common.sh"
program=$1 model=$2/examples/ecg/forecaster.onnx
unset RNNPACK_RECORDS
export XDG_CACHE_HOME=$work/cache

# shapes FILE: layer, sizes of each record of a file, in order.
shapes() {
    "$program" records show --json "$1" | tr -d ' \n' | grep -oE '"layer":"[a-z_0-9]+"[^}]*"threads":[0-9]+' | sort
}

"$program" tune "$model" --budget 60s --steps 1,3,5 --records "$work/one" >"$work/out" 2>"$work/err" </dev/null || fail "alone"
shapes "$work/one" >"$work/want"
(($(wc -l <"$work/want") >= 3)) || fail "nothing to divide"

ranks 2 "$program" tune "$model" --mpi --budget 5s --records "$work/none"
((status == 1)) || fail "ranks share a host: status $status"
grep -qE '^rnnpack: --mpi: ranks 0 and 1 are both on host .*, and would disturb each other.s measurements' "$work/err" || fail "no sentence"
[[ ! -e $work/none ]] || fail "a file was written"

# Each shape is done once, by one of two.
ranks 2 "$program" tune "$model" --mpi --share-host --budget 60s --steps 1,3,5 --records "$work/two"
((status == 0)) || fail "two ranks: status $status"
diff "$work/want" <(shapes "$work/two" | grep -v '"machine"') >"$work/difference" ||
    diff "$work/want" <(shapes "$work/two") || fail "two ranks: other shapes"
grep -qF "records: $work/two" "$work/out" || fail "no name of the file"

# Of each kind of host all shapes.
timeout 100 mpirun -n 1 "$program" tune "$model" --mpi --share-host --budget 60s --steps 1,3,5 --records "$work/kinds" : \
    -n 1 -x RNNPACK_MAX_ISA=generic "$program" tune "$model" --mpi --share-host --budget 60s --steps 1,3,5 \
    --records "$work/kinds" >"$work/out" 2>"$work/err" </dev/null || fail "two kinds: $?"
"$program" records check "$work/kinds" >"$work/out" || fail "two kinds"
"$program" records show "$work/kinds" >"$work/out"
grep -q generic "$work/out" || fail "no records of the other kind"
status=0
"$program" tune "$model" --share-host >"$work/out" 2>"$work/err" || status=$?
((status == 2)) || fail "--share-host alone"
grep -q -- "--share-host needs --mpi" "$work/err" || fail "--share-host alone"
echo "divided, refused, merged: ok"
