#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What train and eval answer: who is who, and that padding and company change nothing. (What the metrics are is told by
# tests/train/sklearn_metrics.py.)
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

ramps 60 2 9 >"$work/equal.csv"
ramps 60 3 9 >"$work/three.csv"
ramps 41 2 3 14 >"$work/mixed.csv"
tac "$work/mixed.csv" >"$work/turned.csv"

# config TARGET LOSS LAYERS... [-- KEYS...]
config() {
    local keys=("data.target=$1" "train.loss=$2" data.shared=allow train.rate=0.02 train.clip_norm=1)
    shift 2
    [[ " $* " == *" -- "* ]] || set -- "$@" --
    configure "$@" "${keys[@]}"
}

# ---- A model that is not told lengths takes no padding for data: company changes no bit ----

# alone TARGET LOSS LAYERS...: trains on equal lengths; sequences of other lengths get the same answers whether they are
# asked about together, in another order, or each alone.
alone() {
    local batch i
    for batch in 1 3 32; do
        config "$@" -- data.train=equal.csv train.epochs=2 train.batch=$batch
        [[ $batch != 1 ]] || expect 0 train "$work/config.ini" -o "$work/model.onnx"
        expect 0 eval "$work/model.onnx" --config "$work/config.ini" --test "$work/mixed.csv" --predictions "$work/$batch.csv" --quiet
        cp "$work/out" "$work/$batch.out"
    done
    for batch in 3 32; do
        cmp "$work/1.csv" "$work/$batch.csv" || fail "$*: batch $batch has other answers"
        cmp "$work/1.out" "$work/$batch.out" || fail "$*: batch $batch has other metrics"
    done
    expect 0 eval "$work/model.onnx" --config "$work/config.ini" --test "$work/turned.csv" --predictions "$work/turned.p.csv" --quiet
    tail -n +2 "$work/turned.p.csv" | tac | cut -d, -f2- >"$work/turned.rows"
    tail -n +2 "$work/1.csv" | cut -d, -f2- >"$work/rows"
    cmp "$work/rows" "$work/turned.rows" || fail "$*: the order of the data changes answers"
    for i in 1 5 12 41; do
        sed -n "${i}p" "$work/mixed.csv" >"$work/one.csv"
        expect 0 eval "$work/model.onnx" --config "$work/config.ini" --test "$work/one.csv" --predictions "$work/one.p.csv" --quiet
        [[ $(tail -n 1 "$work/one.p.csv" | cut -d, -f2-) == "$(sed -n "${i}p" "$work/rows")" ]] ||
            fail "$*: sequence $i alone has another answer"
    done
}
alone label sparse "gru 5" "dense 2 softmax"
alone label sparse "lstm 4 bidirectional" "dense 2"
alone label binary "rnn 4 reverse" "dense 1"
for pool in mean max sum last; do
    alone label sparse "gru 4" "pool $pool" "dense 2 softmax"
done
alone next mse "lstm 4" "dense 1"
alone input mse "gru 4" "repeat" "gru 4" "dense 1"

# A model with lengths is asked in batches with padding: still the same.
config label sparse "gru 4 bidirectional" "dense 2 softmax" -- data.train=mixed.csv train.epochs=2
expect 0 train "$work/config.ini" -o "$work/model.onnx"
expect 0 eval "$work/model.onnx" --config "$work/config.ini" --predictions "$work/all.csv"
for i in 2 9; do
    sed -n "${i}p" "$work/mixed.csv" >"$work/one.csv"
    expect 0 eval "$work/model.onnx" --config "$work/config.ini" --test "$work/one.csv" --predictions "$work/one.p.csv"
    [[ $(tail -n 1 "$work/one.p.csv" | cut -d, -f2-) == "$(sed -n "$((i + 1))p" "$work/all.csv" | cut -d, -f2-)" ]] ||
        fail "with lengths sequence $i alone has another answer"
done

# ---- Models that do not answer the question ----

