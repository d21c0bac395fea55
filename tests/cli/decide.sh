#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# [predict]: thresholds and calibration are fitted to cases that training has not seen, travel in the model, and are told
# wherever they are used; tests/train/sklearn_decisions.py holds their numbers against others'.
#
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

# cases FIRST LAST CLASSES: a line each, the class and three numbers.
cases() {
    awk -v first="$1" -v last="$2" -v classes="$3" 'BEGIN { for (i = first; i <= last; i++) {
        k = i % classes; printf "%s", k == 1 ? "ill" : "c" k
        for (t = 0; t < 3; t++) printf ",%.2f", k * 0.6 + (i * i * 37 + t * 11) % 997 / 460
        print "" } }'
}
cases 1 60 2 >"$work/two.csv"
cases 1 60 3 >"$work/three.csv"
cases 101 130 2 >"$work/new.csv"

# configure DATA TRAIN PREDICT
configure() {
    printf '[data]\ntrain = %s.csv\nshared = allow\n[model]\nlayers =\n    gru 4\n    dense %s\n[train]\nepochs = 3\nrate = 0.05\n%b\n[predict]\n%b' \
        "$1" "$([[ $1 == two ]] && echo 2 || echo 3)" "$2" "$3" >"$work/config.ini"
}

# ---- The line is the same in training, predictions and evaluation; classes follow it ----

said="calibrated: temperature [0-9.]*, fitted to 24 cases held out for validation, 12 of them 'ill'"
configure two "validation = 0.4" "calibrate = temperature\nthreshold = sensitivity 0.9\n"
expect 0 train "$work/config.ini" -o "$work/m.onnx" --quiet
grep -q "^$said$" "$work/out" || fail "train's calibration"
grep -E '^(calibrated|threshold): ' "$work/out" >"$work/told"
[[ $(wc -l <"$work/told") == 2 ]] || fail "train's threshold"
for made in m.onnx m.rnnp copy.onnx small.onnx; do
    case $made in
    m.rnnp) expect 0 pack "$work/m.onnx" -o "$work/$made" ;;
    copy.onnx) expect 0 convert "$work/m.rnnp" -o "$work/$made" ;;
    small.onnx) expect 0 quantize "$work/m.onnx" --weights f16 -o "$work/$made" --seconds 0.01 ;;
    esac
    expect 0 predict "$work/$made" --data "$work/new.csv" -o "$work/$made.csv"
    diff <(grep -E '^(calibrated|threshold): ' "$work/out") "$work/told" || fail "predict of $made"
done
cmp "$work/m.onnx.csv" "$work/m.rnnp.csv" && cmp "$work/m.onnx.csv" "$work/copy.onnx.csv" || fail "other predictions"
expect 0 predict "$work/m.onnx" --data "$work/new.csv" -o "$work/again.csv" --isa generic --threads 2
cmp "$work/m.onnx.csv" "$work/again.csv" || fail "other bits"
expect 0 eval "$work/m.onnx" --config "$work/config.ini" --test "$work/new.csv" --quiet --predictions "$work/eval.csv"
diff <(grep -E '^(calibrated|threshold): ' "$work/out") "$work/told" || fail "eval"
grep -qE 'Brier 0\.[0-9]{4} \(0\.[0-9]{4} before\), calibration error 0\.[0-9]{4} \(0\.[0-9]{4} before\)' "$work/out" || fail "before"
diff <(cut -d, -f1,5- "$work/eval.csv") "$work/m.onnx.csv" || fail "eval and predict"
at=$(sed -n "s/^threshold: 'ill' from \([0-9.]*\) on.*/\1/p" "$work/told")
awk -F, -v at="$at" 'NR > 1 && ($4 > at + 1e-4 && $2 != "ill" || $4 < at - 1e-4 && $2 == "ill") { bad = 1 } END { exit bad }' \
    "$work/m.onnx.csv" || fail "classes do not follow the threshold"

# ---- inspect tells what travels, and pack, convert and quantize keep it ----

for made in m.onnx m.rnnp copy.onnx small.onnx; do
    gives "data        shared = allow" inspect "$work/$made"
    prints "classes     c0"
    sed -n 's/^calibrated  /calibrated: /p; s/^threshold   /threshold: /p' "$work/out" | diff - "$work/told" || fail "inspect $made"
done
expect 0 inspect "$work/m.rnnp" --json
[[ calibrated:\ $(json calibrated) == "$(head -n 1 "$work/told")" ]] || fail "inspect --json"
[[ $(json metadata 0 key) == rnnpack.data ]] || fail "metadata in JSON"

# ---- A threshold of the command line ----

gives "threshold: 'ill' from 0.9 on, as --threshold says" predict "$work/m.onnx" --data "$work/new.csv" -o "$work/t.csv" --threshold 0.9
cmp <(cut -d, -f3- "$work/t.csv") <(cut -d, -f3- "$work/m.onnx.csv") || fail "--threshold changed probabilities"
! cmp -s "$work/t.csv" "$work/m.onnx.csv" || fail "--threshold changed nothing"
gives "threshold: 'ill' from 0.9 on, as --threshold says" eval "$work/m.onnx" --config "$work/config.ini" --test "$work/new.csv" \
    --threshold 0.9
