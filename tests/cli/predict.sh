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

# ---- Forecasts: a line for each step, those past the end among them, and errors where the truth is there ----

series() {
    awk -v first="$1" -v last="$2" 'BEGIN { print "id,t,a,b"
        for (i = first; i <= last; i++) for (t = 0; t < 6 + i % 3; t++)
            printf "s%d,%g,%.3f,%.3f\n", i, 0.5 * t, sin(i + t * 0.7), cos(i * 2 + t * 0.3) }'
}
series 1 30 >"$work/train.csv"
series 41 44 >"$work/new.csv"
forecast() {
    printf '[data]\nformat = csv\ntrain = train.csv\nid = id\ntime = t\ntarget = %s\nstandardise = yes\n%b[model]\nlayers =\n    gru 6\n    dense 2\n[train]\nloss = mse\nepochs = 3\n' \
        "$1" "$2" >"$work/config.ini"
    expect 0 train "$work/config.ini" -o "$work/next.onnx" --quiet --test "$work/new.csv"
    error=$(sed -n 's/^test: .*mean squared error \([^,]*\).*/\1/p' "$work/out")
}
forecast next "horizon = 2\n"
gives "4 sequences, 29 steps, mean squared error $error where the truth is there" \
    predict "$work/next.onnx" --data "$work/new.csv" -o "$work/next.csv"
[[ $(head -n 1 "$work/next.csv") == "id,step,time,a,b,error" && $(wc -l <"$work/next.csv") == 30 ]] || fail "forecasts"
# s41 has 8 steps: forecasts are of steps 3 to 10, and the last two have neither a time nor an error.
[[ $(sed -n 2p "$work/next.csv") == s41,3,1,* && $(sed -n 9p "$work/next.csv") == s41,10,,*, ]] || fail "steps"
awk -F, 'NR == FNR { a[$1, $2 * 2 + 1] = $3; b[$1, $2 * 2 + 1] = $4; next }
    FNR > 1 { there = ($1, $2) in a; d = $4 - a[$1, $2]; e = $5 - b[$1, $2]; want = (d * d + e * e) / 2; n += there
        if (there != ($6 != "") || there && (want - $6) ^ 2 > 1e-10) bad = 1 } END { exit bad || n != 21 }' \
    "$work/new.csv" "$work/next.csv" || fail "errors of forecasts"
expect 0 predict "$work/next.onnx" --data "$work/new.csv" -o "$work/again.csv" --isa generic --threads 2
cmp "$work/next.csv" "$work/again.csv" || fail "other bits"
# What is forecast of later steps does not look at them.
awk -F, 'NR == 1 || $2 < 2' "$work/new.csv" >"$work/short.csv"
expect 0 predict "$work/next.onnx" --data "$work/short.csv" -o "$work/short-p.csv"
prints "4 sequences, 16 steps"
diff <(cut -d, -f1,2,4,5 "$work/short-p.csv") <(awk -F, 'NR == 1 || $2 < 7' "$work/next.csv" | cut -d, -f1,2,4,5) || fail "a forecast looks ahead"
refuses 1 "does not predict one class per sequence" predict "$work/next.onnx" --data "$work/new.csv" -o "$work/t.csv" --threshold 0.5

forecast input ""
gives "4 sequences, 29 steps, mean squared error $error where" predict "$work/next.onnx" --data "$work/new.csv" -o "$work/same.csv"
[[ $(sed -n 2p "$work/same.csv") == s41,1,0,* && $(sed -n 9p "$work/same.csv") == s41,8,3.5,* ]] || fail "rebuilt steps"

# ---- The lines of [data] travel whole, with the choices of a search ----

awk 'BEGIN { printf "id,y"; for (k = 1; k <= 900; k++) printf ",measurement_%d", k; print ""
    for (i = 1; i <= 12; i++) { printf "s%d,%s", i, i % 2 ? "a" : "b"; for (k = 1; k <= 900; k++) printf ",%s", (i + k) % 5 ? i % 2 + k % 3 : ""; print "" } }' >"$work/train.csv"
{
    printf '[data]\nformat = csv\ntrain = train.csv\nid = id\nlabel = y\nmissing = $how\nfeatures = '
    head -n 1 "$work/train.csv" | cut -d, -f3-
    printf '[model]\nlayers =\n    gru 2\n    dense 2\n[train]\nepochs = 1\nvalidation = 0.3\n[search]\nhow = mean | zero\n'
} >"$work/config.ini"
gives "best:" train "$work/config.ini" -o "$work/long.onnx" --quiet
cut -d, -f1,3- "$work/train.csv" >"$work/new.csv"
gives "12 sequences, 2 classes" predict "$work/long.onnx" --data "$work/new.csv" -o "$work/long.csv"
sed 's/^id = id$/ib = id/' "$work/long.onnx" >"$work/damaged.onnx"
refuses 1 "damaged.onnx:2: [data] has no key 'ib'" predict "$work/damaged.onnx" --data "$work/new.csv" -o "$work/t.csv"
sed 's/^id = id$/;d = id/' "$work/long.onnx" >"$work/damaged.onnx"
refuses 1 "damaged.onnx: [data] id, the column that tells sequences apart, is missing" predict "$work/damaged.onnx" \
    --data "$work/new.csv" -o "$work/t.csv"
