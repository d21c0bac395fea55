#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# ort.sh SOURCE TEST PROVIDER: the test with the ONNX Runtime that is named by RNNPACK_ORT or that script/bootstrap --ort
# has installed.
set -euo pipefail

runtime=${RNNPACK_ORT:-$(find "$1/build/onnxruntime" -path "*/linux/*/libonnxruntime.so*" 2>/dev/null | grep -e "$(
    uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')" | head -n 1 || true)}
if [[ -z $runtime ]]; then
    echo "skipped: there is no ONNX Runtime (script/bootstrap --ort, or RNNPACK_ORT with its library)"
    exit 77
fi
exec "$2" "$runtime" "$3"
