#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# ort.sh SOURCE TEST PROVIDER: the test with the ONNX Runtime that is named by RNNPACK_ORT or that script/bootstrap --ort
# has installed.
set -euo pipefail

# shellcheck source=script/lib/common.sh
source "$1/script/lib/common.sh"
runtime=${RNNPACK_ORT:-$(find_onnxruntime)}
if [[ -z $runtime ]]; then
    echo "skipped: there is no ONNX Runtime (script/bootstrap --ort, or RNNPACK_ORT with its library)"
    exit 77
fi
exec "$2" "$runtime" "$3"
