#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"
quick=(--seconds 0.01 --steps 20)

# less A B: A < B, also with exponents.
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'; }

# ---- A dry run says all there is to say, for every format ----
declare -A error bytes
for format in s8 f16 bf16; do
    expect 0 quantize "$forecaster" --weights "$format" "${quick[@]}" --json
    [[ $(json weights) == "$format" && $(json written) == "" && $(json inputs) == random ]] || fail "$format"
    [[ $(json weight_bytes_before) == $((4 * (4224 + 8192 + 256))) ]] || fail "bytes before"
    [[ $(json run before calls) -ge 10 && $(json run after calls) -ge 10 ]] || fail "calls of a run"
    [[ $(json stream_step before calls) -ge 10 && $(json stream_step after calls) -ge 10 ]] || fail "calls of a step"
    for layer in 0 1 2; do
        [[ $(json layers $layer weights) == "$format" ]] || fail "layer $layer"
        less 0 "$(json layers $layer rms_error)" || fail "layer $layer: no error"
        less "$(json layers $layer max_error)" 0.01 || fail "layer $layer: $(json layers $layer max_error)"
    done
    [[ $(json layers 0 op) == LSTM && $(json layers 0 parameters) == 4224 && $(json layers 2 op) == MatMul ]] || fail "ops"
    [[ $(json outputs 0 name) == forecast && $(json outputs 0 elements) == 160 && $(json outputs 0 decisions) == 20 ]] ||
        fail "outputs"
    error[$format]=$(json outputs 0 rms) bytes[$format]=$(json weight_bytes_after)
    less 0 "${error[$format]}" || fail "$format changes nothing"
    ! less "$(json outputs 0 q999)" "${error[$format]}" || fail "the quantile is below the rms"
    ! less "$(json outputs 0 max)" "$(json outputs 0 q999)" || fail "the maximum is below the quantile"
done
((bytes[f16] == 2 * (4224 + 8192 + 256) && bytes[bf16] == bytes[f16])) || fail "bytes of 16 bits"
((bytes[s8] == 4224 + 8192 + 256 + 4 * (4 * 128 + 8))) || fail "bytes of s8 and its scales: ${bytes[s8]}"
less "${error[f16]}" "${error[bf16]}" || fail "f16 ${error[f16]}, bf16 ${error[bf16]}"
less "${error[bf16]}" "${error[s8]}" || fail "bf16 ${error[bf16]}, s8 ${error[s8]}"
gives "pseudo-random inputs, batch 2, 20 steps" quantize "$forecaster" --weights s8 "${quick[@]}" --batch 2
prints "nothing was written: give -o"
prints "(s8), 3."
prints " of 40"

# The same on every instruction set and number of threads.
expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --json --isa generic --threads 2
[[ $(json outputs 0 rms) == "${error[s8]}" ]] || fail "another error on another instruction set"

# ---- Layers that stay ----
expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --keep '/head/*' --keep '*LSTM_1' --json
[[ $(json layers 0 weights) == s8 && $(json layers 1 weights) == f32 && $(json layers 2 weights) == f32 ]] || fail "--keep"
[[ $(json layers 1 bytes_after) == 32768 && $(json layers 1 rms_error) == 0 ]] || fail "a kept layer changed"
refuses 1 "/tail/*" quantize "$forecaster" --weights s8 "${quick[@]}" --keep '/tail/*'
refuses 1 "leaves no layer" quantize "$forecaster" --weights s8 "${quick[@]}" --keep '*'

# ---- A model that does not stream, and one that cannot run at such a shape ----
expect 0 quantize "$bidirectional" --weights f16 --seconds 0.01 --json
json no_stream >/dev/null
[[ $(json layers 0 op) == GRU ]] || fail "no GRU"

