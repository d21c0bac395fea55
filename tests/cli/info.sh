#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

gives "ISA       " info
prints "lstm_step"
prints "--kernels"
(($(wc -l <"$work/out") <= 24)) || fail "info is no screen's summary"
gives "softmax_f32" info --kernels
(($(wc -l <"$work/out") > 100)) || fail "--kernels lists too little"
expect 0 info --json
isa=$(json isa)
prints "\"name\": \"lstm_step_f32_"
[[ $(json topology budget) -ge 1 ]] || fail "budget"
[[ -n $(json variants 0 op) ]] || fail "variants"

expect 0 info --json --isa generic
[[ $(json isa) == generic ]] || fail "not capped by --isa"
RNNPACK_MAX_ISA=generic expect 0 info --json
[[ $(json isa) == generic ]] || fail "not capped by RNNPACK_MAX_ISA"
[[ $(json isa_reason) == *RNNPACK_MAX_ISA* ]] || fail "the reason does not name RNNPACK_MAX_ISA"
expect 0 info --json "--isa=$isa"
[[ $(json isa) == "$isa" ]] || fail "a cap at the CPU's own ISA changed it"
expect 0 info --json --threads 2
[[ $(json threads) == 2 ]] || fail "threads"
RNNPACK_MAX_ISA=nonsense refuses 2 'RNNPACK_MAX_ISA names the unknown ISA "nonsense"' info
refuses 2 "--isa: unknown instruction set 'nonsense'; there are generic" info --isa nonsense
refuses 2 "threads=5000 is above 4096" info --threads 5000
