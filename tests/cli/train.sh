#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

# ---- Data, in every format ----

ramps 120 2 12 >"$work/train.csv"
ramps 40 2 12 >"$work/test.csv"
awk -F, 'BEGIN { print "id,person,time,a,b,outcome" }
    { n = 6 + NR % 7; for (t = 2; t <= n; t++)
        print NR "," int((NR - 1) / 3) "," t * 1.5 "," $t "," ((NR + t) % 4 ? $(t + 1) * 2 : "") "," $1 }' "$work/train.csv" >"$work/long.csv"
awk -F, '{ line = $1 "\t"; for (t = 2; t <= 3 + NR % 9; t++) line = line ($t > 0 ? "high " : "low "); print line }' "$work/train.csv" >"$work/words.txt"

# config FORMAT FILE TARGET LOSS LAYERS... [-- KEYS...]
config() {
    local keys=("data.format=$1" "data.train=$2" "data.target=$3" "train.loss=$4")
    shift 4
    [[ " $* " == *" -- "* ]] || set -- "$@" --
    configure "$@" "${keys[@]}"
}

# accuracy: of the last output's last line that has one.
accuracy() {
    sed -n 's/.*accuracy \([0-9][0-9.]*\).*/\1/p' "$work/out" | tail -n 1
}
at_least() {
    awk -v got="$1" -v want="$2" 'BEGIN { exit !(got >= want) }' || fail "$1 is below $2"
}

# ---- A classifier: learns, is written, evaluates to the same numbers, has the same bits everywhere ----

config wide train.csv label sparse "lstm 16" "dropout 0.1" "dense 2 softmax" -- \
    data.test=test.csv data.shared=allow data.standardise=yes train.epochs=12 train.batch=16 train.rate=0.01 train.validation=0.2 \
    train.patience=6 train.clip_norm=1 train.schedule=plateau train.balanced=yes train.score=auc
gives "120 sequences of up to 12 steps, 1 feature, 2 classes; test set of 40" train "$work/config.ini" -o "$work/model.onnx" --curve "$work/curve.svg" --roc "$work/roc.svg" --predictions "$work/p.npy"
prints "epoch   1"
prints "held-out loss"
prints "ROC AUC"
at_least "$(accuracy)" 0.9
{ grep -q "<polyline" "$work/curve.svg" && grep -q "AUC" "$work/roc.svg"; } || fail "pictures"
trained=$(grep "^test:" "$work/out" | sed 's/, loss [^,]*//')
expect 0 eval "$work/model.onnx" --config "$work/config.ini" --predictions "$work/q.npy" --quiet
[[ $(grep "^test:" "$work/out") == "$trained" ]] || fail "eval says otherwise than train: $trained"
cmp "$work/p.npy" "$work/q.npy" || fail "eval has other bits than train"
for how in "--isa generic" "--threads 1" "--threads 3"; do
    # shellcheck disable=SC2086
    expect 0 train "$work/config.ini" -o "$work/again.onnx" --quiet $how
    cmp "$work/model.onnx" "$work/again.onnx" || fail "$how: another model"
done
expect 0 train "$work/config.ini" -o "$work/again.onnx" --quiet --seed 7
! cmp -s "$work/model.onnx" "$work/again.onnx" || fail "--seed changes nothing"

# Weights of classes: those of balanced are 1 for classes of equal size.
config wide train.csv label sparse "gru 4" "dense 2 softmax" -- train.epochs=2 train.balanced=yes
expect 0 train "$work/config.ini" -o "$work/balanced.onnx"
sed -i "s/^balanced=yes/class_weights=c0: 1, c1: 1/" "$work/config.ini"
expect 0 train "$work/config.ini" -o "$work/weighted.onnx"
cmp "$work/balanced.onnx" "$work/weighted.onnx" || fail "class_weights of 1: another model"
sed -i "s/^class_weights=.*/class_weights=c0: 3/" "$work/config.ini"
expect 0 train "$work/config.ini" -o "$work/weighted.onnx"
! cmp -s "$work/balanced.onnx" "$work/weighted.onnx" || fail "class_weights change nothing"
for weights in "c0 1" "c0: x" "c0: -1"; do
    sed -i "s/^class_weights=.*/class_weights=$weights/" "$work/config.ini"
    refuses 1 "class_weights: '$weights' is no class, a colon and a number from 0 to 1e6" train "$work/config.ini" --quiet
done
sed -i "s/^class_weights=.*/class_weights=c2: 1/" "$work/config.ini"
refuses 1 "class_weights: there is no class 'c2'" train "$work/config.ini" --quiet

# A break in between changes no bit.
config wide train.csv label binary "gru 8" "dropout 0.3" "dense 1 sigmoid" -- train.epochs=6 train.batch=16 train.validation=0.2
expect 0 train "$work/config.ini" -o "$work/whole.onnx" --quiet
sed -i 's/epochs=6/epochs=3/' "$work/config.ini"
expect 0 train "$work/config.ini" --checkpoint "$work/state" --quiet
sed -i 's/epochs=3/epochs=6/' "$work/config.ini"
gives "continuing after epoch 3" train "$work/config.ini" --checkpoint "$work/state" --resume -o "$work/resumed.onnx"
cmp "$work/whole.onnx" "$work/resumed.onnx" || fail "resumed: another model"
head -c 200 "$work/state" >"$work/cut"
expect 1 train "$work/config.ini" --checkpoint "$work/cut" --resume --quiet

