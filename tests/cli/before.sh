#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What can be known before a training is said before it, and what a training has made is not lost.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

ramps 40 2 6 >"$work/two.csv"
ramps 41 2 6 >"$work/more.csv"
ramps 40 3 6 >"$work/three.csv"
ramps 10 1 6 >"$work/one.csv"
{ ramps 5 2 6 && echo "c1,0.5,0.6"; } >"$work/short.csv"
awk -F, '{ line = $1 "\t"; for (t = 2; t <= NF; t++) line = line ($t > 0 ? "high " : "low "); print line }' "$work/two.csv" >"$work/words.txt"
sed 's/high/hot/g; s/low/cold/g' "$work/words.txt" >"$work/others.txt"

# config LAYERS... -- KEYS...: with more epochs than anybody waits for, unless the keys say otherwise.
config() {
    [[ $* == *train.epochs=* ]] || set -- "$@" train.epochs=1000000000
    configure "$@"
}
# refused SENTENCE ARGUMENT...: train says so at once and writes nothing.
refused() {
    local sentence=$1 got=0
    shift
    timeout 20 "$program" train "$work/config.ini" --quiet "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
    [[ $got == 1 ]] || fail "train $* exited with $got"
    says "$sentence"
    [[ ! -s $work/out ]] || fail "train $* printed results"
}

# broken SENTENCE LAYERS... -- KEYS...: a configuration that is refused so.
broken() {
    config "${@:2}"
    refused "$1"
}

# ---- Files that cannot be written ----

mkdir "$work/folder"
config "gru 3" "dense 2" -- data.train=two.csv train.validation=0.2
for option in -o --curve --roc --predictions --checkpoint; do
    refused "$option: $work/none/file cannot be written: No such file or directory" "$option" "$work/none/file"
    refused "$option: $work/folder is a folder" "$option" "$work/folder"
    refused "$work/two.csv is read by this command" "$option" "$work/two.csv"
    refused "$work/folder/../config.ini is read by this command" "$option" "$work/folder/../config.ini"
done
refused "--roc and --curve are one file" --roc "$work/a" --curve "$work/folder/../a"
refused "are one file: $work/a" -o "$work/a" --predictions "$work/a"
touch "$work/there" && ln -s there "$work/link"
refused "are one file: $work/there" -o "$work/there" --predictions "$work/link"
refused "-o: /dev/null is not a regular file" -o /dev/null
[[ -z $(find "$work" -name 'a*' -o -name 'folder/*') ]] || fail "a refused training left files"
config "embedding 3" "gru 3" "dense 2" -- data.format=tokens data.train=words.txt
ln -s /dev/full "$work/words.onnx.words"
refused "words.onnx.words is not a regular file" -o "$work/words.onnx"
refused "are one file" -o "$work/x.onnx" --curve "$work/x.onnx.words"

# ---- Questions that have no answer ----

config "gru 3" "dense 3" -- data.train=three.csv train.validation=0.2
refused "--roc requires two classes; the data has 3" --roc "$work/roc.svg"
config "gru 3" "dense 3" -- data.train=three.csv train.folds=2
refused "--roc requires two classes; the data has 3" --roc "$work/roc.svg"
broken "[train] score = auc requires two classes; the data has 3" "gru 3" "dense 3" -- data.train=three.csv train.validation=0.2 train.score=auc
config "gru 3" "dense 2" -- data.train=two.csv data.test=one.csv
refused "--roc requires rows of both classes; the test set has only one class" --roc "$work/roc.svg"
broken "[train] score = auc requires rows of both classes; the test set has only one class" "gru 3" "dense 2" -- data.train=two.csv data.test=one.csv train.score=auc
config "gru 3" "dense 2" -- data.train=two.csv
refused "--roc: there are no folds, no validation part and no test set to evaluate" --roc "$work/roc.svg"
refused "--predictions: there are no folds, no validation part and no test set to evaluate" --predictions "$work/p.csv"
broken "sequence '6' has 2 steps; target = next with horizon 2 requires more than 2 (too short: 1 of 6 sequences)" "rnn 3" "dense 1" -- data.train=short.csv data.target=next data.horizon=2 train.loss=mse
broken "(too short: 40 of 40 sequences)" "rnn 3" "dense 1" -- data.train=two.csv data.test=short.csv data.target=next data.horizon=6 train.loss=mse
broken "accuracy and f1 require labels as targets" "rnn 3" "dense 1" -- data.train=two.csv data.target=next train.loss=mse train.score=accuracy train.validation=0.2

# ---- The last layer and the loss, in the configuration alone; the classes of the data ----

