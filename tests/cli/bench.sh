#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Whether bench runs and reports; never how fast anything is.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

gives "stream step  median" bench "$forecaster" --seconds 0.02 --steps 20
expect 0 bench "$forecaster" --seconds 0.02 --batch 2 --steps 20 --threads 2 --isa generic --math u10 --json
[[ $(json isa) == generic && $(json batch) == 2 && $(json threads) == 2 ]] || fail "options"
[[ $(json run calls) -ge 10 && $(json stream_step calls) -ge 10 ]] || fail "calls"
[[ $(json run shared) =~ ^(0|1|0\.[0-9]+)(e-?[0-9]+)?$ ]] || fail "share of shared cores: $(json run shared)"

expect 0 bench "$bidirectional" --seconds 0.02 --json
json no_stream >/dev/null
gives "not possible: " bench "$bidirectional" --seconds 0

# What the file fixes is not the call's; a model without time has no steps.
gives "6 steps" bench "$tree/tests/data/onnx/recurrent/gru_forward_full.onnx" --seconds 0
timeless=$tree/tests/data/onnx/graph/flattened_softmax.onnx
gives "batch 1" bench "$timeless" --seconds 0
! grep -q " steps$\|per step" "$work/out" || fail "steps of a model without time"
expect 0 bench "$timeless" --seconds 0 --json
prints '"steps": null'

expect 2 bench
expect 2 bench "$forecaster" --limits
