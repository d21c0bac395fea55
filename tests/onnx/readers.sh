#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# readers.sh PYTHON ARGUMENT...: readers.py with Debian's Python, where there is one.
set -euo pipefail

python=$1
shift
if [[ ! -x $python ]]; then
    echo "skipped: no /usr/bin/python3"
    exit 77
fi
PYTHONDONTWRITEBYTECODE=1 "$python" "$(dirname "$0")/readers.py" "$@"
