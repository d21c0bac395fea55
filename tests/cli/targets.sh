#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Targets other than one class per sequence: numbers, several labels, and classes of steps. Each is trained, evaluated and
# predicted, with folds, checkpoints and a search; what makes no sense is refused.
#
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

# stays FIRST LAST [COLUMNS]: patients with 3 to 7 days; the numbers and labels of a stay follow from the means of a and b.
stays() {
    awk -v first="$1" -v last="$2" -v order="${3:-id day a b los cost died again stage}" 'BEGIN {
        n = split(order, name, " ")
        for (k = 1; k <= n; k++) printf "%s%s", name[k], k < n ? "," : "\n"
        for (i = first; i <= last; i++) for (t = 0; t < 3 + i % 5; t++) {
            u = sin(i * 7.3); w = cos(i * 3.1); v["id"] = "p" i; v["day"] = t * 1.5
            v["a"] = sprintf("%.4f", u + 0.4 * sin(i + t * t * 1.7)); v["b"] = sprintf("%.4f", w + 0.2 * cos(i * t))
            v["los"] = i % 6 ? sprintf("%.2f", 20 + 5 * u) : ""; v["cost"] = sprintf("%.1f", 3000 + 900 * w)
            v["died"] = u > 0.4 ? 1 : 0; v["again"] = i % 7 ? (w > 0 ? 1 : 0) : ""
            v["stage"] = (i + t) % 5 ? (v["a"] > 0.5 ? "high" : v["a"] < -0.5 ? "low" : "mid") : ""
            for (k = 1; k <= n; k++) printf "%s%s", v[name[k]], k < n ? "," : "\n"
        } }'
}
stays 1 120 >"$work/train.csv"
stays 200 239 >"$work/test.csv"
stays 300 309 "b id a day" >"$work/new.csv"

# table TARGET LAST-LAYER KEYS...: a configuration of the table.
table() {
    configure "gru 8" "$2" -- data.format=csv data.train=train.csv data.id=id data.time=day "data.features=a, b" \
        data.target="$1" data.standardise=yes train.epochs="${epochs:-6}" train.rate=0.02 "${@:3}"
}
# column NAME FILE: of a table without quotes.
column() {
    awk -F, -v name="$1" 'NR == 1 { for (k = 1; k <= NF; k++) if ($k == name) at = k; next } { print $at }' "$2"
}

# everywhere NAME ARGUMENTS...: train, eval and predict say the same, on any ISA and number of threads, with folds, a
# search, and an interruption.
everywhere() {
    local name=$1
    expect 0 train "$work/config.ini" -o "$work/$name.onnx" --predictions "$work/$name-p.csv" --test "$work/test.csv"
    expect 0 train "$work/config.ini" -o "$work/again.onnx" --test "$work/test.csv" --isa generic --threads 2 --quiet
    cmp "$work/$name.onnx" "$work/again.onnx" || fail "$name: other bits"
    expect 0 eval "$work/$name.onnx" --config "$work/config.ini" --test "$work/test.csv" --predictions "$work/e.csv"
    cmp "$work/$name-p.csv" "$work/e.csv" || fail "$name: the written model says otherwise than the trained one"
    expect 0 eval "$work/$name.onnx" --config "$work/config.ini" --test "$work/new.csv" --predictions "$work/e.csv"
    expect 0 predict "$work/$name.onnx" --data "$work/new.csv" -o "$work/$name-new.csv"
    # eval's table has folds and (empty) truths besides
    paste -d, <(column "${2:-predicted}" "$work/e.csv") | cmp - <(column "${2:-predicted}" "$work/$name-new.csv") ||
        fail "$name: predict says otherwise than eval"
    expect 0 train "$work/config.ini" -o "$work/again.onnx" --checkpoint "$work/state"
    sed -i 's/^epochs=6/epochs=3/' "$work/config.ini"
    expect 0 train "$work/config.ini" -o "$work/part.onnx" --checkpoint "$work/state"
    sed -i 's/^epochs=3/epochs=6/' "$work/config.ini"
    expect 0 train "$work/config.ini" -o "$work/part.onnx" --checkpoint "$work/state" --resume
    cmp "$work/part.onnx" "$work/again.onnx" || fail "$name: --resume gives other bits"
    sed -i 's/^epochs=6/epochs=8/' "$work/config.ini"
    refuses 1 "belongs to a training on other data" train "$work/config.ini" --data "$work/changed.csv" \
        -o "$work/part.onnx" --checkpoint "$work/state" --resume --quiet
    sed -i 's/^epochs=8/epochs=2/; s/^\[train\]/&\nfolds=3/' "$work/config.ini"
    gives "all folds together: 120 sequences" train "$work/config.ini" --predictions "$work/folds.csv"
    [[ $(tail -n +2 "$work/folds.csv" | cut -d, -f1 | sort -u | wc -l) == 120 ]] || fail "$name: folds"
    sed -i "s/gru 8/gru \$units/; s/^\[search\]/&\nunits = 2 | 4/; s/^folds=3/validation=0.3/" "$work/config.ini"
    gives "best:  units = " train "$work/config.ini" --quiet
}

