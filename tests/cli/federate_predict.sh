#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# [predict] in a federation: thresholds and calibration from sums. Files and a simulation have the same bits, masked or not;
# one site finds what rnnpack train finds, to the width of the grid.
#
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"
sites=(east north south)
# shellcheck source=tests/cli/federation.sh
source "$(dirname "$0")/federation.sh"

# patients SITE FIRST LAST: four visits each; `state` has two classes, `kind` three.
patients() {
    awk -v site="$1" -v first="$2" -v last="$3" 'BEGIN {
        print "id,day,a,b,state,kind,ward,site"
        for (i = first; i <= last; i++) for (t = 0; t < 4; t++) {
            u = sin(i * 7.3); w = cos(i * 3.1 + t); ill = u + 0.7 * sin(i * i * 1.3) > 0.3
            printf "%d,%d,%.4f,%.4f,%s,%s,w%d,%s\n", i, t, u + 0.3 * w, w + sin(i * 5.1), (ill ? "ill" : "well"), \
                (ill ? "a" : (sin(i * 5.1) > 0 ? "b" : "c")), i / 2, site
        } }'
}
patients east 1 80 >east.csv
patients north 101 160 >north.csv
patients south 201 270 >south.csv
patients east 301 340 >test.csv
patients north 341 360 | tail -n +2 >>test.csv
patients south 361 380 | tail -n +2 >>test.csv
{ cat east.csv && tail -qn +2 north.csv south.csv; } >all.csv

# config LABEL PREDICT KEYS...: study.ini; keys are section.name=value and replace those before, PREDICT is lines.
config() {
    local pair section
    declare -A keys=([data.format]=csv [data.train]=all.csv [data.id]=id [data.time]=day [data.features]="a, b"
        [data.label]=$1 [data.group]=ward [data.standardise]=yes [train.rate]=0.03 [train.optimizer]=sgd [train.batch]=8
        [train.validation]=0.4 [train.epochs]=4 [federate.rounds]=2 [federate.local_epochs]=2 [federate.secure]=yes
        [federate.coordinator]=${public[coordinator]} [federate.sites]=$(list_sites))
    for pair in "${@:3}"; do keys[${pair%%=*}]=${pair#*=}; done
    for section in data train federate; do
        echo "[$section]"
        for pair in "${!keys[@]}"; do [[ $pair != $section.* ]] || echo "${pair#*.} = ${keys[$pair]}"; done
    done >study.ini
    printf '[model]\nlayers =\n    gru 4\n    dense %s\n[predict]\n%b\n' "${classes:-2}" "$2" >>study.ini
}
simulate=(federate simulate study.ini --site-column site --bootstrap 0)

# told: what the last run said of it.
told() { grep -E '^(calibrated|threshold): ' out; }

# everywhere NAME LABEL PREDICT: all modes make the same model, which `predict` understands.
everywhere() {
    local name=$1 party
    config "$2" "$3" federate.secure=no
    expect 0 "${simulate[@]}" -o plain.onnx
    config "$2" "$3"
    expect 0 "${simulate[@]}" -o "$name.onnx" --isa generic --threads 2
    cmp plain.onnx "$name.onnx" || fail "$name: masks change bits"
    told >simulated
    mkdir "$name"
    for party in "${sites[@]}"; do site "$party" study.ini "$name" -o "$party.onnx"; done
    expect 0 "${coordinate[@]}" study.ini --folder "$name" -o files.onnx
    finish
    told | diff - simulated || fail "$name: the coordinator says otherwise"
    for party in "${sites[@]}"; do
        grep -E '^(calibrated|threshold): ' "$party.log" | diff - simulated || fail "$name: site $party says otherwise"
        cmp "$party.onnx" "$name.onnx" || fail "$name: site $party has another model"
    done
    cmp files.onnx "$name.onnx" || fail "$name: a simulation has other bits"
    expect 0 predict "$name.onnx" --data south.csv -o new.csv
    told | diff - simulated || fail "$name: predict says otherwise"
}

# one LABEL PREDICT: what one site and rnnpack train find, as pooled.txt and train.txt; the models but for that are the same.
one() {
    config "$1" "$2" federate.secure=no
    expect 0 "${simulate[@]}" --pooled -o pooled.onnx --predictions held.csv
    told >pooled.txt
    expect 0 train study.ini -o alone.onnx --bootstrap 0
    told >train.txt
}

# ---- Temperature: the same as rnnpack train's, for any number of classes ----

one state "calibrate = temperature"
cmp pooled.onnx alone.onnx || fail "one site has another temperature than rnnpack train"
grep -qx "calibrated: temperature [0-9.]*, fitted to [0-9]* cases of [0-9]* groups held out for validation, [0-9]* of them 'well'" pooled.txt ||
    fail "temperature"
classes=3
one kind "calibrate = temperature"
cmp pooled.onnx alone.onnx || fail "one site has another temperature than rnnpack train, of three classes"
everywhere three kind "calibrate = temperature\nthreshold = sensitivity 0.9\npositive = a"
[[ $(find three -name '*.call' | wc -l) == 12 ]] || fail "the number of calls" # names, 3, 2 rounds, 4, cases, evaluation
rm three/000[89].* three/001* # ended while it is fitted
for party in "${sites[@]}"; do site "$party" study.ini three; done
expect 0 "${coordinate[@]}" study.ini --folder three -o again.onnx
finish
cmp again.onnx three.onnx || fail "ended and begun again: other bits"
classes=

# ---- Thresholds: those of rnnpack train, down to the next edge (here no bin has several cases that matter); held-out
# shares are exact ----

at() { sed -n "s/^threshold: 'ill' from \([0-9.e-]*\) on.*/\1/p" "$1"; }
# shares THRESHOLD: sensitivity and specificity of what is held out.
shares() {
    awk -F, -v at="$1" 'NR > 1 { n[$4]++; found[$4] += $6 >= at } END { print found["ill"] / n["ill"], 1 - found["well"] / n["well"] }' held.csv
}
for rule in youden "sensitivity 0.9" "specificity 0.9" "cost 5" "cost 0.5"; do
    one state "threshold = $rule\npositive = ill"
    awk -v p="$(at pooled.txt)" -v q="$(at train.txt)" 'BEGIN { exit !(p > 0 && p <= q + 1e-4 && q - p <= p / 128 + 1e-4) }' ||
        fail "$rule: $(at pooled.txt), and train says $(at train.txt)"
    read -r sensitivity specificity < <(shares "$(at pooled.txt)")
    case $rule in
    sensitivity*) awk -v s="$sensitivity" 'BEGIN { exit !(s >= 0.9 && s < 0.95) }' || fail "sensitivity $sensitivity" ;;
    specificity*) awk -v s="$specificity" 'BEGIN { exit !(s >= 0.9 && s < 0.95) }' || fail "specificity $specificity" ;;
    esac
