#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# no_globals.sh OBJDUMP LIBRARY...: the shared libraries own no variable that can be written, but the one that is a
# thread's own and names it (src/errors.c).
set -euo pipefail

objdump=$1
shift

bad=0
for library in "$@"; do
    # Of symbols in sections that stay writable: section, size, name. Tables of pointers are made constant when loaded.
    symbols=$("$objdump" -t "$library" |
        awk 'NF > 2 && $(NF - 2) ~ /^\.(data|bss|tdata|tbss)(\..*)?$/ && $(NF - 2) !~ /rel\.ro/ \
             {print $(NF - 2), $(NF - 1), $NF}')
    [[ $library != *onnx* && $library != *mpi* && $symbols != *failed_since* ]] && { echo "$library: failed_since is not seen"; bad=1; }
    while read -r section size name; do
        case $name in # the thread's variable, what the C compiler brings itself, and the sections' own names
            '' | failed_since | __dso_handle | _TLS_MODULE_BASE_ | __aarch64_have_lse_atomics | completed.* | __TMC_END__ | .tbss | .data | .bss) ;;
            *)
                printf '%s: %s in %s can be written (%d bytes)\n' "${library##*/}" "$name" "$section" "$((16#$size))"
                bad=1
                ;;
        esac
    done <<<"$symbols"
done
((bad == 0)) && echo 'no variable that can be written'
exit "$bad"
