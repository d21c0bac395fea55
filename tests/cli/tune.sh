#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tune and explain: what they write and say; never how fast anything is.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

unset RNNPACK_RECORDS
export XDG_CACHE_HOME=$work/cache
records=$work/records

# tune writes progress to stderr, so it is not run by expect. Small shapes are done long before these budgets end, also on
# a slow machine.
tune() {
    "$program" tune "$@" >"$work/out" 2>"$work/err" </dev/null || fail "rnnpack tune $*"
}

gives "no file" explain "$forecaster"
prints "none: "

tune "$forecaster" --budget 60s --steps 1,7 --records "$records"
prints "records: $records"
expect 0 records check "$records"
expect 0 explain "$forecaster" --steps 7 --records "$records" --json
[[ $(json layers 0 match) == exact && $(json layers 0 source) == records ]] || fail "exact"
expect 0 explain "$forecaster" --steps 9 --records "$records" --json
[[ $(json layers 0 match) == nearest ]] || fail "nearest"
gives "none: " explain "$forecaster" --steps 100 --records "$records"

# known shapes are kept, new ones are added, --again measures anew
cp "$records" "$work/before"
tune "$forecaster" --budget 1m --steps 1,7 --records "$records" --json
[[ $(json layers 0 measured) == OFF || $(json layers 0 measured) == false ]] || fail "measured what was known"
cmp "$records" "$work/before" || fail "nothing new, yet the file changed"
tune "$forecaster" --budget 1m --steps 20 --records "$records"
expect 0 explain "$forecaster" --steps 20 --records "$records" --json
[[ $(json layers 0 match) == exact ]] || fail "added"

# nothing is written unless asked, and only where it says
rm -rf "$XDG_CACHE_HOME"
tune "$forecaster" --budget 60 --steps 1 --dry-run
prints "nothing was written"
[[ ! -e $XDG_CACHE_HOME ]] || fail "a dry run wrote"
tune "$forecaster" --budget 60 --steps 1
[[ -s $XDG_CACHE_HOME/rnnpack/records ]] || fail "no file in the cache"

# run and bench use records, and say when they cannot; results are the same
expect 0 bench "$forecaster" --seconds 0.01 --records "$records"
expect 1 bench "$forecaster" --seconds 0.01 --records "$work/missing"
echo damaged >"$XDG_CACHE_HOME/rnnpack/records"
"$program" bench "$forecaster" --seconds 0.01 >"$work/out" 2>"$work/err" || fail "a damaged cache stops bench"
says "continuing without tuning records"
expect 1 explain "$forecaster" --records "$XDG_CACHE_HOME/rnnpack/records"

# an interrupted tune keeps what it has
"$program" tune --grid standard --budget 1m --records "$work/grid" >"$work/out" 2>"$work/err" </dev/null &
pid=$!
while ! grep -q "of 324" "$work/err"; do sleep 0.1; done
kill -INT "$pid"
wait "$pid" || fail "interrupted tune failed"
prints "interrupted"
expect 0 records check "$work/grid"

# what nobody vouches for is passed over, and said
rm -rf "$XDG_CACHE_HOME"
mkdir -p "$XDG_CACHE_HOME/rnnpack"
cp "$records" "$XDG_CACHE_HOME/rnnpack/records"
gives "records   $XDG_CACHE_HOME/rnnpack/records" explain "$forecaster" --steps 7
chmod 666 "$XDG_CACHE_HOME/rnnpack/records"
gives "$XDG_CACHE_HOME/rnnpack/records is ignored: everybody may write to it (mode 0666)" explain "$forecaster" --steps 7
! grep -q "exact, records" "$work/out" || fail "a file that everybody may write to is used"
expect 0 explain "$forecaster" --steps 7 --json
[[ $(json ignored 0 reason) == *"everybody may write"* ]] || fail "no reason in JSON"
"$program" bench "$forecaster" --seconds 0.01 >"$work/out" 2>"$work/err" || fail "bench"
says "is ignored: everybody may write to it"
expect 0 explain "$forecaster" --steps 7 --records "$XDG_CACHE_HOME/rnnpack/records"
prints "exact, records" # who names it vouches for it
chmod 600 "$XDG_CACHE_HOME/rnnpack/records"
RNNPACK_RECORDS=$work/missing gives "$work/missing is ignored: there is no such file" explain "$forecaster" --steps 7
prints "records   $XDG_CACHE_HOME/rnnpack/records"
if [[ $(id -u) == 0 ]]; then
    chown 65534 "$XDG_CACHE_HOME/rnnpack/records"
    gives "is ignored: user 65534, who is neither this user nor root, owns it" explain "$forecaster" --steps 7