# ---- Data and labels ----
npy "$work/x.npy" '<f4' '(20, 2, 1)' 160
npy "$work/y.npy" '<i8' '(40,)' 320
npy "$work/few.npy" '<i8' '(39,)' 312
npy "$work/numbers.npy" '<f4' '(40,)' 160
npy "$work/long.npy" '<i8' '(20, 2, 1)' 320
expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --data "$work/x.npy" --labels "$work/y.npy" --json
[[ $(json inputs) == data && $(json outputs 0 decisions) == 40 && $(json labels output) == forecast ]] || fail "data"
[[ $(json labels before accuracy) =~ ^(0|1|0\.[0-9]+)$ ]] || fail "accuracy $(json labels before accuracy)"
[[ $(json labels after accuracy) =~ ^(0|1|0\.[0-9]+)$ ]] || fail "accuracy $(json labels after accuracy)"
[[ $(json labels before roc_auc) == "" ]] || fail "an area of eight classes"
gives "errors of outputs on the given data" quantize "$forecaster" --weights f16 "${quick[@]}" --data "$work/x.npy"
refuses 1 "39 labels" quantize "$forecaster" --weights s8 "${quick[@]}" --data "$work/x.npy" --labels "$work/few.npy"
refuses 1 "label 1" quantize "$forecaster" --weights s8 "${quick[@]}" --data "$work/x.npy" --labels "$work/numbers.npy"
refuses 1 "input 'ecg' is f32" quantize "$forecaster" --weights s8 "${quick[@]}" --data "$work/long.npy"
refuses 1 "1 input" quantize "$forecaster" --weights s8 "${quick[@]}" --data "$work/x.npy" --data "$work/x.npy"
refuses 1 "none.npy" quantize "$forecaster" --weights s8 "${quick[@]}" --data "$work/none.npy"
refuses 2 "--labels needs --data" quantize "$forecaster" --weights s8 "${quick[@]}" --labels "$work/y.npy"

# ---- The search ----
expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --limit rms=1 --json
[[ $(json limit reached) == "${error[s8]}" && $(json outputs 0 rms) == "${error[s8]}" ]] || fail "a wide limit changes it"
# It widens the layer first whose errors count most: that without which the rest has the smallest error.
names=(/lstm/LSTM /lstm/LSTM_1 /head/MatMul)
first=0 least=1
for layer in 0 1 2; do
    expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --keep "${names[layer]}" --json
    ! less "$(json outputs 0 rms)" "$least" || { least=$(json outputs 0 rms) && first=$layer; }
done
bound=$(awk -v e="${error[s8]}" -v least="$least" 'BEGIN { print (e + 3 * least) / 4 }')
expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --limit "rms=$bound" --json
! less "$bound" "$(json outputs 0 rms)" || fail "rms $(json outputs 0 rms) is above $bound"
[[ $(json limit reached) == "$(json outputs 0 rms)" ]] || fail "reached $(json limit reached)"
for layer in 0 1 2; do
    [[ $(json layers $layer weights) == "$([[ $layer == "$first" ]] && echo f16 || echo s8)" ]] || fail "layer $layer"
done
gives "in another format than s8: ${names[first]} (f16)" quantize "$forecaster" --weights s8 "${quick[@]}" \
    --limit "rms=$bound"
bound=$(awk -v e="${error[f16]}" 'BEGIN { print 0.9 * e }')
expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --limit "rms=$bound" --json
! less "$bound" "$(json outputs 0 rms)" || fail "rms $(json outputs 0 rms) is above $bound"
formats="$(json layers 0 weights) $(json layers 1 weights) $(json layers 2 weights)"
[[ $formats == *f32* && $formats == *f16* ]] || fail "less than the error of f16 needs f32, and found $formats"
bound=$(awk -v e="${error[s8]}" 'BEGIN { print e / 2 }')
# Layers that are kept are no choice.
expect 0 quantize "$forecaster" --weights s8 "${quick[@]}" --limit "rms=$bound" --keep '/lstm/LSTM' --json
[[ $(json layers 0 weights) == f32 ]] || fail "a kept layer was chosen"
! less "$bound" "$(json limit reached)" || fail "the limit with a kept layer"
refuses 1 "every layer would have to stay f32" quantize "$forecaster" --weights bf16 "${quick[@]}" --limit rms=0
for wrong in 1e-3 rms= rms=x rms=-1 rms=nan rms=inf max=1 rms=1x; do
    refuses 2 "--limit needs rms=X" quantize "$forecaster" --weights s8 --limit "$wrong"
