#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
#
# Columns of categories that the network embeds: trained, evaluated, predicted and attributed.
source "$(dirname "$0")/common.sh"

# stays FIRST LAST [TEXT]: three steps of each. The number of the last drug, of 12 drugs, tells the outcome; TEXT stands
# there instead of it.
stays() {
    awk -v first="$1" -v last="$2" -v text="${3:-}" 'BEGIN {
        print "id,age,drug,ward,y"
        for (i = first; i <= last; i++) for (t = 0; t < 3; t++) {
            d = t < 2 && (i + t) % 9 == 0 ? "" : "drug " (i * 7 + t * 5) % 12
            printf "s%d,%.3f,%s,%s,%s\n", i, sin(i * 3.7 + t), t == 2 && text ? text : d, (i + t) % 4 ? "a" : "b", (i * 7 + 10) % 12 % 3 ? "no" : "yes"
        }
    }'
}
stays 1 120 >"$work/train.csv"
stays 201 260 >"$work/test.csv"

keys=(data.format=csv data.train=train.csv data.test=test.csv data.id=id data.label=y "data.categories=drug, ward" data.standardise=yes
    data.missing=carry train.epochs=30 train.rate=0.02 train.batch=16)
config() { configure "gru 6" "dense 2 softmax" -- "${keys[@]}" "$@"; }

config "model.embed=drug: 3, ward: 1" data.mask=yes data.delta=yes
expect 0 train "$work/config.ini" -o "$work/model.onnx" --predictions "$work/p.csv" --quiet
accuracy=$(sed -n 's/.*accuracy \([0-9.]*\),.*/\1/p' "$work/out")
awk -v a="$accuracy" 'BEGIN { exit !(a > 0.9) }' || fail "accuracy $accuracy"
expect 0 eval "$work/model.onnx" --config "$work/config.ini" --predictions "$work/q.csv"
cmp "$work/p.csv" "$work/q.csv" || fail "eval says otherwise than train"
expect 0 predict "$work/model.onnx" --data "$work/test.csv" -o "$work/new.csv"
diff <(cut -d, -f1,5- "$work/p.csv") "$work/new.csv" || fail "predict says otherwise than train"
for how in "--isa generic" "--threads 2"; do
    # shellcheck disable=SC2086
    expect 0 train "$work/config.ini" -o "$work/again.onnx" --quiet $how
    cmp "$work/model.onnx" "$work/again.onnx" || fail "$how: another model"
done

# A text that training did not have is zeros, whatever it is.
for text in new other "drug 3"; do
    stays 201 210 "$text" >"$work/changed.csv"
    expect 0 predict "$work/model.onnx" --data "$work/changed.csv" -o "$work/$text.csv"
done
cmp "$work/new.csv" "$work/other.csv" || fail "two unknown texts are not the same"
cmp -s "$work/new.csv" "$work/drug 3.csv" && fail "an unknown text is a known one"

# 1 + 12 + 2 channels and as many masks and times: 3 numbers, 3 masks and 3 times since; their sums are those of all texts.
expect 0 attribute "$work/model.onnx" --config "$work/config.ini" --rows s201,s202 --methods integrated,gradient -o "$work/a.csv"
expect 0 attribute "$work/model.onnx" --data "$work/test.csv" --rows s201,s202 --methods integrated,gradient -o "$work/b.csv"
cmp "$work/a.csv" "$work/b.csv" || fail "attribute says otherwise by the model alone"
[[ $(tail -n +2 "$work/a.csv" | cut -d, -f4 | sort -u | tr '\n' ',') == "age,age since,age there,drug,drug since,drug there,ward,ward since,ward there," ]] ||
    fail "channels: $(cut -d, -f4 "$work/a.csv" | sort -u | tr '\n' ',')"
sums=$(awk -F, '$5 == "" && $4 != "channel" { sum[$2] += $9 } END { printf "%.3f %.3f", sum["s201"], sum["s202"] }' "$work/a.csv")
shown=$(sed -n "s/.*integrated gradients sums up to \([-0-9.e]*\) .*/\1/p" "$work/out" | xargs printf "%.3f " | sed 's/ $//')
[[ $sums == "$shown" ]] || fail "columns sum up to $sums, not $shown"
# drugs in the order of their channels: drug 0, drug 1, drug 10, drug 11, drug 2, ...
[[ $(grep "^0,s201,x,drug,2," "$work/a.csv" | cut -d, -f7) == 2 ]] || fail "the value of a column is not the number of its text"
refuses 2 "--channels: columns of [model] embed go by their names" attribute "$work/model.onnx" --config "$work/config.ini" --channels a -o "$work/a.csv"

# One column alone, and a width that a search chooses; forecasts of texts.
config "model.embed=ward: \$width" data.shared=allow data.features="ward" data.categories=ward "search.width=1 | 2" train.validation=0.2 train.epochs=2
sed -i '0,/categories/{/categories/d}' "$work/config.ini"
sed -i '0,/epochs/{/epochs/d}' "$work/config.ini"
gives "best:" train "$work/config.ini" -o "$work/one.onnx"
configure "gru 4" "dense 15" -- "${keys[@]}" "model.embed=drug: 2" data.target=next train.loss=mse
expect 0 train "$work/config.ini" -o "$work/next.onnx" --quiet
expect 0 eval "$work/next.onnx" --config "$work/config.ini" --quiet

# ---- Faults ----

broken() {
    refuses 1 "$1" train "$work/config.ini"
}
for fault in "drug|embed: 'drug' is no column, a colon and a whole number from 1 to 4096" \
    "drug: 0|embed: 'drug: 0' is no column" "drug: 2.5|embed: 'drug: 2.5' is no column" "drug: 4097|embed: 'drug: 4097' is no column" \
    "age: 2|embed: 'age' is not one of [data] categories" "drug: 2, ward: 1, drug: 3|embed names 'drug' twice"; do
    config "model.embed=${fault%%|*}"
    broken "${fault#*|}"
done
configure "gru 6" "dense 2 softmax" -- data.train=x "model.embed=drug: 2"
broken "[model] embed requires [data] categories"
configure "grud 6" "dense 2 softmax" -- "${keys[@]}" "model.embed=drug: 2" data.mask=yes data.delta=yes
refuses 1 "it decays values, and takes no columns of [model] embed" train "$work/config.ini" --quiet
sed -n 1,2p "$work/train.csv" | cut -d, -f1,2,4,5 | sed 's/age/drug=x/; s/ward/drug/' >"$work/twin.csv"
configure "gru 6" "dense 2 softmax" -- data.format=csv data.train=twin.csv data.id=id data.label=y data.categories=drug "model.embed=drug: 2"
broken "twin.csv:1: column 2, 'drug=x', has the name of a text of 'drug' ([data] categories)"
configure "gru 6" "dense 2 softmax" -- "${keys[@]}" "model.embed=$(printf 'x%.0s' {1..57}): 2" "data.features=age"
sed -i "s/^data.categories.*//; s/^categories=.*/categories=$(printf 'x%.0s' {1..57})/" "$work/config.ini"
broken "is longer than 56 bytes"