# ---- Numbers ----

# changed: a target alone is another training.
awk -F, -v OFS=, 'NR > 1 && $1 == "p1" { $6 = 1 } { print }' "$work/train.csv" >"$work/changed.csv"
table values "dense 2" "data.values=los, cost"
everywhere values predicted_los
head -n 1 "$work/values-p.csv" | grep -qx "id,group,fold,los,cost,predicted_los,predicted_cost" || fail "header of values"
head -n 1 "$work/values-new.csv" | grep -qx "id,predicted_los,predicted_cost" || fail "header of new values"
table values "dense 2" "data.values=cost, los"
refuses 1 "values.onnx: target 1 is 'los', the configuration's is 'cost'" eval "$work/values.onnx" --config "$work/config.ini" --quiet
table labels "dense 2" "data.labels=died, again"
refuses 1 "values.onnx was trained with another [data] target" eval "$work/values.onnx" --config "$work/config.ini" --quiet
# Predictions are in the units of the targets, and any loss of numbers learns them.
for loss in mse mae huber; do
    epochs=25 table values "dense 2" "data.values=los, cost" train.loss=$loss train.score=r2 train.validation=0.2
    gives "2 values" train "$work/config.ini" --test "$work/test.csv" --predictions "$work/p.csv"
    awk -F, 'NR > 1 && ($6 < 12 || $6 > 28 || $7 < 1500 || $7 > 4500) { exit 1 }' "$work/p.csv" || fail "$loss: units"
    awk '/mean R2/ { sub(/.*mean R2 /, ""); exit !($1 > 0.8) }' <(grep "^test:" "$work/out") || fail "$loss: R2"
done
table values "dense 1" data.values=los "train.loss=huber" "train.huber_delta=0.2"
expect 0 train "$work/config.ini" --test "$work/test.csv" --predictions "$work/p.npy" --quiet
# Wide tables: the number stands where the label would.
awk 'BEGIN { for (i = 0; i < 60; i++) { u = sin(i * 1.3); line = 10 + 3 * u
    for (t = 0; t < 6; t++) line = line "," u + 0.1 * cos(i * t); print line } }' >"$work/wide.csv"
configure "lstm 6" "dense 1" -- data.train=wide.csv data.target=values data.standardise=yes train.epochs=20 train.rate=0.03 \
    train.validation=0.25
gives "1 value" train "$work/config.ini" -o "$work/wide.onnx"
prints "concordance"
expect 0 predict "$work/wide.onnx" --data "$work/wide.csv" -o "$work/p.csv"
head -n 1 "$work/p.csv" | grep -qx "id,predicted_value" || fail "header of a wide table"

# ---- Several labels ----

awk -F, -v OFS=, 'NR > 1 && $1 == "p1" { $7 = 1 - $7 } { print }' "$work/train.csv" >"$work/changed.csv"
table labels "dense 2 sigmoid" "data.labels=died, again"
everywhere labels p_died
head -n 1 "$work/labels-p.csv" | grep -qx "id,group,fold,died,again,p_died,p_again" || fail "header of labels"
epochs=25 table labels "dense 2" "data.labels=died, again" train.balanced=yes train.validation=0.2 train.score=auc
gives "2 labels" train "$work/config.ini" --test "$work/test.csv"
awk '/macro ROC AUC/ { sub(/.*macro ROC AUC /, ""); exit !($1 > 0.9) }' "$work/out" || fail "AUC of labels"

# ---- Classes of steps ----

