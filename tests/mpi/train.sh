#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# train.sh PROGRAM short|long: rnnpack train --mpi gives the model of one process, byte by byte; ranks that do not fit
# together are refused; what is left after a rank has died continues to the same model, with any number of ranks. long: all
# numbers of ranks, threads and caps.
# shellcheck source=tests/mpi/common.sh
source "$(dirname "$0")/common.sh"
program=$1 how=$2

data "$work/train.csv"
sed 's/^c1,-*/&1/' "$work/train.csv" >"$work/other.csv"

# The lines that say what was learned, without how long it took.
told() {
    grep -vE '^[0-9]+ ranks?, ' "$1" | sed -E 's/ [0-9.]+ s( |$)/\1/'
}

config whole epochs=4
"$program" train "$work/whole.ini" -o "$work/whole.onnx" --checkpoint "$work/whole.state" --threads 1 >"$work/whole.out"

# same N OPTION...: N ranks give the same model, checkpoint and words.
same() {
    local n=$1
    shift
    rm -f "$work/many.onnx" "$work/many.state"
    ranks "$n" "$program" train "$work/whole.ini" --mpi -o "$work/many.onnx" --checkpoint "$work/many.state" "$@"
    ((status == 0)) || fail "$n ranks, $*: status $status"
    [[ ! -s $work/err ]] || fail "$n ranks, $*: something on stderr"
    cmp "$work/whole.onnx" "$work/many.onnx" || fail "$n ranks, $*: another model"
    cmp "$work/whole.state" "$work/many.state" || fail "$n ranks, $*: another checkpoint"
    diff <(told "$work/whole.out") <(told "$work/out") || fail "$n ranks, $*: other words"
}

# ---- The matrix ----

if [[ $how == long ]]; then
    caps=(generic)
    "$program" info --isa avx2 >/dev/null 2>&1 && caps+=(avx2)
    for cap in "${caps[@]}"; do
        for n in 1 2 3 4; do
            for threads in 1 2; do same "$n" --isa "$cap" --threads "$threads"; done
        done
    done
    same 8 --threads 1
else
    same 3 --threads 1
fi

# Ranks of different CPUs.
rm -f "$work/many.onnx"
timeout 100 mpirun -n 1 "$program" train "$work/whole.ini" --mpi -o "$work/many.onnx" --threads 2 : \
    -n 1 -x RNNPACK_MAX_ISA=generic "$program" train "$work/whole.ini" --mpi -o "$work/many.onnx" --threads 1 \
    >"$work/out" 2>"$work/err" </dev/null || fail "another CPU: status $?"
cmp "$work/whole.onnx" "$work/many.onnx" || fail "another CPU: another model"
grep -q '^2 ranks, 12 steps of .* ms, .*; a rank sends up to .* in .* messages a step$' "$work/out" || fail "no report"

# Trainings of several kinds: all files and words are those of one process.
if [[ $how == long ]]; then
    also() {
        local option
        "$program" train "$work/$1.ini" --threads 1 -o "$work/a.onnx" --predictions "$work/a.csv" --curve "$work/a.svg" >"$work/a.out"
        ranks 3 "$program" train "$work/$1.ini" --threads 1 --mpi -o "$work/b.onnx" --predictions "$work/b.csv" --curve "$work/b.svg"
        ((status == 0)) || fail "$1: status $status"
        for option in onnx csv svg; do cmp "$work/a.$option" "$work/b.$option" || fail "$1: another $option"; done
        diff <(told "$work/a.out") <(told "$work/out") || fail "$1: other words"
    }
    config folds epochs=2 folds=3 seeds=2
    also folds
    printf '%s\n' '[data]' format=wide train=train.csv target=next '[model]' layers= '    gru 6 sequences' '    dense 1' \
        '[train]' loss=mse epochs=2 batch=100 validation=0.2 >"$work/next.ini"
    also next
    printf '%s\n' '[data]' format=wide train=train.csv target=label '[model]' layers= "    gru \$hidden" '    dense 2 softmax' \
        '[train]' epochs=2 batch=64 "rate=\$rate" validation=0.3 '[search]' 'hidden=4 | 6' 'rate=0.001 | 0.01' >"$work/search.ini"
    also search
    printf '%s\n' '[data]' format=wide train=train.csv target=next '[model]' layers= '    rnn 6 relu sequences' '    dense 1' \
        '[train]' loss=mse epochs=30 batch=64 rate=1e6 optimizer=sgd >"$work/diverges.ini"
    ranks 3 "$program" train "$work/diverges.ini" --mpi --threads 1
    ((status == 1 && $(grep -c '^rnnpack: ' "$work/err") == 2)) || fail "a training that diverges: status $status"
    grep -q '^rnnpack: training has diverged' "$work/err" || fail "a training that diverges"
fi

# ---- What does not fit together ----

