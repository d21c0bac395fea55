#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rnnpack federate with targets other than one class per sequence: numbers, several labels, classes of steps, each of which
# may be missing. Files and a simulation have the same bits, masked or not; one site makes the model of rnnpack train; the
# coordinator finds from sums what a simulation finds from predictions.
#
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"
sites=(east north south)
# shellcheck source=tests/cli/federation.sh
source "$(dirname "$0")/federation.sh"

# stays SITE FIRST LAST: patients with 3 to 7 days. North knows no cost and one answer of `again`, south no stage `low`, and
# nothing at all of some patients.
stays() {
    awk -v site="$1" -v first="$2" -v last="$3" 'BEGIN {
        print "id,day,a,b,los,cost,died,again,stage,site"
        for (i = first; i <= last; i++) for (t = 0; t < 3 + i % 5; t++) {
            u = sin(i * 7.3); w = cos(i * 3.1); a = u + 0.4 * sin(i + t * t * 1.7); b = w + 0.2 * cos(i * t)
            none = site == "south" && i % 4 == 0
            los = i % 6 && !none ? sprintf("%.2f", 20 + 5 * u) : ""
            cost = site != "north" && !none ? sprintf("%.1f", 3000 + 900 * w) : ""
            died = none ? "" : u > 0.4 ? 1 : 0
            again = i % 7 && !none ? (w > 0 ? 1 : site == "north" ? "" : 0) : ""
            stage = (i + t) % 5 && !none ? (a > 0.5 ? "high" : a < -0.5 && site != "south" ? "low" : "mid") : ""
            printf "p%d,%.1f,%.4f,%.4f,%s,%s,%s,%s,%s,%s\n", i, t * 1.5, a, b, los, cost, died, again, stage, site
        } }'
}
stays east 1 40 >east.csv
stays north 101 130 >north.csv
stays south 201 235 >south.csv
{ cat east.csv && tail -qn +2 north.csv south.csv; } >all.csv