broken "line 2 'dense 2': loss = binary requires one output" "gru 3" "dense 2" -- data.train=none.csv train.loss=binary
broken "line 2 'dense 2 sigmoid': loss = binary requires one output" "gru 3" "dense 2 sigmoid" "dropout 0.1" -- data.train=none.csv train.loss=binary
broken "softmax of one number is always 1" "gru 3" "dense 1 softmax" -- data.train=none.csv train.loss=binary
broken "loss = sparse and cross require one output per class" "gru 3" "dense 1" -- data.train=none.csv
broken "loss = sparse and cross require softmax or no activation" "gru 3" "dense 2 sigmoid" -- data.train=none.csv train.loss=cross
broken "[model] has 2 outputs per sequence, the data has 3 classes" "gru 3" "dense 2" -- data.train=three.csv
broken "[model] has 4 outputs per sequence, the data has 3 classes" "gru 3" "dense 4" -- data.train=three.csv train.loss=cross
broken "[model] has 3 outputs per sequence, the data has 2 classes" "gru 3" -- data.train=two.csv
broken "loss = binary requires two classes" "gru 3" "dense 1" -- data.train=three.csv train.loss=binary
broken "the output must have as many numbers as x has features" "gru 3" "dense 2" -- data.train=two.csv data.target=next train.loss=mse

# ---- Searches: every trial is looked at before the first ----

broken "[model] has 3 outputs per sequence, the data has 2 classes" "gru \$hidden" "dense \$units" -- data.train=two.csv train.validation=0.2 "search.hidden=3 | 4" "search.units=2 | 3"
says "this is the trial  hidden = 3  units = 3"
sixteen="1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16"
variables=() words=""
for v in a b c d e f g h i j k l m n o p; do variables+=("search.x$v=$sixteen") && words+="\$x$v"; done
broken "[search] has 18446744073709551616 combinations, more than 100000" "gru 3" "dense 2" -- data.train=two.csv train.validation=0.2 "train.seed=$words" search.trials=3 "${variables[@]}"

# ---- Seeds: the best one is kept by what no test set has a part in, and told ----

config "gru 4" "dense 2 softmax" -- data.train=two.csv data.test=more.csv data.shared=allow train.validation=0.3 train.epochs=6 train.seed=1 train.seeds=4 train.rate=0.02
expect 0 train "$work/config.ini" -o "$work/kept.onnx" --predictions "$work/kept.csv"
cp "$work/out" "$work/seeds"
kept=$(sed -n 's/^kept: seed \([0-9]*\), with the best score on the validation part: .*/\1/p' "$work/seeds")
value=$(sed -n 's/^kept: .*: //p' "$work/seeds")
[[ $value == "$(sed -n 's/.*held-out loss \([0-9.]*\).*/\1/p' "$work/seeds" | sort -g | head -n 1)" ]] || fail "the kept score is not the best"
sed -i 's/seeds=4/seeds=1/' "$work/config.ini"
expect 0 train "$work/config.ini" -o "$work/single.onnx" --predictions "$work/single.csv" --seed "$kept"
cmp "$work/kept.onnx" "$work/single.onnx" || fail "the model is not that of seed $kept"
cmp "$work/kept.csv" "$work/single.csv" || fail "the predictions are not those of seed $kept"
[[ $kept != 4 ]] || fail "the test needs data of which the last seed is not the best"
config "gru 4" "dense 2" -- data.train=two.csv train.epochs=2 train.seeds=3
gives ", with the best training loss: " train "$work/config.ini" -o "$work/kept.onnx"
refused "--checkpoint requires a single training" --checkpoint "$work/state"

# A seed that diverges is told, and does not end the others.
config "rnn 4 relu" "dense 2" -- data.train=two.csv train.epochs=3 train.seed=5 train.seeds=2 train.optimizer=sgd train.rate=1e6 train.validation=0.2
gives "seed 5: diverged" train "$work/config.ini" -o "$work/kept.onnx" --quiet
prints "kept: seed 6"

# ---- A checkpoint goes on with its own data and configuration ----

config "gru 4" "dense 2" -- data.train=two.csv train.epochs=2 train.validation=0.2 train.rate=0.01
expect 0 train "$work/config.ini" --checkpoint "$work/state"
refused "--resume: $work/no-state: No such file or directory" --checkpoint "$work/no-state" --resume
again() { # SENTENCE SED-COMMAND ARGUMENT...
    sed -i.before "$2" "$work/config.ini"
    refuses 1 "$work/state belongs to a training $1" train "$work/config.ini" --checkpoint "$work/state" --resume --quiet "${@:3}"
    mv "$work/config.ini.before" "$work/config.ini"
}
again "on other data" 's/two.csv/more.csv/'
again "with seed 0; this is seed 9" '' --seed 9
again "with another [train] rate" 's/rate=0.01/rate=0.02/'
again "with another [train] validation" 's/validation=0.2/validation=0.3/'
again "with another [model] layers" 's/dense 2/dense 2 softmax/'
again "with another [data] missing" 's/^train=two.csv/&\nmissing = mean/'
sed -i 's/epochs=2/epochs=3/; s/^rate/patience = 9\nthreads = 1\n&/' "$work/config.ini"
gives "continuing after epoch 2" train "$work/config.ini" --checkpoint "$work/state" --resume

