#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rnnpack attribute: sums, a planted signal, files, and what is refused.
# shellcheck source=tests/cli/common.sh disable=SC2016
source "$(dirname "$0")/common.sh"
cd "$work"

# holds EXPRESSION [FILE]: awk's, over the table with columns row id input channel step time value baseline and methods.
holds() {
    awk -F, "$1" "${2:-out.csv}" || fail "${2:-out.csv}: not so: $1"
}

# ---- Arrays: a table ----
npy x.npy '<f4' '(20, 2, 1)' 160
printf '\x00\x00\x80\x3f' | dd of=x.npy bs=1 seek=$((128 + 60)) conv=notrunc 2>/dev/null # step 7 of row 1 is 1
gives "row 1: output of element" attribute "$forecaster" --data x.npy --baseline zero -o out.csv
prints "row 0: output of element"
[[ $(head -n 1 out.csv) == "row,id,input,channel,step,time,value,baseline,integrated gradients,gradient x input,occlusion" ]] || fail head
[[ $(wc -l <out.csv) == $((1 + 2 * 21)) ]] || fail "lines"
holds '$5 != "" && NR > 1 && !($1 == 1 && $5 == 7) && ($9 != 0 || $10 != 0 || $11 != 0) { bad = 1 } END { exit bad }'
holds '$1 == 1 && $5 == 7 { found = $7 == 1 && $8 == 0 && $9 != 0 } END { exit !found }'
holds '$1 == 1 && $5 == "" { sum = $9 } $1 == 1 && $5 != "" { steps += $9 } END { exit !(sum != 0 && (sum - steps) ^ 2 < 1e-12) }'
cp out.csv one.csv
for how in "--isa generic" "--threads 3" "--rows all" "--rows 0,1" "--rows 0-1"; do
    # shellcheck disable=SC2086
    expect 0 attribute "$forecaster" --data x.npy --baseline zero -o out.csv $how
    cmp out.csv one.csv || fail "$how: another table"
done
expect 0 attribute "$forecaster" --data x.npy --baseline zero -o out.csv --rows 1 --target 3 --channels ecg --methods occlusion --window 20
holds 'NR > 1 && ($1 != 1 || $4 != "ecg") { bad = 1 } END { exit bad || NF != 9 }'
prints "output of element 3"
expect 0 attribute "$forecaster" --data x.npy --baseline x.npy:0 -o out.csv
cmp out.csv one.csv || fail "a row of zeros is no zero baseline"
expect 0 attribute "$forecaster" --data x.npy -o out.csv # the mean: 1 of 40 numbers is 1
holds '$5 != "" && NR > 1 && ($8 - 0.025) ^ 2 > 1e-12 { bad = 1 } END { exit bad }'

# ---- What is refused ----
refuses 2 "-o needs a name that ends in .html or .csv" attribute "$forecaster" --data x.npy -o out.txt
refuses 2 "'saliency' is none of" attribute "$forecaster" --data x.npy -o out.csv --methods integrated,saliency
refuses 2 "occlusion stands there twice" attribute "$forecaster" --data x.npy -o out.csv --methods occlusion,occlusion
refuses 2 "--score needs output, logit or probability" attribute "$forecaster" --data x.npy -o out.csv --score loss
refuses 1 "but --data is given 0 times" attribute "$forecaster" -o out.csv
refuses 1 "target 400 of row 0" attribute "$forecaster" --data x.npy -o out.csv --target 400
refuses 1 "'normal' is no number" attribute "$forecaster" --data x.npy -o out.csv --target normal
refuses 1 "'2' is not within the 2 rows" attribute "$forecaster" --data x.npy -o out.csv --rows 2
refuses 1 "there is no row 'p7'" attribute "$forecaster" --data x.npy -o out.csv --rows p7
refuses 1 "points=6 is not a multiple of 4" attribute "$forecaster" --data x.npy -o out.csv --points 6
refuses 1 "say which one: x.npy:ROW" attribute "$forecaster" --data x.npy -o out.csv --baseline x.npy
refuses 1 "x.npy has no row 5" attribute "$forecaster" --data x.npy -o out.csv --baseline x.npy:5
npy wide.npy '<f4' '(20, 2, 3)' 480
refuses 1 "expected 1" attribute "$forecaster" --data wide.npy -o out.csv
npy ints.npy '<i4' '(20, 2, 1)' 160
refuses 1 "ints.npy holds i32" attribute "$forecaster" --data ints.npy -o out.csv
cp x.npy nan.npy
printf '\x00\x00\xc0\x7f' | dd of=nan.npy bs=1 seek=$((128 + 60)) conv=notrunc 2>/dev/null
refuses 1 "row 1, element 7 of it is nan" attribute "$forecaster" --data nan.npy -o out.csv --baseline zero
refuses 1 "cannot write none/out.csv" attribute "$forecaster" --data x.npy -o none/out.csv
expect 0 quantize "$forecaster" --weights s8 --seconds 0.01 --steps 4 -o small.onnx
refuses 1 "its weights are s8" attribute small.onnx --data x.npy -o out.csv
# Points that are too few for the tolerance: nothing is written.
rm -f out.csv
refuses 1 "give more --points, or a larger --tolerance" attribute "$forecaster" --data x.npy -o out.csv --baseline zero --points 4 --tolerance 0.0000001
[[ ! -e out.csv ]] || fail "reasons that do not add up were written"

