#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
#
# Layers for visits at irregular times. Values of three features fade towards 0 at a rate of each, and are missing more
# often where they are below 0: what was seen last, how long ago, and that nothing was seen tell the sign of their sum
# at the last visit, where nearly all are missing.
source "$(dirname "$0")/common.sh"

# patients SEED N: visits of N patients, whose numbers are the same everywhere.
patients() {
    awk -v seed="$1" -v n="$2" '
        function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
        function normal() { return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()) }
        BEGIN {
            state = seed
            split("0.3 1 4", lasts, " ")
            print "id,time,a,b,c,outcome"
            for (i = 1; i <= n; i++) {
                time = 0; rows = ""; visits = 5 + int(5 * uniform())
                for (t = 1; t <= visits; t++) {
                    gap = t == 1 ? 0 : -log(uniform()); time += gap; line = ""; sum = 0
                    for (k = 1; k <= 3; k++) {
                        left = t == 1 ? 0 : exp(-gap / lasts[k])
                        z[k] = z[k] * left + sqrt(1 - left * left) * normal()
                        sum += z[k]
                        there = uniform() > (t == visits ? 0.9 : z[k] < 0 ? 0.7 : 0.3)
                        line = line "," (there ? sprintf("%.4f", z[k]) : "")
                    }
                    rows = rows seed "-" i "," sprintf("%.4f", time) line "\n"
                }
                gsub(/\n/, "," (sum > 0) "\n", rows)
                printf "%s", rows
            }
        }'
}
patients 11 1500 >"$work/train.csv"
patients 4242 2000 >"$work/test.csv"

# train_visits LAYER...: a model of these layers.
train_visits() {
    configure "$@" "dense 1 sigmoid" -- data.format=csv data.train=train.csv data.test=test.csv data.id=id data.time=time \
        data.label=outcome data.missing=carry data.mask=yes data.delta=yes data.standardise=yes train.loss=binary \
        train.optimizer=adam train.rate=0.005 train.epochs=12 train.score=auc
    expect 0 train "$work/config.ini" --quiet -o "$work/model.onnx" --predictions "$work/p.npy"
}
area() { sed -n 's/^test:.*ROC AUC \([0-9.]*\).*/\1/p' "$work/out"; }

train_visits "gru 16"
gru=$(area)
train_visits "grud 16"
grud=$(area)
echo "ROC AUC: GRU with mask and delta $gru, GRU-D $grud"
awk -v a="$gru" -v b="$grud" 'BEGIN { exit !(a > 0.6 && b > a + 0.02) }' || fail "GRU-D does not win by 0.02"

# The file is the model: the same bits, with scaling, masks and decays in it; and on every ISA and number of threads.
expect 0 eval "$work/model.onnx" --config "$work/config.ini" --predictions "$work/q.npy" --quiet
cmp "$work/p.npy" "$work/q.npy" || fail "eval has other bits than train"
for how in "--isa generic" "--threads 1" "--threads 3"; do
    # shellcheck disable=SC2086
    expect 0 train "$work/config.ini" -o "$work/again.onnx" --quiet $how
    cmp "$work/model.onnx" "$work/again.onnx" || fail "$how: another model"
done

train_visits "tlstm 16" "attention 8"
awk -v a="$(area)" 'BEGIN { exit !(a > 0.6) }' || fail "tlstm with attention"

sed -i 's/^delta.*/delta=no/' "$work/config.ini"
refuses 1 "this is a first layer, of [data] missing = carry, mask = yes, delta = yes" train "$work/config.ini" --quiet