# A trained body under a new head.
config wide train.csv label sparse "gru 8" "dropout 0.3" "dense 2 softmax" -- train.epochs=2 model.start=whole.onnx model.freeze=1.
gives "3 of 5 parameters taken over, 3 frozen" train "$work/config.ini"

# ---- The other formats and targets ----

config csv long.csv label sparse "lstm 12 bidirectional" "dense 2 softmax" -- data.id=id data.time=time data.label=outcome \
    data.group=person data.missing=carry data.mask=yes data.delta=yes data.standardise=yes train.epochs=10 train.rate=0.02 \
    train.folds=3 train.score=accuracy
gives "all folds together: 120 sequences" train "$work/config.ini"
prints "3 folds: score"
at_least "$(accuracy)" 0.8
sed -i 's/^missing=carry/missing=refuse/; /^mask/d; /^delta/d' "$work/config.ini"
refuses 1 "'b' is missing" train "$work/config.ini" --quiet

config tokens words.txt label sparse "embedding 4" "gru 8" "dense 2 softmax" -- train.epochs=20 train.rate=0.03 train.validation=0.25 train.score=accuracy
gives "3 words" train "$work/config.ini" -o "$work/words.onnx"
at_least "$(accuracy)" 0.7
[[ $(sort "$work/words.onnx.words" | tr '\n' ' ') == "high low " ]] || fail "vocabulary"
expect 0 eval "$work/words.onnx" --config "$work/config.ini"

config wide train.csv next mse "rnn 8 tanh" "dense 1" -- data.standardise=yes train.epochs=8 train.rate=0.02 train.validation=0.2
gives "persistence" train "$work/config.ini"
config wide train.csv input mse "lstm 8" "repeat" "lstm 8" "dense 1" -- data.standardise=yes train.epochs=3 data.test=test.csv data.shared=allow
gives "test: 40 sequences, loss" train "$work/config.ini"

config wide train.csv label sparse "\$cell \$hidden" "dense 2 softmax" -- train.epochs=4 train.validation=0.25 \
    "search.cell=gru | rnn" "search.hidden=4 | 8" search.trials=3
gives "trial 3 of 3:" train "$work/config.ini"
prints "best:"

# A trial that diverges is out; without any left there is nothing to train.
config wide train.csv label sparse "rnn 4 relu" "dense 2 softmax" -- train.epochs=2 train.validation=0.25 \
    train.optimizer=sgd "train.rate=\$rate" "search.rate=1e6 | 0.01"
gives "trial 1 of 2: diverged  rate = 1e6" train "$work/config.ini"
prints "best:  rate = 0.01"
sed -i 's/| 0.01/| 9e5/' "$work/config.ini"
! "$program" train "$work/config.ini" >"$work/out" 2>"$work/err" || fail "a search of which nothing is left succeeded"
says "all trials diverged"

# ---- What is wrong is said, with file and line ----

expect 2 train
refuses 2 "--config" eval "$work/model.onnx"
refuses 2 "--checkpoint" train "$work/config.ini" --resume
refuses 1 "No such file" train "$work/none.ini"
broken() { # SENTENCE ARGUMENTS-OF-config...
    config "${@:2}"
    refuses 1 "$1" train "$work/config.ini" --quiet
}
broken "[train] has no key 'epoch'" wide train.csv label sparse "gru 4" "dense 2" -- train.epoch=4
says "config.ini:"
broken "epochs is a whole number from 1" wide train.csv label sparse "gru 4" "dense 2" -- train.epochs=0
broken "loss is one of sparse, mse, binary, cross, mae, huber, not 'hinge'" wide train.csv label hinge "gru 4" "dense 2"
broken "no such layer" wide train.csv label sparse "conv 4" "dense 2"
broken "unknown word" wide train.csv label sparse "gru 4 sideways" "dense 2"
broken "the target has steps, but this output has none" wide train.csv next mse "gru 4 last" "dense 1"
broken "No such file" wide none.csv label sparse "gru 4" "dense 2"
broken "loss must be binary, cross or sparse" wide train.csv label mse "gru 4" "dense 2"
broken "does not name a variable" wide train.csv label sparse "gru \$size" "dense 2"
broken "[data] longest must be the same in all trials" wide train.csv label sparse "gru 4" "dense 2" -- "data.longest=\$n" "search.n=4 | 8"
broken "freeze '9.' does not match any parameter of the model" wide train.csv label sparse "gru 4" "dense 2" -- "model.freeze=1., 9."
broken "there is no column 'patient'" csv long.csv label sparse "gru 4" "dense 2" -- data.id=patient data.label=outcome
sed '5s/,[^,]*/,x1/3' "$work/long.csv" >"$work/bad.csv"
broken "bad.csv:5: column 4 (a): 'x1' is not a number" csv bad.csv label sparse "gru 4" "dense 2" -- data.id=id data.label=outcome data.missing=mean
sed 's/^c1,[^,]*/c1,abc/' "$work/train.csv" >"$work/bad.csv"
broken "bad.csv:2: column 2: 'abc' is not a number" wide bad.csv label sparse "gru 4" "dense 2"
head -n 1 "$work/train.csv" >"$work/one.csv"
broken "folds" wide one.csv label sparse "gru 4" "dense 2" -- train.folds=5
config wide train.csv next mse "rnn 4 relu" "dense 1" -- train.epochs=9 train.optimizer=sgd train.rate=1e6
refuses 1 "stopped at epoch" train "$work/config.ini" --quiet
config wide train.csv label sparse "gru 4" "dense 2 softmax" -- train.epochs=1
refuses 1 "none/model.onnx" train "$work/config.ini" -o "$work/none/model.onnx" --quiet || true
