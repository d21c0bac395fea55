#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# training.sh PROGRAM EXAMPLES [DATA]: every example's configuration trains for an epoch on a small made-up data set of its
# format. Where there are real heartbeats in the folder DATA (or RNNP_DATA), beats, anomaly and ventricular reach a modest score.
set -euo pipefail
program=$1 examples=$2 data=${RNNP_DATA:-${3:-}}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

# ---- Made-up data: what data.py and data.R of an example write, in small ----

# npy FILE SHAPE N [labels]: N f32 values of a triangle wave (labels: 0 and 1 by turns) as an array of this shape.
npy() {
    local header="{'descr': '<f4', 'fortran_order': False, 'shape': ($2), }"
    printf -v header '%-117s\n' "$header"
    {
        printf '\x93NUMPY\x01\x00\x76\x00%s' "$header"
        local i wave=1
        [[ -z ${4:-} ]] || wave=2
        for ((i = 0; i < $3; i++)); do
            case $((wave * i % 4)) in # 0, 0.5, 1, 0.5
            0) printf '\x00\x00\x00\x00' ;;
            2) printf '\x00\x00\x80\x3f' ;;
            *) printf '\x00\x00\x00\x3f' ;;
            esac
        done
    } >"$1"
}
# idx FILE RANK-AND-SIZES BYTES: an idx file whose bytes count from 0 to 9.
idx() {
    local digits
    printf -v digits '\\x%02x' 0 1 2 3 4 5 6 7 8 9
    {
        # shellcheck disable=SC2059
        printf "\\x00\\x00\\x08$2"
        for ((i = 0; i < $3; i += 10)); do
            # shellcheck disable=SC2059
            printf "$digits"
        done
    } | head -c "$((4 + 4 * $4 + $3))" >"$1"
}
# tokens CLASS...: 12 lines of each class, of 3 to 9 words.
tokens() {
    awk -v classes="$*" 'BEGIN { n = split(classes, name, " ")
        for (i = 0; i < 12 * n; i++) {
            line = name[i % n + 1] "\t"
            for (t = 0; t < 3 + i % 7; t++) line = line "w" (i + t * t) % 11 " "
            print line
        } }'
}
# record PATH PERIOD BYTE: a record of 400 beats 300 samples apart, a third of which are of another kind, whose
# annotations end in this byte.
record() {
    printf '%s 1 360 121000\n%s.dat 80 20 8 0 0 %s 0 MLII\n' "${1##*/}" "${1##*/}" "$(awk -v p="$2" 'BEGIN {
        for (i = 0; i < 121000; i++) s += 65 + i % p + i % 7 - 128
        s = (s % 65536 + 65536) % 65536; print s < 32768 ? s : s - 65536 }')" >"$1.hea"
    awk -v p="$2" 'BEGIN { for (i = 0; i < 121000; i++) printf "%c", 65 + i % p + i % 7 }' >"$1.dat"
    local i
    for ((i = 0; i < 400; i++)); do
        # shellcheck disable=SC2059
        if ((i % 3)); then printf '\x2c\x05'; else printf "\\x2c$3"; fi
    done >"$1.atr"
    printf '\x00\x00' >>"$1.atr"
}
make_data() {
    case $1 in
    forecast) npy "$2/train.npy" "7, 400" 2800 && npy "$2/test.npy" "1, 300" 300 ;;
    splice) tokens ei ie n >"$2/splice.txt" ;;
    text) tokens fonts games gnu-r sound >"$2/texts.txt" ;;
    fashion)
        idx "$2/images" '\x03\x00\x00\x00\x14\x00\x00\x00\x1c\x00\x00\x00\x1c' 15680 3
        idx "$2/labels" '\x01\x00\x00\x00\x14' 20 1
        ;;
    beats)
        awk 'BEGIN { for (i = 0; i < 20; i++) {
            line = (i % 2 ? "1.0" : "-1.0")
            for (t = 0; t < 96; t++) line = line "  " sin(t / 9 + i % 2)
            print line
        } }' | tee "$2/ECG200_TRAIN.txt" >"$2/ECG200_TEST.txt"
        ;;
    visits)
        awk 'BEGIN { print "sample,patient,outcome,year,age,bili"
            for (i = 0; i < 40; i++) for (t = 0; t <= i % 5; t++)
                print i "," int(i / 2) "," i % 2 "," t / 2 "," 50 + i "," (t % 3 == 2 ? "" : i % 2 + t / 9) }' >"$2/visits.csv"
        ;;
    premature) record "$2/100" 23 '\x21' ;;
    ventricular)
        local site=1 name
        echo record,random,burden >"$2/../train.csv"
        echo record >"$2/../test.csv"
        for name in 101 106 108 109; do
            record "$2/$name" $((20 + site)) '\x15'
            echo "data/$name,$((site % 2)),$((site++ / 3))" >>"$2/../train.csv"
        done
        record "$2/100" 29 '\x15'
        echo data/100 >>"$2/../test.csv"
        ;;
    anomaly)
        npy "$2/normal.npy" "20, 28, 5" 2800 && npy "$2/test.npy" "6, 28, 5" 840
        npy "$2/test_labels.npy" "6," 6 labels
        ;;
    *) fail "the example $1 has no made-up data here" ;;
    esac
}

