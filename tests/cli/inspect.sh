#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

gives "ecg  f32 [steps, batch, 1]" inspect "$forecaster"
prints "forecast  f32 [steps, batch, 8]"
prints "lstm_step_f32_"

expect 0 inspect "$forecaster" --json
[[ $(json inputs 0 name) == ecg && $(json inputs 0 shape 1) == batch && $(json inputs 0 shape 2) == 1 ]] || fail "input"
[[ $(json weight_bytes_per_step) -gt 0 && $(json plan_bytes) -gt $(json weight_bytes_per_step) ]] || fail "bytes"
small=$(json run bytes)
expect 0 inspect "$forecaster" --json --batch 3 --steps 700
[[ $(json run batch) == 3 && $(json run steps) == 700 && $(json run bytes) -gt $small ]] || fail "run"

# Quotes and control characters of a path must not break JSON.
odd=$work/$'a "quoted"\tname.onnx'
cp "$forecaster" "$odd"
expect 0 inspect "$odd" --json
[[ $(json model) == "$odd" ]] || fail "the path came out as $(json model)"
