#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

expect 0 info
prints "ISA       "
prints "lstm_step"
prints "--kernels"
(($(wc -l <"$work/out") <= 24)) || fail "info is no screen's summary"
expect 0 info --kernels
prints "softmax_f32"
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
RNNPACK_MAX_ISA=nonsense expect 2 info
says 'RNNPACK_MAX_ISA names the unknown ISA "nonsense"'
expect 2 info --isa nonsense
says "--isa: unknown instruction set 'nonsense'; there are generic"
expect 2 info --threads 5000
says "threads=5000 is above 4096"
