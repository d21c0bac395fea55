#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rnnpack predict: a model alone reads new data as its training did, and says what rnnpack eval says.
#
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

# ---- Tables with everything: ids, dates, groups, texts, gaps ----

# visits FIRST LAST [COLUMNS]: patients of 3 to 5 visits, whose columns may come in another order.
visits() {
    awk -v first="$1" -v last="$2" -v order="${3:-patient when hb sex alb ward dead}" 'BEGIN {
        n = split(order, name, " ")
        for (k = 1; k <= n; k++) printf "%s%s", name[k], k < n ? "," : "\n"
        for (i = first; i <= last; i++) for (t = 0; t < 3 + i % 3; t++) {
            v["patient"] = "p" i; v["when"] = "2024-0" 1 + t "-1" i % 9; v["sex"] = i % 3 ? "m" : "f"
            v["hb"] = (i + t) % 5 ? 10 + 3 * (i % 2) + (i * 7 + t * 3) % 5 / 10 : ""; v["alb"] = 30 - 4 * (i % 2) + (i * 11 + t) % 7 / 5
            v["ward"] = "\"w, " i % 3 "\""; v["dead"] = i % 2 ? "yes" : "no"
            for (k = 1; k <= n; k++) printf "%s%s", v[name[k]], k < n ? "," : "\n"
        } }'
}
visits 1 40 >"$work/train.csv"
visits 50 59 >"$work/known.csv"
visits 50 59 "alb ward patient sex hb when" >"$work/new.csv"
cat >"$work/config.ini" <<'END'
[data]
train = train.csv
format = csv
id = patient
time = when
label = dead
group = ward
shared = allow
features = hb, sex,
    alb     ; goes on
categories = sex
missing = carry
mask = yes
delta = yes
standardise = yes
[model]
layers = gru 8
    dense 2 softmax
[train]
epochs = 6
rate = 0.02
validation = 0.4
END
expect 0 train "$work/config.ini" -o "$work/model.onnx"
expect 0 eval "$work/model.onnx" --config "$work/config.ini" --test "$work/known.csv" --predictions "$work/known-p.csv"
gives "10 sequences, 2 classes" predict "$work/model.onnx" --data "$work/new.csv" -o "$work/new-p.csv"
head -n 1 "$work/new-p.csv" | grep -qx "id,group,predicted,p_no,p_yes" || fail "header"
grep -q '^p50,"w, 2",' "$work/new-p.csv" || fail "id and group"
# eval's table has fold and label besides
diff <(sed 's/,,[a-z]*,/,/; 1s/,fold,label//' "$work/known-p.csv") "$work/new-p.csv" || fail "predict says otherwise than eval"
expect 0 predict "$work/model.onnx" --data "$work/known.csv" -o "$work/again.csv" --isa generic --threads 2
cmp "$work/new-p.csv" "$work/again.csv" || fail "other bits"

# What is made of the model says the same of data: another format, and a file that was written again.
expect 0 convert "$work/model.onnx" -o "$work/copy.onnx"
expect 0 predict "$work/copy.onnx" --data "$work/new.csv" -o "$work/again.csv"
cmp "$work/new-p.csv" "$work/again.csv" || fail "convert: other bits"
expect 0 quantize "$work/model.onnx" --weights f16 -o "$work/small.onnx" --seconds 0.01
expect 0 predict "$work/small.onnx" --data "$work/new.csv" -o "$work/again.csv"

# Refusals name what is wrong, and write nothing.
rm "$work/again.csv"
sed 's/alb/albumin/' "$work/new.csv" >"$work/other.csv"
expect 1 predict "$work/model.onnx" --data "$work/other.csv" -o "$work/again.csv"
says "there is no column 'alb', which the training data has"
expect 1 pack "$work/model.onnx" -o "$work/again.csv/model.rnnp"
expect 0 pack "$work/model.onnx" -o "$work/model.rnnp"
expect 0 predict "$work/model.rnnp" --data "$work/new.csv" -o "$work/again.csv"
cmp "$work/new-p.csv" "$work/again.csv" || fail "packed: other bits"
rm "$work/again.csv"
expect 1 predict "$forecaster" --data "$work/new.csv" -o "$work/again.csv"
says "does not say how its data are read"
expect 1 predict "$work/model.onnx" --data "$work/new.csv" -o "$work/new.csv"
expect 1 predict "$work/model.onnx" --data "$work/none.csv" -o "$work/again.csv"
expect 2 predict "$work/model.onnx" --data "$work/new.csv"
sed 's/rnnpack.fill/rnnpack.fell/' "$work/model.onnx" >"$work/damaged.onnx"
expect 1 predict "$work/damaged.onnx" --data "$work/new.csv" -o "$work/again.csv"
says "is damaged"
[[ ! -e $work/again.csv ]] || fail "a refused call wrote a table"

# ---- Texts: the vocabulary is in the model, and new ones need no label ----

awk 'BEGIN { for (i = 0; i < 40; i++) print (i % 2 ? "good" : "bad") "\t" (i % 2 ? "well fine day" : "pain worse day") " w" i % 5 }' >"$work/words.txt"
printf 'well fine\nnever heard of\n' >"$work/new.txt"
printf 'good\twell fine\nbad\tnever heard of\n' >"$work/labelled.txt"
printf '[data]\ntrain = words.txt\nformat = tokens\n[model]\nlayers = embedding 4\n    gru 4\n    dense 2\n[train]\nepochs = 2\n' >"$work/config.ini"
expect 0 train "$work/config.ini" -o "$work/words.onnx"
rm "$work/words.onnx.words"
for data in new labelled; do
    gives "2 sequences, 2 classes" predict "$work/words.onnx" --data "$work/$data.txt" -o "$work/$data.csv"
done
grep -q "^2,[a-z]*,0\.[0-9]*,0\.[0-9]*$" "$work/new.csv" || fail "texts"
