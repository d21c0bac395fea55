#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

npy "$work/x.npy" '<f4' '(20, 2, 1)' 160
expect 0 run "$forecaster" --input "ecg=$work/x.npy" --output "forecast=$work/want.npy"

# From an ONNX file, and from a packed one: the same file, which gives the same bits.
gives "$work/direct.onnx  1 inputs, " convert "$forecaster" -o "$work/direct.onnx"
expect 0 pack "$forecaster" -o "$work/packed.rnnp"
expect 0 convert "$work/packed.rnnp" -o "$work/unpacked.onnx"
cmp "$work/direct.onnx" "$work/unpacked.onnx" || fail "the packed model became another file"
expect 0 run "$work/unpacked.onnx" --input "ecg=$work/x.npy" --output "forecast=$work/got.npy"
cmp "$work/want.npy" "$work/got.npy" || fail "other bits"

# Onto itself; the mode stays.
chmod 600 "$work/direct.onnx"
expect 0 convert "$work/direct.onnx" -o "$work/direct.onnx"
cmp "$work/direct.onnx" "$work/unpacked.onnx" || fail "a file written onto itself changed"
[[ $(stat -c %a "$work/direct.onnx") == 600 ]] || fail "the mode of a replaced file changed"

expect 2 convert
refuses 2 "-o FILE.onnx is missing" convert "$forecaster"
expect 1 convert "$work/none.onnx" -o "$work/nothing.onnx"
[[ ! -e $work/nothing.onnx ]] || fail "a file was made of nothing"
refuses 1 "No such file or directory" convert "$forecaster" -o "$work/none/nothing.onnx"
for place in "$work" /dev/full; do
    refuses 1 "$place is not a regular file" convert "$forecaster" -o "$place"
done
[[ -c /dev/full ]] || fail "a device was replaced"
left=("$work"/*.tmp)
[[ ! -e ${left[0]} ]] || fail "${left[0]} was left behind"
