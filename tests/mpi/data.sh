#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# data.sh PROGRAM short|long: with --mpi each rank has its part of the data, of every format, and what is learned and
# said is what one process learns and says; what is wrong with the part of one rank is said once. long: more formats and
# numbers of ranks, and memory.
# shellcheck source=tests/mpi/common.sh
source "$(dirname "$0")/common.sh"
program=$(realpath "$1") how=$2 here=$(cd "$(dirname "$0")" && pwd)
/usr/bin/python3 -c 'import numpy' 2>/dev/null || { echo "skipped: there is no numpy" && exit 77; }
/usr/bin/python3 "$(dirname "$0")/data.py" "$work"

# of_data NAME MODEL TRAIN KEY=VALUE...: a configuration; MODEL is its layers, TRAIN keys of [train], both separated by ;
of_data() {
    local name=$1 layers=${2//;/$'\n'    } train=${3//;/$'\n'}
    shift 3
    printf '%s\n' '[data]' "$@" '[model]' "layers=" "    $layers" '[train]' epochs=2 batch=72 validation=0.25 "$train" \
        >"$work/$name.ini"
}

# The lines that say what was learned, without how long it took.
told() { grep -vE '^[0-9]+ ranks?, ' "$1" | sed -E 's/ [0-9.]+ s( |$)/\1/'; }

# same N NAME [WHOLE]: N ranks leave the model, checkpoint, predictions and report of one process, and say the same.
same() {
    local n=$1 name=$2 whole=${3:-0} file
    local files=("$name".{onnx,said.csv,html}) options=(-o "$name.onnx" --predictions "$name.said.csv" --report "$name.html")
    cd "$work"
    grep -q folds= "$name.ini" || { files+=("$name.state") && options+=(--checkpoint "$name.state"); }
    if [[ ! -e one/$name.onnx ]]; then
        "$program" train "$name.ini" --threads 1 "${options[@]}" >"$name.out" 2>"$name.err" ||
            { cat "$name.err" && fail "$name: one process"; }
        mkdir -p one && cp "${files[@]}" one
    fi
    rm -f "${files[@]}"
    ranks "$n" "$program" train "$name.ini" --threads 1 --mpi --mpi-whole "$whole" "${options[@]}"
    ((status == 0)) || fail "$name, $n ranks: status $status"
    for file in "${files[@]}"; do cmp "one/$file" "$file" || fail "$name, $n ranks: another $file"; done
    diff <(told "$name.out") <(told out) || fail "$name, $n ranks: other words"
    diff "$name.err" err || fail "$name, $n ranks: other words on stderr"
    cd - >/dev/null
}

class='gru 6;dense 2 softmax' sparse='loss=sparse;score=auc'
npy=(format=npy train_labels=labels.npy target=label)

# ---- Every format ----

of_data array "$class" "$sparse" "${npy[@]}" train=x.npy standardise=yes \
    test=test.npy test_labels=test_labels.npy
of_data groups "$class" "$sparse" "${npy[@]}" train=gaps.npy missing=carry mask=yes delta=yes standardise=yes \
    train_lengths=lengths.npy train_groups=groups.npy test=test.npy test_labels=test_labels.npy
of_data windows 'gru 5 sequences;dense 3' 'loss=mse' format=npy train=gaps.npy target=next window=6 stride=2 missing=carry \
    delta=yes standardise=no
sed -i 's/dense 3/dense 6/' "$work/windows.ini"
of_data stored "$class" "$sparse" format=npy train=stored.npz target=label
of_data visits "$class" "$sparse" format=csv train=visits.csv id=patient time=time label=outcome group=clinic categories=kind \
    missing=mean mask=yes delta=yes target=label standardise=yes
of_data notes 'embedding 4;gru 5;dense 2 softmax' "$sparse" format=tokens train=notes.txt target=label
of_data list "$class" "$sparse" format=recordings train=list.csv id=recording label=class group=patient target=label \
    window=100 stride=60 missing=carry mask=yes standardise=yes
of_data images "$class" "$sparse" format=idx train=x.idx train_labels=labels.idx target=label scale=0.01
of_data fortran "$class" "$sparse" "${npy[@]}" train=fortran.npy
of_data big "$class" "$sparse" "${npy[@]}" train=big.npy standardise=yes
of_data packed "$class" "$sparse" format=npy train=packed.npz target=label
of_data fortran_npz "$class" "$sparse" format=npy train=fortran.npz target=label
of_data images_gz "$class" "$sparse" format=idx train=x.idx.gz train_labels=labels.idx target=label scale=0.01
of_data last "$class" "$sparse" "${npy[@]}" train=x.npy longest=7 train_lengths=lengths.npy
of_data input 'gru 5 sequences;dense 3' 'loss=mae' format=npy train=x.npy target=input train_lengths=lengths.npy
of_data values 'gru 5;dense 1' 'loss=mse;score=r2' format=npy train=x.npy target=values values=mean train_labels=values.npy
of_data rate "$class" "$sparse" format=recordings train=list.csv id=recording label=class group=patient target=label \
    window=60 rate=70 missing=mean standardise=yes
of_data beats "$class" "$sparse" format=recordings train=list.csv id=recording group=patient target=label \
    annotations=points before=0.2 after=0.3 classes='N, V' missing=zero
of_data steps "gru 6 sequences;dense 2 softmax" "loss=sparse" format=recordings train=list.csv id=recording group=patient \
    target=step_label annotations=points before=0.2 after=0.3 classes='N, V' window=50 missing=zero block=1
sed -i 's/validation=0.25/validation=0/; $a folds=3' "$work/last.ini"
if [[ $how == long ]]; then
    for name in array groups windows stored visits notes list images fortran big packed fortran_npz images_gz last input \
        values rate beats steps; do
        for n in 2 3 5; do same "$n" "$name"; done
    done
else
    for name in groups visits list; do same 3 "$name"; done
fi
for name in windows notes; do same 3 "$name" 64; done
cd "$work"
ranks 1 "$program" train notes.ini --mpi --mpi-whole 0 : -n 1 "$program" train notes.ini --mpi --mpi-whole 1
((status == 1)) && grep -q 'rank 1 .* has another --mpi-whole than rank 0' err || fail "another --mpi-whole: $status"
cd - >/dev/null

# ---- What is wrong with the part of one rank ----

# refused SENTENCE NAME: what one process says, and nobody says it twice.
refused() {
    local sentence=$1 name=$2
    ! (cd "$work" && "$program" train "$name.ini" --threads 1 >one.out 2>one.err) || fail "$name: one process takes it"
    grep -qE "^rnnpack: $sentence" "$work/one.err" || { cat "$work/one.err" && fail "$name: one process, no '$sentence'"; }
    cd "$work"
    ranks 3 "$program" train "$name.ini" --threads 1 --mpi --mpi-whole 0
    cd - >/dev/null
    ((status == 1)) || fail "$name: status $status"
    diff <(sed 's/: rank [12]: /: /' "$work/err" | grep '^rnnpack: ') "$work/one.err" || fail "$name: other words"
}
of_data nan "$class" "$sparse" "${npy[@]}" train=nan.npy
of_data inf "$class" "$sparse" "${npy[@]}" train=inf.npy missing=zero
of_data damaged "$class" "$sparse" format=npy train=damaged.npz target=label
of_data nan_test "$class" "$sparse" "${npy[@]}" train=x.npy test=nan.npy test_labels=labels.npy shared=allow
of_data shared "$class" "$sparse" "${npy[@]}" train=x.npy train_groups=groups.npy test=x.npy test_labels=labels.npy test_groups=groups.npy
of_data cell "$class" "$sparse" format=csv train=bad.csv id=patient time=time label=outcome features=dose target=label
of_data sample "$class" "$sparse" format=recordings train=list.csv id=recording label=class target=label
sed 's/^p70,4.5,[^,]*/p70,4.5,much/' "$work/visits.csv" >"$work/bad.csv"
printf '\x07' | dd of="$work/r5.dat" bs=1 seek=400 conv=notrunc status=none
refused "sequence 151, step 4: the value is missing" nan
refused ".*damaged.npz: member 'x.npy' is damaged: its checksum differs" damaged
refused ".*r5.hea: checksum of 'I' is" sample
if [[ $how == long ]]; then
    refused '.*inf.npy: \[190\]\[2\]\[0\] is infinite' inf
    refused "sequence 151, step 4: the value is missing" nan_test
    refused '.* groups are in the training data' shared
    refused ".*bad.csv:[0-9]+: column 3 .*'much'" cell
fi

# ---- A training that goes on ----

of_data short "$class" "$sparse;patience=0" "${npy[@]}" train=x.npy train_groups=groups.npy
sed 's/epochs=2/epochs=5/' "$work/short.ini" >"$work/whole.ini"
cd "$work"
"$program" train whole.ini --threads 1 -o whole.onnx --quiet >out
ranks 3 "$program" train short.ini --threads 1 --mpi --mpi-whole 0 --checkpoint state
((status == 0)) || fail "to be resumed: status $status"
ranks 2 "$program" train whole.ini --threads 1 --mpi --checkpoint state --resume -o many.onnx
((status == 0)) || fail "resumed: status $status"
cmp whole.onnx many.onnx || fail "resumed: another model"

# ---- Memory ----

# Each rank has a part of the numbers: of N ranks that of an array of 200 MB, and what any program has.
if [[ $how == long ]] && ! grep -qaE '__[at]san_init' "$program"; then
    rm -f ./*.state ./*.html
    /usr/bin/python3 "$here/data.py" . 200
    printf '%s\n' '[data]' format=npy train=large.npy train_labels=large_labels.npy target=label standardise=yes '[model]' \
        'layers=' '    gru 2' '    dense 2 softmax' '[train]' loss=sparse epochs=1 batch=2048 validation=0.1 >large.ini
    /usr/bin/python3 "$here/data.py" peak 4 "$program" train large.ini --mpi --threads 1 || fail "memory"
fi
echo "data in parts ($how): ok"
