#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

x=$work/x.npy y=$work/y.npy
npy "$x" '<f4' '(5, 2, 1)' 40
gives "forecast  f32 [5, 2, 8]" run "$forecaster" --input "ecg=$x" --output "forecast=$y"
cp "$work/out" "$work/first"
[[ $(stat -c %s "$y") == $((128 + 5 * 2 * 8 * 4)) ]] || fail "size of $y"
grep -qaF "'shape': (5, 2, 8)" "$y" || fail "header of $y"

# The same bits on the scalar kernels and with two threads.
for option in --isa=generic --threads=2; do
    expect 0 run "$forecaster" --input "ecg=$x" --output "forecast=$y.other" "$option"
    cmp "$y" "$y.other" || fail "other bits with $option"
done
# Another math class is another contract.
expect 0 run "$forecaster" --input "ecg=$x" --math fast
expect 0 run "$forecaster" --input "ecg=$x"
[[ $(cat "$work/out") == "$(sed 's/  [^ ]*$//' "$work/first")" ]] || fail "hash without --output differs"

refuses 1 "--input ecg=FILE.npy" run "$forecaster"
refuses 2 "needs NAME=FILE.npy" run "$forecaster" --input "ecg"
refuses 1 "no input 'nonsense'" run "$forecaster" --input "ecg=$x" --input "nonsense=$x"
refuses 1 "no output 'nonsense'" run "$forecaster" --input "ecg=$x" --output "nonsense=$y"
refuses 1 "given twice" run "$forecaster" --input "ecg=$x" --input "ecg=$x"
refuses 1 "none.npy: No such file" run "$forecaster" --input "ecg=$work/none.npy"
refuses 1 "directory" run "$forecaster" --input "ecg=$work"
mkfifo "$work/fifo" # nobody writes to it
refuses 1 "fifo: is not a regular file" run "$forecaster" --input "ecg=$work/fifo"
refuses 1 "/dev/zero: is not a regular file" run "$forecaster" --input "ecg=/dev/zero"
refuses 1 "none/y.npy: No such file" run "$forecaster" --input "ecg=$x" --output "forecast=$work/none/y.npy"

# An input that is bound is no input; outputs that are not wanted are left out.
gives "forecast  f32 [1, 1, 8]" run "$forecaster" --set ecg=0.5 --outputs forecast
expect 0 pack "$forecaster" --set ecg=0.5 -o "$work/bound.rnnp"
gives "forecast  f32 [1, 1, 8]" run "$work/bound.rnnp"
expect 0 convert "$forecaster" --set ecg=0.5 -o "$work/bound.onnx"
gives "forecast  f32 [1, 1, 8]" run "$work/bound.onnx" --f64-as-f32
refuses 2 "needs NAME=NUMBER" run "$forecaster" --set ecg
refuses 2 "--set ecg needs a number, not 'loud'" run "$forecaster" --set ecg=loud
refuses 1 "nonsense is bound but is no input" run "$forecaster" --set nonsense=1
refuses 1 "nonsense is no output" run "$forecaster" --input "ecg=$x" --outputs forecast,nonsense

npy "$work/f8.npy" '<f8' '(5, 2, 1)' 80
refuses 1 "holds f64 but input 'ecg' is f32" run "$forecaster" --input "ecg=$work/f8.npy"
npy "$work/f2.npy" '<f2' '(5, 2, 1)' 20
refuses 1 "dtype '<f2'" run "$forecaster" --input "ecg=$work/f2.npy"
npy "$work/short.npy" '<f4' '(5, 2, 1)' 39
refuses 1 "39 bytes of data" run "$forecaster" --input "ecg=$work/short.npy"
npy "$work/rank.npy" '<f4' '(10, 1)' 40
refuses 1 ecg run "$forecaster" --input "ecg=$work/rank.npy"
npy "$work/wide.npy" '<f4' '(5, 2, 2)' 80
refuses 1 ecg run "$forecaster" --input "ecg=$work/wide.npy"
