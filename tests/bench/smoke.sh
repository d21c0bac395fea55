#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# smoke.sh RNNPACK-BENCH: every benchmark runs once and reports; nothing here is about time.
# The widest layers and the longest training steps are left out: they take seconds in instrumented builds. Without fused
# multiply-add, under the cap generic, large batches do too.
set -euo pipefail

left_out='/h(512|1024)(/|$)|^training/.*/(h256|b128|t100)/'
[[ ${RNNPACK_MAX_ISA:-} != generic ]] || left_out+='|/(h256|b16|b64)/'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for program in "$@"; do
    "$program" --benchmark_filter="-$left_out" \
        --benchmark_min_time=0.000001 --benchmark_repetitions=1 \
        --benchmark_out="$folder/out.json" --benchmark_out_format=json >"$folder/out.txt"
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$folder/out.json" <<'PYTHON'
import json
import sys

ran = skipped = training = 0
for entry in json.load(open(sys.argv[1]))["benchmarks"]:
    if entry.get("error_occurred"):
        assert entry["error_message"].startswith("skipped:"), entry
        skipped += 1
        continue
    ran += 1
    assert entry["real_time"] > 0 and entry["calibration"] > 0, entry
    assert entry["percent_of_limit"] > 0 and entry["bound"] in (1, 2), entry
    if entry["name"].startswith("training/"):
        training += 1
        # Forward and twice as much backwards: batch 32, 50 steps, input and hidden 128.
        layers, gates = 3 if "/layers3/" in entry["name"] else 1, 4 if "/lstm/" in entry["name"] else 3
        assert entry["flop"] == 3 * 2 * 50 * 32 * gates * 128 * 256 * layers, entry
        assert entry["trainer_bytes"] > 4 * 50 * 16 * 128, entry
    if "/recompute/" in entry["name"]:
        assert 0 < entry["trainer_bytes_recompute"] < entry["trainer_bytes"] and entry["recompute_over_keep"] > 0, entry
assert ran > 200, ran
assert training >= 4, training
print(ran, "benchmarks ran,", skipped, "skipped: not on this CPU")
PYTHON
done