awk -F, -v OFS=, 'NR > 1 && $9 == "" { $9 = "mid" } { print }' "$work/train.csv" >"$work/changed.csv"
table step_label "dense 3 softmax" data.label=stage
everywhere steps
head -n 1 "$work/steps-p.csv" | grep -qx "id,group,fold,step,time,label,predicted,p_high,p_low,p_mid" || fail "header of steps"
head -n 1 "$work/steps-new.csv" | grep -qx "id,step,time,predicted,p_high,p_low,p_mid" || fail "header of new steps"
cmp <(cut -d, -f1,5 "$work/steps-p.csv" | tail -n +2) <(cut -d, -f1,2 "$work/test.csv" | tail -n +2) || fail "steps in their order"
epochs=60 table step_label "dense 3" data.label=stage train.loss=cross train.balanced=yes train.validation=0.2 train.score=f1
gives "of them with a label" train "$work/config.ini" --test "$work/test.csv" --predictions "$work/p.npy" --quiet
awk '/accuracy/ { sub(/.*accuracy /, ""); exit !($1 + 0 > 0.85) }' <(grep "^test:" "$work/out") || fail "accuracy of steps"
# Windows cover every step, and count steps from the beginning of the sequence.
table step_label "dense 3 softmax" data.label=stage data.window=2 data.stride=2
expect 0 train "$work/config.ini" --test "$work/test.csv" --predictions "$work/p.csv"
cmp <(cut -d, -f1,5,6 "$work/p.csv" | tail -n +2) <(cut -d, -f1,2,9 "$work/test.csv" | tail -n +2) || fail "steps of windows"
# Two classes, one output, a ROC curve.
awk -F, -v OFS=, '{ if (NR > 1 && $9 != "") $9 = $9 == "high"; print }' "$work/train.csv" >"$work/two.csv"
table step_label "dense 1 sigmoid" data.train=two.csv data.label=stage train.loss=binary train.validation=0.3
sed -i '/^train=train.csv/d' "$work/config.ini"
gives "ROC AUC" train "$work/config.ini" --roc "$work/roc.svg"

# ---- What makes no sense ----

# wrong SENTENCE TARGET LAST-LAYER KEYS...
wrong() {
    table "${@:2}"
    refuses 1 "$1" train "$work/config.ini" --quiet
}
wrong "score: auc requires labels as targets" values "dense 2" "data.values=los, cost" train.score=auc
wrong "score: accuracy and f1 require labels as targets" values "dense 2" "data.values=los, cost" train.score=f1
wrong "score: accuracy and f1 require labels as targets" labels "dense 2" "data.labels=died, again" train.score=accuracy
wrong "score: r2 requires target = values" labels "dense 2" "data.labels=died, again" train.score=r2
wrong "the output must have one number for each of 2 targets" values "dense 3" "data.values=los, cost"
wrong "values require no activation at the end" values "dense 2 relu" "data.values=los, cost"
wrong "labels require sigmoid or no activation" labels "dense 2 softmax" "data.labels=died, again"
wrong "the target has steps, but this output has none" step_label "attention 3" data.label=stage
wrong "column 5 (los): '24.25' is neither 0, 1 nor missing" labels "dense 2" "data.labels=died, los"
wrong "column 9 (stage): 'high' is not a number" values "dense 2" "data.values=los, stage"
wrong "there is no column 'stay' ([data] values)" values "dense 2" "data.values=los, stay"
wrong "requires rows of both classes" labels "dense 1" data.labels=died train.score=auc train.validation=0.01
sed 's/,[01],\([^,]*,[^,]*\)$/,,\1/' "$work/train.csv" >"$work/none.csv"
table labels "dense 2" "data.labels=died, again"
refuses 1 "none.csv: target 'died' is missing everywhere" train "$work/config.ini" --data "$work/none.csv" --quiet
awk -F, -v OFS=, 'NR == 3 { $6 = $6 + 1 } { print }' "$work/train.csv" >"$work/two.csv"
table values "dense 1" data.values=cost
refuses 1 "column 6 (cost): sequence 'p1' has" train "$work/config.ini" --data "$work/two.csv" --quiet
refuses 1 "--roc draws the curve of one label of two classes, not of target = values" train "$work/config.ini" \
    --roc "$work/roc.svg" --quiet
table step_label "dense 3" data.label=stage
sed 's/,mid$/,dead/' "$work/test.csv" >"$work/two.csv"
refuses 1 "column 9 (stage): 'dead' is a class that the training data does not have" train "$work/config.ini" \
    --test "$work/two.csv" --quiet