else
    echo "not root: files of other users are not tested"
fi

# nothing done: nothing written, which would hide other places, and a failure
rm -rf "$XDG_CACHE_HOME"
refuses 1 "nothing was written" tune "$forecaster" --budget 0.000001 --steps 1
[[ ! -e $XDG_CACHE_HOME/rnnpack/records ]] || fail "an empty file was written"

# a file that cannot be written is known before anything is measured
SECONDS=0
refuses 1 "No such file or directory" tune "$forecaster" --budget 60 --records "$work/none/records"
refuses 1 "a folder" tune "$forecaster" --budget 60 --records "$work"
echo damaged >"$work/damaged"
expect 1 tune "$forecaster" --budget 60 --records "$work/damaged"
((SECONDS < 20)) || fail "it measured first"

# and one that cannot be written in the end does not lose the results
mkdir "$work/late"
"$program" tune --grid standard --budget 1m --records "$work/late/records" >"$work/out" 2>"$work/err" </dev/null &
pid=$!
while ! grep -q "of 324" "$work/err"; do sleep 0.1; done
rm -f "$work/late/records"
mkdir "$work/late/records"
kill -INT "$pid"
! wait "$pid" || fail "results were not written, and that is no failure"
says "the results are in $work/late/records.$pid.unsaved"
expect 0 records check "$work/late/records.$pid.unsaved"

# only files of records lie in a folder, so that all of it can be merged
mkdir "$work/r"
for name in one two; do cp "$records" "$work/r/$name"; done
tune "$forecaster" --budget 30 --steps 3 --records "$work/r/one"
expect 0 records merge "$work"/r/* -o "$work/joined"
[[ $(ls -A "$work/r") == $'one\ntwo' ]] || fail "tune left more than records"

for wrong in "--budget 0" "--budget soon" "--batch 1,,2" "--batch 0" "--steps x" "--weights s4" "--weights s8," "--grid all" "--threads -1"; do
    got=0
    # shellcheck disable=SC2086 # an option and its value
    "$program" tune "$forecaster" $wrong >"$work/out" 2>"$work/err" </dev/null || got=$?
    [[ $got != 0 && -s $work/err ]] || fail "tune $wrong"
done
expect 2 tune
expect 2 tune "$forecaster" --grid standard
refuses 2 "--weights needs --grid" tune "$forecaster" --weights s8
refuses 2 "not 's8,s4'" tune --grid standard --weights s8,s4

# The formats of a grid: each has all of its shapes, the first ones in the first format.
"$program" tune --grid standard --weights s8,bf16 --batch 1 --steps 1 --budget 1m --dry-run --json >"$work/out" \
    2>"$work/err" </dev/null &
pid=$!
while ! grep -q "^1 of 54:" "$work/err"; do kill -0 "$pid" && sleep 0.1; done
kill -INT "$pid"
wait "$pid"
[[ $(json layers 0 precision) == s8 ]] || fail "the first shape is $(json layers 0 precision)"
expect 1 tune "$work/missing.onnx"
expect 2 explain
expect 2 explain "$forecaster" --batch 0