config label sparse "gru 4" "dense 2 softmax" -- data.train=equal.csv train.epochs=1
expect 0 train "$work/config.ini" -o "$work/two.onnx"
config label sparse "gru 4" "dense 5 softmax" -- data.train=equal.csv train.epochs=1
refuses 1 "has 5 outputs per sequence, the data has 2 classes" train "$work/config.ini" --quiet
config label sparse "gru 4" "dense 3 softmax" -- data.train=three.csv train.epochs=1
refuses 1 "two.onnx has 2 outputs per sequence, the data has 3 classes" eval "$work/two.onnx" --config "$work/config.ini" --quiet
config next mse "gru 4" "dense 1" -- data.train=equal.csv train.epochs=1
refuses 1 "two.onnx was trained with another [data] target" eval "$work/two.onnx" --config "$work/config.ini" --quiet
expect 0 train "$work/config.ini" -o "$work/next.onnx"
config label sparse "gru 4" "dense 2 softmax" -- data.train=equal.csv train.epochs=1
refuses 1 "next.onnx was trained with another [data] target" eval "$work/next.onnx" --config "$work/config.ini" --quiet

# ---- A test set without labels is predicted, in the classes of the training set ----

npy "$work/x.npy" '<f4' '(4, 5)' 80
npy "$work/labels.npy" '|u1' '(4,)' 3
printf '\x01' >>"$work/labels.npy"
npy "$work/test.npy" '<f4' '(3, 5)' 60
config label sparse "gru 4" "dense 2 softmax" -- data.format=npy data.train=x.npy data.train_labels=labels.npy data.test=test.npy train.epochs=1
gives "test: 3 sequences" train "$work/config.ini" -o "$work/model.onnx" --predictions "$work/p.csv"
[[ $(sed -n 's/,[01],0\..*//p' "$work/p.csv" | tr '\n' ' ') == "1,,, 2,,, 3,,, " ]] || fail "predictions without labels"
[[ $(head -n 1 "$work/p.csv") == "id,group,fold,label,predicted,p_0,p_1" ]] || fail "the table's head"

# ---- Who is who: the order, ids, groups and labels of the data, whatever fold held a sequence out ----

awk -F, 'BEGIN { print "name,person,a,\"outcome, final\"" }
    { for (t = 2; t <= NF; t++) print "\"s\"\"" NR "\",\"p," int((NR + 1) / 2) "\"," $t ",\"" $1 "\"\"\"" }' "$work/mixed.csv" >"$work/long.csv"
config label sparse "gru 3" "dense 2 softmax" -- data.format=csv data.train=long.csv data.id=name data.group=person \
    "data.label=outcome, final" train.epochs=1 train.folds=5
gives "all folds together: 41 sequences" train "$work/config.ini" --predictions "$work/p.csv" --quiet
[[ $(head -n 1 "$work/p.csv") == 'id,group,fold,label,predicted,"p_c0""","p_c1"""' ]] || fail "the table's head"
awk -F, '{ print "\"s\"\"" NR "\",\"p," int((NR + 1) / 2) "\"," ",\"" $1 "\"\"\"" }' "$work/mixed.csv" >"$work/expected"
tail -n +2 "$work/p.csv" | sed -E 's/^("s""[0-9]+","p,[0-9]+",)[1-5](,"c[01]"""),.*/\1\2/' | cmp - "$work/expected" || fail "ids, groups or labels"
[[ $(tail -n +2 "$work/p.csv" | cut -d, -f4 | sort -u | wc -l) == 5 ]] || fail "five folds"
[[ $(tail -n +2 "$work/p.csv" | cut -d, -f2-4 | sort -u | wc -l) == 21 ]] || fail "a person is in two folds"

# What is not asked about is NaN in the array, and no line of the table.
config label sparse "gru 3" "dense 2 softmax" -- data.train=equal.csv train.epochs=1 train.validation=0.2
gives "held out: 12 sequences" train "$work/config.ini" --predictions "$work/p.csv" --quiet
[[ $(wc -l <"$work/p.csv") == 13 ]] || fail "a line per sequence that was held out"
expect 0 train "$work/config.ini" --predictions "$work/p.npy" --quiet
grep -aq "'shape': (60, 2)" "$work/p.npy" || fail "a row per sequence of the data"
[[ $(tail -c 480 "$work/p.npy" | od -An -v -tx4 -w8 | grep -c "7fc00000 7fc00000") == 48 ]] || fail "NaN where nothing was asked"
