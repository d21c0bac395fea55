#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# formats.sh PROGRAM [SYSTEM...]: what weights in 16 and 8 bits cost each system in the current folder, as rows of a table.
#
# Trains the system, quantises the model, and evaluates all formats on data that the training has not seen. Where the
# configuration has folds, every fifth sequence (visits: patient) is held out, five times; where it has seeds, each of
# them is trained. A row has means, and s8's change of the mean and its largest in one part. Models stay in
# SYSTEM/data/formats, and are not trained again while they are there.
set -euo pipefail
program=$1
shift
systems=("$@")
(($#)) || systems=(forecast splice text fashion beats visits anomaly)

# prepare SYSTEM PART: its configuration, and as `data` the options that select the data of this part.
prepare() {
    local folder=$1/data/formats/$2
    mkdir -p "$folder"
    sed -e '/^folds = /d; /^seeds = /d' -e "s|= data/|= $PWD/$1/data/|" "$1/config.ini" >"$folder/config.ini"
    data=(--threads 1)
    case $1 in
    splice | text) hold_out "$folder" "$1"/data/*.txt "NR % 5 == $2" 0 ;;
    visits) hold_out "$folder" "$1/data/visits.csv" "\$2 % 5 == $2" 1 ;;
    beats) data+=(--seed "$2") ;;
    esac
}
# hold_out FOLDER FILE CONDITION HEADER: lines that meet the condition are for the test; HEADER lines are for both.
hold_out() {
    awk -F, "NR <= $4 || !($3)" "$2" >"$1/train"
    awk -F, "NR <= $4 || ($3)" "$2" >"$1/test"
    data+=(--data "$1/train" --test "$1/test")
}
# score MODEL CONFIG: the number that the README of the system has.
score() {
    "$program" eval "$1" --config "$2" "${data[@]}" >"$1.txt"
    sed -nE "s/^test: .*$metric ([0-9.]+).*/\1/p" "$1.txt"
}
# formats SYSTEM PART: its score with weights in f32, f16, bf16 and s8.
formats() {
    local folder=$1/data/formats/$2 format
    local model=$folder/f32.onnx config=$folder/config.ini
    [[ -s $model ]] || "$program" train "$config" -o "$model" "${data[@]}" --quiet >"$model.log"
    for format in f32 f16 bf16 s8; do
        [[ $format == f32 ]] ||
            "$program" quantize "$model" --weights "$format" -o "$folder/$format.onnx" --seconds 0.01 >"$folder/$format.log"
        [[ ! -e $model.words || $format == f32 ]] || cp "$model.words" "$folder/$format.onnx.words"
        score "$folder/$format.onnx" "$config"
    done
}

for system in "${systems[@]}"; do
    parts=(0)
    ! grep -qE '^(folds|seeds) = ' "$system/config.ini" || parts=(0 1 2 3 4)
    case $system in
    forecast) metric='mean squared error' ;;
    visits | anomaly) metric='ROC AUC' ;;
    *) metric=accuracy ;;
    esac
    for part in "${parts[@]}"; do
        prepare "$system" "$part"
        formats "$system" "$part" | tr '\n' ' '
        echo
    done | awk -v name="$system | $metric" '
        { for (i = 1; i <= 4; i++) sum[i] += $i; d = $4 - $1; if (d * d >= most * most) most = d }
        END { for (i = 1; i <= 4; i++) name = name sprintf(" | %.4f", sum[i] / NR)
              printf "| %s | %+.4f | %+.4f |\n", name, (sum[4] - sum[1]) / NR, most }'
done