done

# ---- Wrong calls ----
refuses 2 "--weights FORMAT is missing" quantize "$forecaster"
for wrong in f32 s4 S8 ''; do refuses 2 "--weights" quantize "$forecaster" --weights "$wrong"; done
cp "$forecaster" "$work/model.onnx"
ln -s model.onnx "$work/link.onnx"
ln "$work/model.onnx" "$work/hard.onnx"
for same in model.onnx link.onnx hard.onnx ./model.onnx; do
    refuses 2 "is the model itself" quantize "$work/model.onnx" --weights s8 -o "$work/$same"
done
cmp "$forecaster" "$work/model.onnx" || fail "the model was changed"
refuses 1 "none.onnx" quantize "$work/none.onnx" --weights s8
refuses 1 "no layer with constant weights" quantize "$tree/tests/data/onnx/graph/decisions.onnx" --weights s8

# ---- The file, and what the other commands make of it ----
npy "$work/x.npy" '<f4' '(20, 2, 1)' 160
expect 0 run "$forecaster" --input "ecg=$work/x.npy" --output "forecast=$work/f32.npy"
for format in s8 f16 bf16; do
    small=$work/$format.onnx
    expect 0 quantize "$forecaster" --weights "$format" "${quick[@]}" --keep '/head/*' -o "$small" --json
    [[ $(json written) == "$small" ]] || fail "written: $(json written)"
    (($(stat -c %s "$small") < $(stat -c %s "$forecaster"))) || fail "$format makes a larger file"
    gives "  $format  " inspect "$small"
    expect 0 inspect "$small" --json
    [[ $(grep -c "\"weights\": \"$format\"" "$work/out") == 2 ]] || fail "inspect shows other layers in $format"
    [[ $(grep -c '"weights": "f32"' "$work/out") == 1 ]] || fail "inspect shows other layers in f32"
    expect 0 run "$small" --input "ecg=$work/x.npy" --output "forecast=$work/$format.npy"
    ! cmp -s "$work/f32.npy" "$work/$format.npy" || fail "$format: the outputs of f32"
    gives "stream step  median" bench "$small" --seconds 0.01 --steps 20
    gives "_${format}_" explain "$small"
    "$program" tune "$small" --steps 1 --budget 20 --dry-run --json >"$work/out" 2>"$work/err" </dev/null || fail "tune"
    [[ $(json layers 0 precision) == "$format" ]] || fail "tuned in $(json layers 0 precision)"
    expect 0 pack "$small" -o "$work/$format.rnnp"
    expect 0 convert "$small" -o "$work/again.onnx"
    for other in "$work/$format.rnnp" "$work/again.onnx"; do
        expect 0 run "$other" --input "ecg=$work/x.npy" --output "forecast=$work/other.npy"
        cmp "$work/$format.npy" "$work/other.npy" || fail "$other has other bits"
        refuses 1 "already, not f32" quantize "$other" --weights s8
    done
    # What is left can still be quantised, as long as the rest stays as it is.
    expect 0 quantize "$small" --weights bf16 "${quick[@]}" --keep '/lstm/*' --json
    [[ $(json layers 0 weights) == "$format" && $(json layers 2 weights) == bf16 ]] || fail "the rest of $format"
done
gives "int8 dot peak" bench "$work/s8.onnx" --seconds 0.01
gives "FMA peak" bench "$work/bf16.onnx" --seconds 0.01
refuses 1 "No such file or directory" quantize "$forecaster" --weights s8 "${quick[@]}" -o "$work/none/none.onnx"
