#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
#
# A test set that shares patients or sequences with the training set: train and eval refuse it, or say so.
source "$(dirname "$0")/common.sh"

# patients FIRST LAST PATIENT [SEED]: two visits of each of these ids; two ids are of one patient.
patients() {
    awk -v first="$1" -v last="$2" -v patient="$3" -v seed="${4:-$1}" 'BEGIN {
        print "id,patient,x,y"
        for (i = first; i <= last; i++) for (t = 0; t < 2; t++)
            printf "s%d,%s%d,%.4f,%s\n", i, patient, i / 2, sin(seed * 1.7 + (i - first) * 2 + t), i % 2 ? "yes" : "no"
    }'
}
keys=(data.format=csv data.train=train.csv data.test=test.csv data.id=id data.group=patient data.label=y train.epochs=1)
config() { configure "gru 2" "dense 2 softmax" -- "${keys[@]}" "$@"; }

patients 1 20 p >"$work/train.csv"
patients 31 40 p >"$work/test.csv"
config
expect 0 train "$work/config.ini" -o "$work/model.onnx"

# Groups in both, as many as there are.
patients 17 30 p 99 >"$work/test.csv"
sed -i 's/^s/t/' "$work/test.csv"
for command in "train $work/config.ini" "eval $work/model.onnx --config $work/config.ini"; do
    # shellcheck disable=SC2086
    refuses 1 "test.csv: 3 of 8 groups are in the training data, too, so the test is too good ([data] shared = allow accepts it): 'p10', 'p8', 'p9'" $command
done
patients 1 30 p 99 >"$work/test.csv"
sed -i 's/^s/t/' "$work/test.csv"
refuses 1 "11 of 16 groups are in the training data, too, so the test is too good ([data] shared = allow accepts it): 'p0', 'p1', 'p10', 'p2', 'p3', ..." train "$work/config.ini"
config data.shared=allow
expect 0 train "$work/config.ini"

# Ids in both, of other groups.
patients 20 30 q 99 >"$work/test.csv"
config
refuses 1 "test.csv: 1 of 11 ids is in the training data, too, so the test is too good ([data] shared = allow accepts it): 's20'" train "$work/config.ini"

# The test set of the command line is looked at, too; a group is not needed.
keys=(data.format=csv data.train=train.csv data.id=id data.label=y data.features=x train.epochs=1)
config
refuses 1 "train.csv: 20 of 20 ids are in the training data, too" train "$work/config.ini" --test "$work/train.csv"

# Sequences under other ids: a word on stderr, and the result.
patients 41 50 p 1 >"$work/twins.csv"
"$program" train "$work/config.ini" --test "$work/twins.csv" >"$work/out" 2>"$work/err" || fail "twins are refused"
prints "test: 10 sequences"
says "rnnpack: warning: $work/twins.csv: 10 of 10 sequences are in the training data, too, number for number ([data] shared = allow accepts it): 's41' is 's1', 's42' is 's2', 's43' is 's3', 's44' is 's4', 's45' is 's5', ..."
config data.shared=allow
expect 0 train "$work/config.ini" --test "$work/twins.csv"

# Formats without ids have numbers.
ramps 12 2 6 >"$work/wide.csv"
{ echo c0,1,2,3,4,5,6 && sed -n 3p "$work/wide.csv"; } >"$work/more.csv"
configure "gru 2" "dense 2 softmax" -- data.train=wide.csv data.test=more.csv train.epochs=1
"$program" train "$work/config.ini" >"$work/out" 2>"$work/err" || fail "twins without ids are refused"
says "more.csv: 1 of 2 sequences is in the training data, too, number for number ([data] shared = allow accepts it): 2 is 3"
printf 'a\tup up\nb\tdown up\n' >"$work/words.txt"
printf 'b\tup up\na\tup down\n' >"$work/other.txt"
configure "embedding 2" "gru 2" "dense 2 softmax" -- data.format=tokens data.train=words.txt data.test=other.txt train.epochs=1
"$program" train "$work/config.ini" >"$work/out" 2>"$work/err" || fail "texts in both are refused"
says "other.txt: 1 of 2 sequences is in the training data, too, number for number ([data] shared = allow accepts it): 1 is 1"

# Who explains rows of the training set is not judging by them.
keys=(data.format=csv data.train=train.csv data.id=id data.label=y data.features=x train.epochs=1)
config
expect 0 attribute "$work/model.onnx" --config "$work/config.ini" --data "$work/train.csv" -o "$work/a.csv"