# config TARGET LAST-LAYER KEYS...: study.ini; keys are section.name=value and replace those before.
config() {
    local pair section
    declare -A keys=([data.format]=csv [data.train]=all.csv [data.id]=id [data.time]=day [data.features]="a, b"
        [data.target]=$1 [data.standardise]=yes [train.rate]=0.1 [train.optimizer]=sgd [train.batch]=8
        [train.validation]=0.3 [train.epochs]=4 [federate.rounds]=2 [federate.local_epochs]=2 [federate.secure]=yes
        [federate.coordinator]=${public[coordinator]} [federate.sites]=$(list_sites))
    for pair in "${@:3}"; do keys[${pair%%=*}]=${pair#*=}; done
    for section in data train federate; do
        echo "[$section]"
        for pair in "${!keys[@]}"; do [[ $pair != $section.* ]] || echo "${pair#*.} = ${keys[$pair]}"; done
    done >study.ini
    printf '[model]\nlayers =\n    gru 5\n    %s\n' "$2" >>study.ini
}

# everywhere NAME TARGET LAST-LAYER KEYS...: all modes make the same model.
everywhere() {
    local name=$1 of party
    shift
    config "$@" train.validation=0 federate.secure=no
    expect 0 federate simulate study.ini --site-column site --pooled -o pooled.onnx
    expect 0 train study.ini -o alone.onnx
    cmp pooled.onnx alone.onnx || fail "$name: one site has other bits than rnnpack train"
    config "$@" federate.secure=no
    expect 0 federate simulate study.ini --site-column site -o plain.onnx
    config "$@"
    expect 0 federate simulate study.ini --site-column site -o "$name.onnx" --predictions all-p.csv --bootstrap 0
    cmp plain.onnx "$name.onnx" || fail "$name: masks change bits"
    sed -n '/^all sites/,/^privacy/p' out >simulated
    expect 0 predict "$name.onnx" --data south.csv -o new.csv
    mkdir "$name"
    for party in "${sites[@]}"; do site "$party" study.ini "$name" -o "$party.onnx" --predictions "$party-p.csv"; done
    gives "3 sites, " "${coordinate[@]}" study.ini --folder "$name" -o files.onnx
    finish
    for of in files "${sites[@]}"; do cmp "$of.onnx" "$name.onnx" || fail "$name: $of has another model than a simulation"; done
    sed -n '/^all sites/,/^privacy/p' out >found
    for party in "${sites[@]}"; do
        tail -n +2 "$party-p.csv" | cut -d, -f1,4- | sort >one
        tail -n +2 all-p.csv | cut -d, -f1,4- | grep -Fxf one | sort >two
        { [[ -s one ]] && cmp one two; } || fail "$name: site $party predicts otherwise than in a simulation"
    done
}

# without_ranks FILE, same NAME: the coordinator says from sums what the simulation says from predictions, but for areas.
without_ranks() {
    sed -E 's/, (macro |micro )?(ROC AUC|average precision|Brier|calibration error) [0-9.]+//g; s/^(  (died|again) +)[0-9.]+ +[0-9.]+/\1- -/; s/ +/ /g' "$1"
}
same() {
    diff <(without_ranks simulated) <(without_ranks found) >difference || { cat difference && fail "$1: metrics from sums"; }
}

# alone: each site by itself.
alone() {
    expect 0 federate simulate study.ini --site-column site --alone --predictions alone-p.csv --bootstrap 0
    cmp <(cut -d, -f1,4 all-p.csv) <(cut -d, -f1,4 alone-p.csv) || fail "--alone"
}

everywhere values values "dense 2" "data.values=los, cost"
same values
prints "2 values"
{ grep -qE "^  los( +-?[0-9.]+){7}$" out && grep -qE "^  cost( +-?[0-9.]+){7}$" out; } || fail "metrics of values"
grep -q "^all sites: 31 sequences, loss [0-9.]*, mean R2 " out || fail "the mean of values"
everywhere huber values "dense 1" "data.values=los" train.loss=huber data.standardise=no
same huber
alone

everywhere labels labels "dense 2 sigmoid" "data.labels=died, again"
same labels
prints "2 labels"
grep -qE "^  died +- +-( +[0-9.]+){5}$" out || fail "metrics of labels"
grep -qE "^all sites: .*, macro F1 [0-9.]+, micro F1 [0-9.]+$" out || fail "means of labels"
alone
everywhere balanced labels "dense 2" "data.labels=died, again" train.balanced=yes
same balanced
! cmp -s labels.onnx balanced.onnx || fail "balanced changes nothing"

everywhere steps step_label "dense 3 softmax" data.label=stage
same steps
prints "3 classes"
grep -qE "^all sites: 31 sequences, [0-9]+ steps, [0-9]+ of them with a label, loss " out || fail "metrics of steps"
alone
everywhere weighed step_label "dense 3" data.label=stage train.balanced=yes train.loss=cross
same weighed
! cmp -s steps.onnx weighed.onnx || fail "balanced changes nothing"
everywhere windows step_label "dense 3" data.label=stage data.window=2 data.stride=2
same windows

# A site that knows no target gives sums for scaling and moves nothing; what nobody knows is not learnt.
awk -F, -v OFS=, 'NR > 1 { $5 = $6 = $7 = $8 = $9 = "" } { print }' south.csv >nothing.csv
mv south.csv south.keep && mv nothing.csv south.csv
{ cat east.csv && tail -qn +2 north.csv south.csv; } >all.csv
everywhere nothing values "dense 2" "data.values=los, cost"
same nothing
awk -F, -v OFS=, 'NR > 1 { $6 = "" } { print }' east.csv >costless.csv && mv costless.csv east.csv
mkdir costless
for party in "${sites[@]}"; do site "$party" study.ini costless --timeout 2; done
refuses 1 "target 'cost' is missing at all sites" "${coordinate[@]}" study.ini --folder costless
for party in "${!jobs[@]}"; do ! wait "${jobs[$party]}" || fail "site $party does not end"; done
jobs=()
for party in east north south; do awk -F, -v OFS=, 'NR > 1 { $5 = $6 = "" } { print }' $party.csv >x && mv x $party.csv; done
mkdir none
for party in "${sites[@]}"; do site "$party" study.ini none --timeout 2; done
refuses 1 "no site has a sequence to train on whose target is known" "${coordinate[@]}" study.ini --folder none
for party in "${!jobs[@]}"; do ! wait "${jobs[$party]}" || fail "site $party does not end"; done
