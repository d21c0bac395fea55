#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# python.sh PYTHON FILE BUILD sample|long: runs a file of unit tests beside this script. BUILD is for those that need
# programs; they look at RNNPACK_SAMPLE when a part is enough.
set -euo pipefail

cd "$(dirname "$0")"
[[ $4 == long ]] || export RNNPACK_SAMPLE=1
export PYTHONDONTWRITEBYTECODE=1 RNNPACK_BUILD=$3 PYTHONPATH=../../bench/tools
"$1" "$2" -v