# differs SENTENCE CONFIG OPTION...: rank 1 with this configuration and these options.
differs() {
    local sentence=$1 config=$2 status=0
    shift 2
    timeout 100 mpirun -n 1 "$program" train "$work/whole.ini" --mpi --quiet : \
        -n 1 "$program" train "$work/$config.ini" --mpi --quiet "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    ((status == 1)) || fail "$sentence: status $status"
    grep -qE "^rnnpack: $sentence" "$work/err" || fail "no '$sentence'"
    (($(grep -c '^rnnpack: ' "$work/err") == 1)) || fail "said more than once"
    [[ ! -s $work/out ]] || fail "$sentence: results"
}
config other epochs=4 clip_norm=0.25
differs 'rank 1 \(.*\) has another \[train\] clip_norm than rank 0' other
differs 'rank 1 \(.*\) has another training data than rank 0' whole --data "$work/other.csv"
if [[ $how == long ]]; then
    config other epochs=5
    differs 'rank 1 \(.*\) has another \[train\] epochs than rank 0' other
    differs 'rank 1 \(.*\) has another test data than rank 0' whole --test "$work/other.csv"
    differs 'rank 1 \(.*\) has another seed than rank 0' whole --seed 9
    differs 'rank 1: .*nowhere.csv: No such file' whole --data "$work/nowhere.csv"
    cp "$work/whole.state" "$work/rank0.state"
    "$program" train "$work/other.ini" --checkpoint "$work/rank1.state" --quiet >/dev/null
    status=0
    timeout 100 mpirun -n 1 "$program" train "$work/whole.ini" --mpi --quiet --checkpoint "$work/rank0.state" --resume : \
        -n 1 "$program" train "$work/whole.ini" --mpi --quiet --checkpoint "$work/rank1.state" --resume \
        >"$work/out" 2>"$work/err" </dev/null || status=$?
    ((status == 1)) || fail "another checkpoint: status $status"
    grep -q 'has another checkpoint than rank 0' "$work/err" || fail "another checkpoint"

    if ! grep -qa __asan_init "$program"; then
        echo 'const char *rnnp_version(void); const char *rnnp_version(void) { return "0.0.1"; }' |
            cc -shared -fPIC -x c - -o "$work/old.so"
        status=0
        timeout 100 mpirun -n 1 "$program" train "$work/whole.ini" --mpi --quiet : \
            -n 1 -x LD_PRELOAD="$work/old.so" "$program" train "$work/whole.ini" --mpi --quiet \
            >"$work/out" 2>"$work/err" </dev/null || status=$?
        ((status == 1)) || fail "another version: status $status"
        grep -qE '^rnnpack: --mpi: rank 1 \(.*\) has version 0.0.1, rank 0 \(.*\) has [0-9.]+$' "$work/err" ||
            fail "another version"
    fi
fi
status=0
"$program" train "$work/whole.ini" --mpi --mpi-timeout 0 2>"$work/err" || status=$?
((status == 2)) || fail "--mpi-timeout 0: status $status"
grep -q -- "--mpi-timeout needs a number of seconds above 0" "$work/err" || fail "--mpi-timeout 0"

# ---- Faults ----

# broken N SIGNAL: a training of N ranks, of which the last one gets this signal when a checkpoint is there.
config far epochs=150 patience=0
gone() { ! kill -0 "$1" 2>/dev/null; }
broken() {
    local n=$1 signal=$2 start
    rm -f "$work"/pid.* "$work/far.state"
    # shellcheck disable=SC2016 # for the ranks
    timeout 100 mpirun -n "$n" bash -c 'echo $$ >"$0/pid.$OMPI_COMM_WORLD_RANK" && exec "$@"' "$work" "$program" \
        train "$work/far.ini" --mpi --mpi-timeout 1 --checkpoint "$work/far.state" --threads 1 \
        >"$work/out" 2>"$work/err" </dev/null &
    local launcher=$!
    until_true 20 test -s "$work/far.state" || fail "no checkpoint"
    start=$SECONDS
    kill "-$signal" "$(cat "$work/pid.$((n - 1))")"
    status=0
    wait "$launcher" || status=$?
    ((status != 0 && status != 124)) || fail "$signal: status $status"
    ((SECONDS - start < 15)) || fail "$signal: ended after $((SECONDS - start)) s"
    until_true 5 gone "$(cat "$work/pid.0")" || fail "$signal: rank 0 still runs"
}
# finishes N: what is left goes on, on N ranks, to the end of a training that nobody disturbed.
finishes() {
    local done_epochs
    ranks "$1" "$program" train "$work/far.ini" --mpi --checkpoint "$work/far.state" --resume -o "$work/many.onnx" --threads 1
    ((status == 0)) || fail "resumed: status $status"
    done_epochs=$(sed -n 's/^continuing after epoch //p' "$work/out")
    ((done_epochs > 0 && done_epochs < 150)) || fail "resumed after epoch $done_epochs"
    cmp "$work/far.onnx" "$work/many.onnx" || fail "resumed: another model"
}
"$program" train "$work/far.ini" -o "$work/far.onnx" --threads 1 --quiet >"$work/out"
broken 3 STOP
for who in '' 'rank 1: '; do
    grep -qE "^rnnpack: ${who}rank [0-2] has not (answered|taken a message) for 1 s: it, or a rank that it waits for, has ended" \
        "$work/err" || fail "STOP: rank ${who:-0} says nothing"
    grep -qE "^rnnpack: ${who}stopped at epoch .*; the last good state is in $work/far.state" "$work/err" || fail "STOP: where?"
done
finishes 2
if [[ $how == long ]]; then
    broken 4 KILL
    grep -q 'rank 3 .*signal 9' "$work/err" || fail "KILL: no sentence"
    finishes 3
    broken 2 KILL
    finishes 4
fi
echo "ranks, refusals, faults: ok"