# ---- A trained model is not lost ----

# trains_until DO ARGUMENT...: does something while the training is at work. Its results go through a pipe that is too small for
# all of them, so that it cannot come to its end before.
mkfifo "$work/pipe"
trains_until() {
    local what=$1 got=0 line=
    shift
    TMPDIR=$work/tmp "$program" train "$work/config.ini" "$@" >"$work/pipe" 2>"$work/err" </dev/null &
    local process=$!
    exec 3<"$work/pipe"
    until [[ $line == "epoch   2"* ]]; do read -r line <&3; done
    eval "$what"
    cat <&3 >"$work/out"
    exec 3<&-
    wait "$process" || got=$?
    [[ $got == 1 ]] || fail "train $* exited with $got"
}
saved() { # the model that the sentence names
    sed -n 's/^rnnpack: the trained model is in //p' "$work/err"
}
mkdir "$work/tmp" "$work/gone" "$work/states"
config "gru 3" "dense 2 softmax" -- data.train=two.csv train.epochs=1800 train.batch=2 train.threads=1
# shellcheck disable=SC2016
trains_until 'rm -r "$work/gone"' -o "$work/gone/m.onnx" --curve "$work/curve.svg"
says "gone/m.onnx"
[[ $(saved) == "$work"/tmp/rnnpack-*/m.onnx ]] || fail "no sentence about where the model is"
[[ -s $work/curve.svg ]] || fail "the curve was kept back by a model that could not be written"
expect 0 eval "$(saved)" --config "$work/config.ini"
# shellcheck disable=SC2016
trains_until 'mkdir "$work/m2.onnx"' -o "$work/m2.onnx" # a folder where the model should be: another place beside it
[[ $(saved) == "$work"/m2.onnx.*/m2.onnx ]] || fail "no sentence about where the model is"
expect 0 eval "$(saved)" --config "$work/config.ini"

# A checkpoint that cannot be written does not end a training; the exit status tells.
# shellcheck disable=SC2016
trains_until 'mv "$work/states" "$work/moved"' -o "$work/m3.onnx" --checkpoint "$work/states/state"
says "the training goes on"
expect 0 eval "$work/m3.onnx" --config "$work/config.ini"

# ---- A model never stands beside the words of another ----

config "embedding 8" "gru 64" "dense 2 softmax" -- data.format=tokens data.train=words.txt train.epochs=1
expect 0 train "$work/config.ini" -o "$work/pair.onnx"
cp "$work/pair.onnx" "$work/first.onnx" && cp "$work/pair.onnx.words" "$work/first.words"
sed -i 's/words.txt/others.txt/' "$work/config.ini"
same() {
    cmp "$1" "$2" || fail "${1##*/} is not the old one"
}
limited() { # trains with files of at most 8 KiB: room for the words, none for the model
    (ulimit -f 8 && TMPDIR=$work/tmp "$program" train "$work/config.ini" -o "$work/pair.onnx") >"$work/out" 2>"$work/err"
}
! (trap '' XFSZ && limited) || fail "a model of more than 8 KiB was written"
says "the trained model could not be written anywhere"
same "$work/pair.onnx" "$work/first.onnx"
same "$work/pair.onnx.words" "$work/first.words"
[[ -z $(find "$work" -name 'pair.onnx.*' ! -name pair.onnx.words) ]] || fail "something was left beside the old pair"
# Killed amid writing the model: the old model without words, which are kept beside it, and no other words.
! limited 2>/dev/null || fail "a model of more than 8 KiB was written"
same "$work/pair.onnx" "$work/first.onnx"
same "$work/pair.onnx.words.old" "$work/first.words"
[[ ! -e $work/pair.onnx.words ]] || fail "words of another model"
sed -i 's/others.txt/words.txt/' "$work/config.ini"
refuses 1 "pair.onnx.words" eval "$work/pair.onnx" --config "$work/config.ini"
sed -i 's/words.txt/others.txt/' "$work/config.ini"
expect 0 train "$work/config.ini" -o "$work/pair.onnx"
[[ $(sort "$work/pair.onnx.words" | tr '\n' ' ') == "cold hot " && ! -e $work/pair.onnx.words.old ]] || fail "the new words"
chmod 600 "$work/pair.onnx.words"
expect 0 train "$work/config.ini" -o "$work/pair.onnx"
[[ $(stat -c %a "$work/pair.onnx.words") == 600 ]] || fail "the words' mode"