# ---- A training's data: a signal in one column, noise in the other, ids, lengths, a time ----
"$program" --help >help
grep -q "^  train " help || exit 0
awk 'BEGIN { print "id,time,signal,noise,outcome"
    for (i = 0; i < 120; i++) for (t = 0; t < 8 + i % 5; t++)
        printf "p%d,%g,%.4f,%.4f,%s\n", i, 0.5 * t, (i % 2 ? 1 : -1) * (t >= 3 && t < 6) + 0.3 * sin(i * 3.7 + t * 5.1),
            sin(i * 7.3 + t * t * 1.7), i % 2 ? "<sick & tired>" : "well" }' >long.csv
configure "gru 12 bidirectional" "dense 8 relu" "dense 2 softmax" -- data.format=csv data.train=long.csv data.target=label data.id=id data.time=time \
    data.label=outcome data.standardise=yes train.loss=sparse train.epochs=25 train.batch=8 train.rate=0.02
expect 0 train config.ini -o model.onnx
expect 0 attribute model.onnx --config config.ini --rows p3,p8 --target "<sick & tired>" -o out.csv
prints "p3: output of <sick & tired>"
holds 'NR > 1 && $5 != "" && $1 == 3 { n++ } END { exit n != 2 * 11 }'
for method in 9 10 11; do
    holds '$4 == "signal" && $5 != "" && $5 >= 3 && $5 < 6 { inside += $'$method' < 0 ? -$'$method' : $'$method' }
        NR > 1 && $5 != "" { all += $'$method' < 0 ? -$'$method' : $'$method' } END { print inside / all; exit !(inside > 0.4 * all) }'
done
holds '$5 == 4 && $2 == "p3" { exit $6 != 2 }'
expect 0 attribute model.onnx --config config.ini --data long.csv --rows 0-2 -o out.html
[[ $(grep -c '<section>' out.html) == 3 && $(grep -c 'class=.name.>signal' out.html) == 6 ]] || fail "sections"
grep -q '&lt;sick &amp; tired&gt;' out.html || fail "text is not escaped"
! grep -qE '<script|https?:|src=|<link|@import' out.html || fail "the page loads something"
! grep -qE "='-?(nan|inf)" out.html || fail "numbers of the picture"
if command -v xmllint >/dev/null; then xmllint --html --noout out.html 2>html.err || fail "the page"; fi
# The model alone says the same, also when it is packed.
expect 0 attribute model.onnx --config config.ini --data long.csv --rows p3,2 -o config.csv
expect 0 pack model.onnx -o model.rnnp
for model in model.onnx model.rnnp; do
    expect 0 attribute $model --data long.csv --rows p3,2 -o out.csv
    cmp out.csv config.csv || fail "$model alone says otherwise than with its configuration"
done
refuses 2 "--data is given once, unless it is a .npy file for each input" attribute model.onnx --data long.csv --data long.csv -o out.csv
cut -d, -f1-3 long.csv >short.csv
refuses 1 "there is no column 'noise', which the training data has" attribute model.onnx --data short.csv -o out.csv
refuses 2 "with --config, --data is given once" attribute model.onnx --config config.ini --data long.csv --data long.csv -o out.csv
refuses 1 "none.csv" attribute model.onnx --config config.ini --data none.csv -o out.csv
refuses 1 "dimension 2 is 2, expected 1" attribute "$forecaster" --config config.ini -o out.csv
exit 0