for wrong in 0 1 1.5; do
    refuses 2 "--threshold is a number between 0 and 1" predict "$work/m.onnx" --data "$work/new.csv" -o "$work/t.csv" --threshold $wrong
    refuses 2 "--threshold is a number between 0 and 1" eval "$work/m.onnx" --config "$work/config.ini" --threshold $wrong
done

# ---- A test set is judged as eval would ----

expect 0 train "$work/config.ini" -o "$work/m2.onnx" --quiet --test "$work/new.csv" --predictions "$work/trained.csv"
cmp "$work/m.onnx" "$work/m2.onnx" || fail "a test set changed the model"
grep '^test: ' "$work/out" | sed 's/ loss [^ ]*//' >"$work/told"
expect 0 eval "$work/m.onnx" --config "$work/config.ini" --test "$work/new.csv" --quiet --predictions "$work/eval.csv"
diff <(grep '^test: ' "$work/out") "$work/told" || fail "train and eval judge differently"
cmp "$work/trained.csv" "$work/eval.csv" || fail "train and eval calibrate differently"

cp "$work/config.ini" "$work/two.ini"

# ---- Folds and seeds; the configuration's own number ----

configure two "folds = 3\nseeds = 2" "threshold = 0.4\npositive = c0\n"
expect 0 train "$work/config.ini" -o "$work/f.onnx" --quiet
prints "threshold: 'c0' from 0.4 on, as the configuration says"
gives "threshold: 'c0' from 0.4 on" predict "$work/f.onnx" --data "$work/new.csv" -o "$work/t.csv"
configure three "folds = 3" "calibrate = temperature\n"
expect 0 train "$work/config.ini" -o "$work/k.onnx" --quiet
prints "fitted to 60 cases held out by folds"
gives "calibrated: temperature" predict "$work/k.onnx" --data "$work/three.csv" -o "$work/t.csv" --threshold 0.3
configure three "validation = 0.2" ""
expect 0 train "$work/config.ini" -o "$work/plain.onnx" --quiet
refuses 1 "plain.onnx has 3 classes, and does not say which one a threshold is of" \
    eval "$work/plain.onnx" --config "$work/config.ini" --threshold 0.3 --quiet

# ---- Refusals, before anything is trained ----

refuses_training() {
    configure "$2" "$3" "$4"
    refuses 1 "$1" train "$work/config.ini" --quiet
}
refuses_training "config.ini:13: [predict] positive: there is no class 'sick'" two "folds = 2" "positive = sick\nthreshold = youden\n"
refuses_training "[predict] threshold: which of the 3 classes it is of, positive must say" three "folds = 2" "threshold = youden\n"
refuses_training "[predict] calibrate = isotonic requires two classes, the data has 3; temperature is for any number" three \
    "folds = 2" "calibrate = isotonic\n"
sed -n '1,12p' "$work/two.csv" | grep c0 >"$work/rare.csv"
grep -m 1 ill "$work/two.csv" >>"$work/rare.csv"
printf '[data]\ntrain = rare.csv\n[model]\nlayers =\n    gru 4\n    dense 2\n[train]\nvalidation = 0.2\n[predict]\nthreshold = youden\n' >"$work/config.ini"
refuses 1 "config.ini:10: [predict] threshold is fitted to the 1 cases that validation holds out, and none of them is of class 'ill'" \
    train "$work/config.ini" --quiet

# ---- What a model says of itself is not believed blindly ----

for change in 's/positive ill/positive0ill/' 's/calibrate temperature/calibrate temperatura/' 's/threshold 0\./threshold -./' \
    's/sensitivity 0.9/sensitivity 2.9/' 's/fitted validation/fitted validatiom/' 's/validation 24 /validation 2x /' 's/fitted v/fatted v/'; do
    sed "$change" "$work/m.onnx" >"$work/damaged.onnx"
    refuses 1 "damaged.onnx: metadata rnnpack.decision is damaged" predict "$work/damaged.onnx" --data "$work/new.csv" -o "$work/d.csv"
    refuses 1 "damaged.onnx: metadata rnnpack.decision is damaged" eval "$work/damaged.onnx" --config "$work/two.ini" --quiet
done
sed 's/positive ill/positive jll/' "$work/m.onnx" >"$work/damaged.onnx"
refuses 1 "the model's threshold is of class 'jll', which the data do not have" \
    predict "$work/damaged.onnx" --data "$work/new.csv" -o "$work/d.csv"
configure two "folds = 3" "calibrate = isotonic\n"
expect 0 train "$work/config.ini" -o "$work/i.onnx" --quiet
for change in 's/rnnpack.isotonic/rnnpack.isotomic/' '/rnnpack.isotonic/,$s/ 1$/ 7/' '/rnnpack.isotonic/,$s/ 0$/ 1/'; do
    sed "$change" "$work/i.onnx" >"$work/damaged.onnx"
    ! cmp -s "$work/i.onnx" "$work/damaged.onnx" || fail "nothing is damaged by $change"
    refuses 1 "damaged.onnx: metadata rnnpack.isotonic is damaged" predict "$work/damaged.onnx" --data "$work/new.csv" -o "$work/d.csv"
done
[[ ! -e $work/d.csv ]] || fail "a refused call wrote a table"
