#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Whether limits are measured: of one thread and of the budget, or of the team asked for. Reading more than the last cache
# holds takes long where that is large.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

gives "FMA GFLOP/s" bench --limits --seconds 0.05
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
gives "FMA peak not known: no more than" bench "$forecaster" --seconds 0.02 --threads 4
program=$plain
expect 0 bench "$forecaster" --seconds 0.02 --json
json recurrent_flop_per_s >/dev/null
