#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# published.sh NAME PROGRAM EXAMPLE: an example of a published model prints what its README says, where that
# does not depend on the host. Models that are not in EXAMPLE are in the folder $RNNPACK_EXAMPLE_MODELS, which
# examples/models.sh fills; without it the test is skipped.
set -euo pipefail
name=$1 program=$2 example=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*"
    [[ ! -s $work/out ]] || cat "$work/out"
    exit 1
}
# model NAME: its path.
model() {
    [[ -n ${RNNPACK_EXAMPLE_MODELS:-} ]] || { echo "skipped: RNNPACK_EXAMPLE_MODELS is not set" >&2 && exit 77; }
    [[ -s $RNNPACK_EXAMPLE_MODELS/$1 ]] || { echo "FAILED: no $1 in $RNNPACK_EXAMPLE_MODELS" >&2 && exit 1; }
    echo "$RNNPACK_EXAMPLE_MODELS/$1"
}
# speech FILE: its path in Debian's pocketsphinx-testdata.
speech() {
    local file=/usr/share/pocketsphinx/test/data/$1
    [[ -s $file ]] || { echo "skipped: no $file" >&2 && exit 77; }
    echo "$file"
}
# run ARGUMENT...: the program's output in $work/out.
run() { "$program" "$@" >"$work/out" 2>&1 || fail "exit status $?"; }
# refused SENTENCE ARGUMENT...: the program ends with this error.
refused() {
    local sentence=$1
    shift
    ! "$program" "$@" >"$work/out" 2>&1 || fail "took $*"
    grep -qxF -e "$sentence" "$work/out" || fail "another error than '$sentence'"
}
# readme FIRST-WORD...: README.md has every line of the output that begins with one of these words, and there are some.
readme() {
    local word line
    for word in "$@"; do
        grep -qE "^ *$word" "$work/out" || fail "no line '$word'"
        while IFS= read -r line; do
            grep -qxF -e "$line" "$example/README.md" || fail "README.md has no line '$line'"
        done < <(grep -E "^ *$word" "$work/out")
    done
}

case $name in
rnnoise)
    run "$example/rnnoise.onnx" "$example/data/speech.f32" "$example/data/expected.f32"
    readme '[0-9]' network hash expected
    refused '278 frames of features, 507 of expected results' "$example/rnnoise.onnx" "$example/data/speech.f32" \
        "$example/data/speech.f32"
    ;;
denoise)
    first=$(model dtln-1.onnx) second=$(model dtln-2.onnx)
    clean=$(speech cards/005.wav)
    [[ -x /usr/bin/python3 ]] || { echo "skipped: no /usr/bin/python3" && exit 77; }
    /usr/bin/python3 -B "$(dirname "$0")/noisy.py" 5 "$work/noisy.wav" "$clean"
    run "$first" "$second" "$work/noisy.wav" "$work/cleaned.wav" "$clean"
    readme recording networks SNR
    cp "$work/cleaned.wav" "$work/best.wav"
    RNNPACK_MAX_ISA=generic run "$first" "$second" "$work/noisy.wav" "$work/cleaned.wav"
    cmp "$work/cleaned.wav" "$work/best.wav" || fail "other bits with scalar kernels"
    head -c 44 "$clean" >"$work/empty.wav"
    refused "$work/empty.wav: 0 samples at 16000 Hz; DTLN takes 16000 Hz" "$first" "$second" "$work/empty.wav" "$work/x.wav"
    refused "$0: is not a WAV file" "$first" "$second" "$0" "$work/x.wav"
    refused 'the model has no input "input_3" to carry' "$second" "$second" "$clean" "$work/x.wav"
    ;;
vad)
    model=$(model silero-vad.onnx)
    first=$(speech cards/001.wav)
    [[ -x /usr/bin/python3 ]] || { echo "skipped: no /usr/bin/python3" && exit 77; }
    /usr/bin/python3 -B "$(dirname "$0")/noisy.py" 20 "$work/noisy.wav" "${first%001.wav}"00?.wav
    run "$model" "$work/noisy.wav" "$work"
    readme speech in hash
    [[ $(wc -l <"$work/vad.tsv") == 302 ]] || fail "vad.tsv is incomplete"
    head -c 44 "$first" >"$work/empty.wav"
    refused "$work/empty.wav: 0 samples at 16000 Hz; it takes 16000 Hz" "$model" "$work/empty.wav"
    ;;
g2p)
    words=(hello world speech network recurrent library psychology knowledge jazz enough photograph february keyboard
        mountain vector selfie blockchain through colonel queue)
    model=$(model g2p.onnx)
    run "$model" "${words[@]}"
    readme "${words[@]/%/ }"
    cp "$work/out" "$work/plain"
    run "$model" "${words[@]/#/.}" # what is not a letter is left out
    diff <(sed '/^$/,$d; s/^[a-z]* *//' "$work/plain") <(sed '/^$/,$d; s/^[.a-z]* *//' "$work/out") || fail "heard a full stop"
    refused '"123" does not have 1 to 64 letters' "$model" 123
    ;;
ecg-watch)
    model=$(model ecg-watch.onnx)
    recording=$example/../ecg/data/record208.i16
    run "$model" "$recording"
    readme recording network beats narrow wide hash
    grep -qxE 'speed +[0-9]+\.[0-9] times real time on one core with [a-z0-9]+ kernels' "$work/out" || fail 'no speed'
    head -c 700 "$recording" >"$work/short.i16"
    refused "$work/short.i16: 350 samples, less than a second" "$model" "$work/short.i16"
    ;;
*) fail "no example $name" ;;
esac
