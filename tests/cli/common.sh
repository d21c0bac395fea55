# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What the CLI tests share; source it. Each test is called as TEST.sh PROGRAM SOURCE_TREE CMAKE ISAS, a list with
# commas of those that the build has.
set -euo pipefail

program=$1 tree=$2 cmake=$3 isas=$4
forecaster=$tree/examples/ecg/forecaster.onnx                          # [steps, batch, 1] -> [steps, batch, 8]
bidirectional=$tree/tests/data/onnx/torch/bidirectional_gru.onnx       # cannot be streamed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*"
    for stream in out err; do
        echo "--- std$stream" && head -c 2000 "$work/$stream"
    done
    exit 1
}

# expect CODE ARGUMENT...: runs the program, keeps what it prints in $work/out and $work/err, checks the exit code.
expect() {
    local code=$1 got=0
    shift
    "$program" "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
    [[ $got == "$code" ]] || fail "rnnpack $* exited with $got, not $code"
    # Who succeeds says nothing on stderr; who fails says why there and prints no results.
    if ((code == 0)); then
        [[ ! -s $work/err ]] || fail "rnnpack $* wrote to stderr"
        [[ -s $work/out ]] || fail "rnnpack $* printed nothing"
    else
        [[ -s $work/err && ! -s $work/out ]] || fail "rnnpack $* failed without a message, or with results"
    fi
}

# prints TEXT, says TEXT: the last run did so on stdout, on stderr.
prints() {
    grep -qF -- "$1" "$work/out" || fail "stdout has no '$1'"
}
says() {
    grep -qF -- "$1" "$work/err" || fail "stderr has no '$1'"
}

# gives TEXT ARGUMENT...: the program succeeds and prints TEXT. refuses CODE SENTENCE ARGUMENT...: it fails and says why.
gives() {
    expect 0 "${@:2}"
    prints "$1"
}
refuses() {
    expect "$1" "${@:3}"
    says "$2"
}

# json KEY...: the value at this path of the last output; fails when the output is no JSON or has no such value.
json() {
    cat >"$work/json.cmake" <<'END'
file(READ "${file}" text)
string(JSON value GET "${text}" ${path})
message("${value}")
END
    "$cmake" "-Dfile=$work/out" "-Dpath=$(IFS=';' && echo "$*")" -P "$work/json.cmake" 2>&1 ||
        fail "no JSON value at $*"
}

# npy FILE DESCR SHAPE BYTES: a .npy file of that many zero bytes.
npy() {
    local header="{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
    printf -v header '%-117s\n' "$header"
    { printf '\x93NUMPY\x01\x00\x76\x00%s' "$header" && head -c "$4" /dev/zero; } >"$1"
}

# ramps N CLASSES LEAST [MOST]: a line per sequence, its label (c0, c1, ...) first: a slope of its class with a wobble, of
# LEAST to MOST steps in turn.
ramps() {
    awk -v n="$1" -v classes="$2" -v least="$3" -v most="${4:-$3}" 'BEGIN {
        for (i = 0; i < n; i++) {
            k = i % classes; line = "c" k
            for (t = 0; t < least + i * 5 % (most - least + 1); t++)
                line = line sprintf(",%.4f", (2 * k - classes + 1) * (t - 5.5) * 0.2 + 0.6 * sin(i * 7.3 + t * t * 1.7))
            print line
        }
    }'
}

# configure LAYERS... -- KEYS...: writes $work/config.ini; keys are section.name=value.
configure() {
    local layers=() section key
    while [[ $1 != -- ]]; do layers+=("$1") && shift; done
    shift
    for section in data model train search; do
        echo "[$section]"
        [[ $section != model ]] || { echo "layers =" && printf '    %s\n' "${layers[@]}"; }
        for key in "$@"; do [[ $key != "$section."* ]] || echo "${key#"$section."}"; done
    done >"$work/config.ini"
}
