#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# cli.sh PROGRAM SOURCE_TREE CMAKE MAKE: rnnpack records show, check, merge, export, prune, on files that MAKE writes.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/../cli/common.sh"
make=$4
unset RNNPACK_RECORDS XDG_CACHE_HOME
export HOME=$work/home

here=$work/here other=$work/other stale=$work/stale
"$make" "$here" "$other" "$stale"

# ---- help and wrong calls

for command in show check merge export prune; do
    gives "  $command" records --help
    gives "usage: rnnpack records $command" records "$command" --help
    refuses 2 "rnnpack records $command --help" records "$command" --nonsense
done
expect 0 records --version
expect 2 records
refuses 2 "unknown command 'nonsense'" records nonsense
refuses 2 "FILE... is missing" records check
refuses 2 "FILE... is missing" records merge -o "$work/new"
refuses 2 "unexpected argument 'two'" records show one two
expect 2 records show --host
expect 2 records export --json

# ---- show

gives "no file of tuning records" records show
expect 0 records show --json
json file >/dev/null
[[ $(json hosts) == "[]" ]] || fail "hosts without a file"
gives "$here: 2 records of 1 host" records show "$here"
prints ": this host"
prints "chunk=64 variant=block_avx2"
prints "2025-11-21"
prints "1.15x"
expect 0 records show "$other"
! grep -q "this host" "$work/out" || fail "another CPU is shown as this host"
expect 0 records show "$here" --json
[[ $(json hosts 0 records 1 hidden) == 128 ]] || fail "hidden"
[[ $(json hosts 0 records 1 choice variant) == block_avx2 ]] || fail "choice"
[[ $(json hosts 0 records 0 spread) == 0.012 ]] || fail "spread"
[[ $(json hosts 0 this_host) == ON ]] || fail "this_host"
RNNPACK_RECORDS=$here gives "$here: 2 records" records show
RNNPACK_RECORDS=$work/none "$program" records show >"$work/out" 2>"$work/err" || fail "a variable that names nothing"
says "$work/none is ignored: there is no such file"
prints "no file of tuning records"
refuses 1 "there is no such file" records show "$work/none"

# ---- check

gives "$here: 2 records of 1 host" records check "$here" "$other" "$stale"
prints "$stale: 2 records of 2 hosts"
sed 's/ns=200000/ns=100000/' "$here" >"$work/edited"
refuses 1 "damaged or edited by hand" records check "$work/edited"
"$program" records check "$work/edited" "$other" >"$work/out" 2>"$work/err" && fail "a damaged file among good ones"
prints "$other: 1 record of 1 host"

# The example of the documentation is a file.
sed -n 's/^    //p' "$tree/autotune/README.md" >"$work/example"
gives "2 records of 1 host" records check "$work/example"

# ---- merge and export

gives "$work/all: 5 records of 4 hosts" records merge "$here" "$other" "$stale" -o "$work/all"
expect 0 records merge "$stale" "$here" "$other" "$here"
cmp "$work/out" "$work/all" || fail "the order of the files matters"
expect 0 records export "$work/all"
cmp "$work/out" "$work/all" || fail "export is not the file"
expect 0 records export --host "$work/all"
cmp "$work/out" "$here" || fail "export --host is not this host's part"
expect 0 records merge "$other" -o "$here"
prints "$here: 3 records of 2 hosts" # what was there stays
cp "$work/all" "$work/before"
expect 1 records merge "$here" "$work/edited" -o "$work/all"
cmp "$work/all" "$work/before" || fail "a failed merge changed its output"
expect 1 records merge "$here" -o "$work/edited"
expect 1 records merge "$here" -o "$work/none/file"

# ---- prune

gives "dropped 2 of 5 records" records prune "$work/all"
cmp "$work/all" "$here" || fail "prune kept or dropped the wrong ones"
gives "dropped 0 of 3 records" records prune "$work/all"
refuses 1 "there is no such file" records prune
mkdir -p "$HOME/.cache/rnnpack"
cp "$stale" "$HOME/.cache/rnnpack/records"
gives "$HOME/.cache/rnnpack/records: dropped 2 of 2 records" records prune
HOME='' refuses 1 "no place for tuning records" records prune
HOME='' expect 0 records show