done
for rule in "cost 0.001" "specificity 0.9999"; do # nobody reaches it
    one state "threshold = $rule\npositive = ill"
    shares "$(at pooled.txt)" | grep -q " 1$" || fail "$rule calls somebody positive"
done
one state "threshold = 0.3\npositive = ill"
cmp pooled.onnx alone.onnx || fail "a threshold that is given"
everywhere youden state "threshold = youden\npositive = ill"

# ---- Isotonic regression ----

everywhere isotonic state "calibrate = isotonic\nthreshold = youden\npositive = ill"
one state "calibrate = isotonic"
grep -qE "isotonic regression, [0-9]+ steps" pooled.txt || fail "isotonic regression"
for model in pooled alone; do
    expect 0 predict $model.onnx --data all.csv -o $model.csv
    tail -n +2 $model.csv | cut -d, -f1,4 >$model.p
done
paste -d, pooled.p alone.p | awk -F, '{ d = $2 - $4; d = d < 0 ? -d : d; far += d > 0.02; n++ } END { exit !(n == 210 && far < 15) }' ||
    fail "isotonic regression is not that of rnnpack train"

# ---- A test set is judged by it, and plays no part in it ----

config state "calibrate = temperature\nthreshold = sensitivity 0.9\npositive = ill"
expect 0 "${simulate[@]}" --quiet
told >without
expect 0 "${simulate[@]}" --test test.csv --predictions tested.csv -o tested.onnx
told | diff - without || fail "the test set has a part in it"
expect 0 eval tested.onnx --config study.ini --test test.csv --predictions eval.csv
cmp <(cut -d, -f1,4- tested.csv | sort) <(cut -d, -f1,4- eval.csv | sort) || fail "a test set is judged otherwise than by eval"
cut -d, -f1-7 test.csv >outside.csv # of no site
expect 0 "${simulate[@]}" --test outside.csv --predictions tested.csv -o outside.onnx
cmp <(cut -d, -f1,4- tested.csv) <(cut -d, -f1,4- eval.csv) || fail "a test set of no site is judged otherwise than by eval"
cmp outside.onnx tested.onnx || fail "a test set of no site has a part in it"
cp test.csv whole.csv
mkdir tested
for party in "${sites[@]}"; do
    { head -n 1 whole.csv && grep ",$party$" whole.csv; } >"test-$party.csv"
    site "$party" study.ini tested --test "test-$party.csv"
done
gives "all sites: 80 sequences, loss " "${coordinate[@]}" study.ini --folder tested -o files.onnx
grep -o "accuracy.*" out | head -n 1 >found
finish
cmp files.onnx tested.onnx || fail "with test sets: other bits"
expect 0 eval tested.onnx --config study.ini --test test.csv --bootstrap 0
grep -o "accuracy [0-9.]*, macro F1 [0-9.]*, kappa [0-9.]*" out | diff - found || fail "the coordinator's confusion matrix is not that of eval"
grep -q "^threshold: 'ill' from " east.log || fail "a site does not tell the threshold"
expect 0 "${simulate[@]}" --alone --quiet
[[ $(told | wc -l) == 6 ]] || fail "--alone: each site has its own"
refuses 1 "--alone: each site has a threshold of its own" "${simulate[@]}" --alone --test test.csv

# ---- What makes no sense ----

config state "threshold = youden\npositive = sick"
refuses 1 "[predict] positive: there is no class 'sick'" "${simulate[@]}"
mkdir wrong
for party in "${sites[@]}"; do site "$party" study.ini wrong --timeout 1; done
refuses 1 "[predict] positive: there is no class 'sick'" "${coordinate[@]}" study.ini --folder wrong
for party in "${!jobs[@]}"; do ! wait "${jobs[$party]}" || fail "site $party does not end"; done
jobs=()
classes=3
config kind "calibrate = isotonic"
refuses 1 "calibrate = isotonic requires two classes, the data has 3" "${simulate[@]}"
config kind "threshold = youden"
refuses 1 "threshold: which of the 3 classes it is of, positive must say" "${simulate[@]}"
classes=
config state "threshold = youden"
sed -i 's/^validation.*/validation = 0/' study.ini
refuses 1 "threshold is fitted to data that training has not seen" "${simulate[@]}"
sed 's/,well,/,ill,/' all.csv | awk -F, -v OFS=, 'NR > 1 && $1 == 2 { $5 = "well" } { print }' >ill.csv
config state "threshold = youden" data.train=ill.csv
refuses 1 "cases that validation holds out, and none of them is of class 'well'" "${simulate[@]}" --quiet
