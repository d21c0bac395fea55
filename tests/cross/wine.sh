#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# wine.sh PROGRAM ARGUMENTS...: runs a program for Windows, without a display, and with the settings of Wine in the build
# directory of the program.
set -euo pipefail
wine=$(command -v wine64 || command -v wine || echo /usr/lib/wine/wine64)
build=$(realpath -m "$1")
while [[ ${build%/*} && ! -e $build/CMakeCache.txt ]]; do build=${build%/*}; done
export WINEPATH="Z:${build//\//\\}"
export WINEPREFIX=${WINEPREFIX:-${build:-/tmp}/wine} WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="
unset DISPLAY
exec "$wine" "$@"
