#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

x=$work/x.npy y=$work/y.npy
npy "$x" '<f4' '(5, 2, 1)' 40
expect 0 run "$forecaster" --input "ecg=$x" --output "forecast=$y"
prints "forecast  f32 [5, 2, 8]"
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

expect 1 run "$forecaster"
says "--input ecg=FILE.npy"
expect 2 run "$forecaster" --input "ecg"
says "needs NAME=FILE.npy"
expect 1 run "$forecaster" --input "ecg=$x" --input "nonsense=$x"
says "no input 'nonsense'"
expect 1 run "$forecaster" --input "ecg=$x" --output "nonsense=$y"
says "no output 'nonsense'"
expect 1 run "$forecaster" --input "ecg=$x" --input "ecg=$x"
says "given twice"
expect 1 run "$forecaster" --input "ecg=$work/none.npy"
says "none.npy: No such file"
expect 1 run "$forecaster" --input "ecg=$work"
says "directory"
mkfifo "$work/fifo" # nobody writes to it
expect 1 run "$forecaster" --input "ecg=$work/fifo"
says "fifo: is not a regular file"
expect 1 run "$forecaster" --input "ecg=/dev/zero"
says "/dev/zero: is not a regular file"
expect 1 run "$forecaster" --input "ecg=$x" --output "forecast=$work/none/y.npy"
says "none/y.npy: No such file"

npy "$work/f8.npy" '<f8' '(5, 2, 1)' 80
expect 1 run "$forecaster" --input "ecg=$work/f8.npy"
says "holds f64 but input 'ecg' is f32"
npy "$work/f2.npy" '<f2' '(5, 2, 1)' 20
expect 1 run "$forecaster" --input "ecg=$work/f2.npy"
says "dtype '<f2'"
npy "$work/short.npy" '<f4' '(5, 2, 1)' 39
expect 1 run "$forecaster" --input "ecg=$work/short.npy"
says "39 bytes of data"
npy "$work/rank.npy" '<f4' '(10, 1)' 40
expect 1 run "$forecaster" --input "ecg=$work/rank.npy"
says ecg
npy "$work/wide.npy" '<f4' '(5, 2, 2)' 80
expect 1 run "$forecaster" --input "ecg=$work/wide.npy"
says ecg
