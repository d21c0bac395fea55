#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Whether bench runs and reports; never how fast anything is.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

expect 0 bench "$forecaster" --seconds 0.02 --steps 20
prints "stream step  median"
expect 0 bench "$forecaster" --seconds 0.02 --batch 2 --steps 20 --threads 2 --isa generic --math u10 --json
[[ $(json isa) == generic && $(json batch) == 2 && $(json threads) == 2 ]] || fail "options"
[[ $(json run calls) -ge 10 && $(json stream_step calls) -ge 10 ]] || fail "calls"
[[ $(json run shared) =~ ^(0|1|0\.[0-9]+)(e-?[0-9]+)?$ ]] || fail "share of shared cores: $(json run shared)"

expect 0 bench "$bidirectional" --seconds 0.02 --json
json no_stream >/dev/null
expect 0 bench "$bidirectional" --seconds 0
prints "not possible: "

# Limits: of one thread and of the budget, or of the team asked for.
expect 2 bench
expect 2 bench "$forecaster" --limits
expect 0 bench --limits --seconds 0.05
prints "FMA GFLOP/s"
expect 0 bench --limits --seconds 0.05 --threads 2 --isa generic --json
[[ $(json 0 threads) == 1 && $(json 1 threads) == 2 && $(json 1 isas 0 isa) == generic ]] || fail "limits of a team"

# Two threads multiply faster than one, or the figure says that it cannot be relied on: also beside a process that never stops,
# on a CPU that one of them needs. Four threads on one CPU are never believed.
credible() {
    local faster
    faster=$(python3 -c 'import sys; print(int(float(sys.argv[1]) > 1.04 * float(sys.argv[2])))' \
        "$(json 1 isas 0 fma_gflops)" "$(json 0 isas 0 fma_gflops)")
    [[ $faster == 1 || $(json 1 isas 0 fma_doubtful) == ON ]] || fail "$1: $(json 1 isas 0 fma_gflops) GFLOP/s of two threads"
}
credible "alone"
cpu=$(python3 -c 'import os; print(max(os.sched_getaffinity(0)))')
taskset -c "$cpu" bash -c 'while :; do :; done' &
competitor=$!
trap 'kill "$competitor"; rm -rf "$work"' EXIT
expect 0 bench --limits --seconds 0.05 --threads 2 --isa generic --json
credible "beside a competitor"
expect 0 bench "$forecaster" --seconds 0.02 --threads 2 --json
python3 -c 'import sys; sys.exit(not (sys.argv[1] == "ON" or float(sys.argv[2]) <= 1.06 * float(sys.argv[3])))' \
    "$(json fma_doubtful)" "$(json recurrent_flop_per_s)" "$(json fma_flop_per_s)" || fail "more than the FMA peak"
printf '#!/bin/sh\nexec taskset -c %s "%s" "$@"\n' "$cpu" "$program" >"$work/pinned"
chmod +x "$work/pinned"
plain=$program program=$work/pinned
expect 0 bench "$forecaster" --seconds 0.02 --threads 4
prints "FMA peak not known: no more than"
program=$plain
expect 0 bench "$forecaster" --seconds 0.02 --json
json recurrent_flop_per_s >/dev/null
