#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# driver.sh PYTHON SCRIPT DRIVER ARGUMENT...: runs a script of this folder with Debian's Python, where there is one.
set -euo pipefail

python=$1 script=$2
shift 2
if [[ ! -x $python ]]; then
    echo "skipped: no /usr/bin/python3"
    exit 77
fi
PYTHONDONTWRITEBYTECODE=1 "$python" "$(dirname "$0")/$script" "$@"
