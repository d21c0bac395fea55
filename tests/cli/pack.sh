#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

npy "$work/x.npy" '<f4' '(20, 2, 1)' 160
expect 0 run "$forecaster" --input "ecg=$work/x.npy" --output "forecast=$work/want.npy"

# The file is known by how it begins, not by its name.
packed=$work/model.onnx
gives "$packed" pack "$forecaster" -o "$packed" --isa "$isas"
prints "original weights"
for isa in ${isas//,/ }; do
    expect 0 run "$packed" --input "ecg=$work/x.npy" --output "forecast=$work/got.npy" --isa "$isa"
    cmp "$work/want.npy" "$work/got.npy" || fail "--isa $isa: other bits"
    expect 0 inspect "$packed" --isa "$isa" --json
    [[ $(json packed version) == 3 && $(json packed blocks 0 layout) == *lstm_step* ]] || fail "packed"
    [[ $(json packed file_bytes) == $(stat -c %s "$packed") ]] || fail "file_bytes"
done
expect 0 bench "$packed" --seconds 0.01 --steps 10

# One ISA only: another one packs for itself, and inspect says so.
expect 0 pack "$forecaster" -o "$work/one.rnnp" --isa generic
gives "packed" inspect "$work/one.rnnp" --isa generic
prints "lstm_step lanes"
! grep -q "^note: .*is packed when" "$work/out" || fail "generic packs although the file has its layout"
best=$("$program" info --json | sed -n 's/^  "isa": "\(.*\)",$/\1/p')
if [[ $best != generic ]]; then
    gives "is packed when it is planned" inspect "$work/one.rnnp" --isa "$best"
fi
expect 0 inspect "$forecaster" --json
[[ $(json packed) == "" ]] || fail "an ONNX file is not packed"

# A packed file can be packed again, for others, and onto itself.
expect 0 pack "$packed" -o "$work/one.rnnp" --isa "$best"
expect 0 pack "$work/one.rnnp" -o "$work/one.rnnp"

expect 2 pack
refuses 2 "-o FILE.rnnp is missing" pack "$forecaster"
expect 1 pack "$work/none.onnx" -o "$work/none.rnnp"
[[ ! -e $work/none.rnnp ]] || fail "a file was made of nothing"
refuses 1 "No such file or directory" pack "$forecaster" -o "$work/none/none.rnnp"
refuses 2 "nonsense" pack "$forecaster" -o "$work/x.rnnp" --isa generic,nonsense
refuses 2 "twice" pack "$forecaster" -o "$work/x.rnnp" --isa generic,generic

# Another architecture is packed for truly, and beside this one.
expect 0 pack "$forecaster" -o "$work/far.rnnp" --isa neon
expect 0 inspect "$work/far.rnnp" --json
[[ $(json packed blocks 0 layout) == *lstm_step\ lanes\ 4\ * ]] || fail "not packed for another architecture"
expect 0 pack "$forecaster" -o "$work/both.rnnp" --isa "neon,$best"
expect 0 run "$work/both.rnnp" --input "ecg=$work/x.npy" --output "forecast=$work/got.npy"
cmp "$work/want.npy" "$work/got.npy" || fail "packed for two architectures: other bits"

# Damage.
head -c 5000 "$packed" >"$work/cut.rnnp"
refuses 1 "its header says" run "$work/cut.rnnp" --input "ecg=$work/x.npy"

# Packed weights that are not those of the originals, with right checksums. Behind the file stand 16 bytes for its fuzz target.
head -c -16 "$tree/tests/fuzz/regressions/packed/weights_are_not_the_originals" >"$work/other.rnnp"
refuses 1 "differ from its original weights" run "$work/other.rnnp" --isa generic
