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

# ---- What a stream takes at a time ----

gives "takes 1 time step in a call" inspect "$forecaster"
gives "not possible: GRU" inspect "$bidirectional"
expect 0 inspect "$bidirectional" --json
json no_stream >/dev/null

# An ONNX file byte by byte: part TAG BYTES is one field of protobuf, with its length.
export LC_ALL=C
part() {
    local n=${#2} length
    printf -v length '\\x%02x' $((n < 128 ? n : n % 128 + 128)) $((n / 128))
    ((n < 128)) && length=${length%\\x00}
    printf "\\x$1$length%s" "$2"
}
node() { # OP OUTPUT ATTRIBUTES INPUT...
    local inputs='' i
    for i in "${@:4}"; do inputs+=$(part 0a "$i"); done
    part 0a "$inputs$(part 12 "$2")$(part 22 "$1")$3"
}
weight() { part 2a $'\x08\x01\x08\x01\x08\x01\x10\x01'"$(part 22 $'\x01\x01\x01\x3f')$(part 42 "$1")"; }
port() { # TAG NAME DIMENSIONS
    part "$1" "$(part 0a "$2")$(part 12 "$(part 0a $'\x08\x01'"$(part 12 "$3")")")"
}
one=$(part 0a $'\x08\x01') steps=$(part 0a "$(part 12 T)") two=$'\x40\x02\xa0\x01\x07'
pool=$(part 2a "$(part 0a kernel_shape)$two")$(part 2a "$(part 0a strides)$two")
hidden=$(part 2a "$(part 0a hidden_size)"$'\x18\x01\xa0\x01\x02')
graph=$(node MaxPool a "$pool" x)$(node Transpose b '' a)$(node RNN y "$hidden" b w r)$(part 12 g)$(weight w)$(weight r)
graph+=$(port 5a x "$one$one$steps")$(port 62 y "$steps$one$one$one")
printf '\x08\x08%s%s' "$(part 3a "$graph")" "$(part 42 $'\x10\x11')" >"$work/strided.onnx"

gives "takes 2 time steps in a call, or a multiple" inspect "$work/strided.onnx"
expect 0 inspect "$work/strided.onnx" --json
[[ $(json stream multiple) == 2 ]] || fail "multiple"
gives "of         2 time steps" bench "$work/strided.onnx" --seconds 0.01 --steps 4
expect 0 bench "$work/strided.onnx" --seconds 0.01 --steps 4 --json
[[ $(json run steps) == 4 && $(json stream_step steps) == 2 ]] || fail "steps"
