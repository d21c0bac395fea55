#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Names in files are other people's text: a terminal must not obey them, and JSON must stay JSON.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"
cd "$work"
unset RNNPACK_RECORDS
export HOME=$work
npy x.npy '<f4' '(20, 2, 1)' 160

# clean: neither stream has a control character but newlines, nor anything that is not UTF-8.
clean() {
    for stream in out err; do
        iconv -f UTF-8 -t UTF-32LE "$stream" >wide 2>/dev/null || fail "std$stream is not UTF-8"
        # As numbers: C0, DEL and C1.
        od -An -v -t u4 -w4 wide | awk '$1 != 10 && ($1 < 32 || ($1 > 126 && $1 < 160)) {exit 1}' ||
            fail "std$stream has control characters"
    done
}

# The names of the forecaster's input and output, of the same length.
for evil in $'\x1b[7|\x1b]0;title\x07' $'a\nb|line\nline' $'\xc2\x9b1|\xc2\x9d0;title' $'\xff\xfe!|\xc3(\xed\xa0\x80\xff\xff\xff'; do
    input=${evil%%|*} output=${evil#*|}
    model=model.onnx
    python3 - "$forecaster" "$model" "$input" "$output" <<'END'
import os, sys

data = open(sys.argv[1], "rb").read()
for old, new in (b"ecg", os.fsencode(sys.argv[3])), (b"forecast", os.fsencode(sys.argv[4])[:8].ljust(8, b"_")):
    assert len(old) == len(new) and old in data
    data = data.replace(old, new)
open(sys.argv[2], "wb").write(data)
END
    for call in "inspect $model" "inspect $model --json" "explain $model" "explain $model --json" "bench $model --seconds 0.01 --steps 3" \
        "bench $model --seconds 0.01 --steps 3 --json" "pack $model -o model.rnnp" "inspect model.rnnp" "convert $model -o again.onnx"; do
        read -ra words <<<"$call"
        expect 0 "${words[@]}"
        clean
        [[ $call != *--json ]] || json model >/dev/null || true
    done
    expect 0 run "$model" --input "$input=x.npy"
    clean
    expect 1 run "$model" --input "x=x.npy" # names the one that it has
    clean
    expect 1 run "$model"
    clean
    expect 1 run "$model" --input "$input=none.npy"
    clean
    expect 2 run "$model" "--$input"
    clean
    expect 2 "$input"
    clean
    expect 1 inspect "$input$output.onnx"
    clean
done
gives "ecg" inspect "$forecaster"