# configure EXAMPLE EPOCHS [SED-COMMANDS]: its configuration beside its data, with so many epochs.
configure() {
    sed -e "s/^epochs = .*/epochs = $2/" -e "${3:-}" "$examples/$1/config.ini" >"$work/$1/config.ini"
}
# train EXAMPLE ARGUMENT...
train() {
    local name=$1
    shift
    "$program" train "$work/$name/config.ini" --threads 1 "$@" >"$work/out" 2>&1 ||
        { cat "$work/out" && fail "$name"; }
}

for config in "$examples"/*/config.ini; do
    name=$(basename "$(dirname "$config")")
    [[ -s $examples/$name/README.md ]] || fail "$name has no README.md"
    mkdir -p "$work/$name/data"
    make_data "$name" "$work/$name/data"
    extra=()
    [[ $name != fashion ]] || extra=(--data "$work/$name/data/images" --labels "$work/$name/data/labels"
        --test "$work/$name/data/images" --test-labels "$work/$name/data/labels")
    configure "$name" 1 's/^folds = .*/folds = 2/'
    train "$name" -o "$work/$name/model.onnx" "${extra[@]}"
    grep -qE '^(test|all folds together|seed [0-9]+: test): [0-9]+ sequences, loss ' "$work/out" ||
        { cat "$work/out" && fail "$name: no result"; }
    [[ -s $work/$name/model.onnx ]] || fail "$name: no model"
done

# ---- Hospitals ----

if "$program" federate simulate --help >/dev/null 2>&1; then
    for deal in random burden; do
        configure ventricular 1 's/^rounds = .*/rounds = 1/'
        "$program" federate simulate "$work/ventricular/config.ini" --site-column $deal --bootstrap 0 >"$work/out" 2>&1 ||
            { cat "$work/out" && fail "ventricular, $deal"; }
        grep -q '^2 sites, 1600 sequences to train on, ' "$work/out" || { cat "$work/out" && fail "ventricular: sites"; }
        grep -q '^test: 400 sequences, ' "$work/out" || { cat "$work/out" && fail "ventricular: no result"; }
    done
    sites=$(cut -d, -f2 "$examples/ventricular/train.csv" | tail -n +2 | sort -u | xargs)
    [[ $sites == "1 2 3 4 5" ]] || fail "ventricular/train.csv deals to the hospitals $sites"
else
    echo "hospitals skipped: this build has no federate"
fi

# ---- Other formats of weights ----

row=$(cd "$work" && "$examples/formats.sh" "$program" text)
[[ $row =~ ^'| text | accuracy |'(' '0\.[0-9]{4}' |'){4}' '[+-]0\.[0-9]{4}' | '[+-]0\.[0-9]{4}' |'$ ]] ||
    fail "formats.sh printed: $row"

# ---- Real data ----

if [[ -z $data || ! -s $data/ECG200_TRAIN.txt || ! -s $data/ecg5000_train.npy ]]; then
    echo "real data skipped: RNNP_DATA names no folder with ECG200_TRAIN.txt and ecg5000_train.npy"
    exit 0
fi
if "$program" info | grep -q '^ISA *generic'; then
    echo "real data skipped: the same bits as elsewhere, but minutes without fused multiply-add"
    exit 0
fi

# reaches WHAT LEAST: the last number of this name in the output.
reaches() {
    local got
    got=$(sed -n "s/.*$1 \([0-9][0-9.]*\).*/\1/p" "$work/out" | tail -n 1)
    awk -v got="$got" -v least="$2" 'BEGIN { exit !(got >= least) }' || { cat "$work/out" && fail "$1 $got is below $2"; }
}

cp "$data"/ECG200_{TRAIN,TEST}.txt "$work/beats/data"
configure beats 20 's/^seeds = .*/seeds = 1/'
train beats
reaches accuracy 0.7

if /usr/bin/python3 -c 'import numpy' 2>"$work/err"; then
    /usr/bin/python3 "$examples/anomaly/data.py" "$work/anomaly/data" "$data"/ecg5000_{train,test,test_labels}.npy
    configure anomaly 4
    train anomaly
    reaches 'ROC AUC' 0.9
else
    echo "anomaly on real data skipped: $(tail -n 1 "$work/err")"
fi

if [[ ! -s $data/mitdb/234.atr ]]; then
    echo "ventricular beats of real records skipped: $data has no folder mitdb with the MIT-BIH Arrhythmia Database"
    exit 0
fi
rm -r "$work/ventricular"
mkdir "$work/ventricular"
ln -s "$data/mitdb" "$work/ventricular/data"
cp "$examples"/ventricular/*.csv "$work/ventricular"
configure ventricular 1
train ventricular --bootstrap 0
reaches "ROC AUC" 0.8
