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
    # What the C compiler brings itself has no place in a source file; tables of pointers are made constant when loaded.
    while read -r section size name; do
        case $section:$name in
            *:failed_since | *:__dso_handle | *:completed.* | *:__TMC_END__ | *:.tbss | *:.data | *:.bss) ;;
            *)
                printf '%s: %s in %s can be written (%s bytes)\n' "${library##*/}" "$name" "$section" "$((16#$size))"
                bad=1
                ;;
        esac
    done < <("$objdump" -t "$library" | awk '$(NF - 2) ~ /^\.(data|bss|tdata|tbss)(\..*)?$/ && $(NF - 2) !~ /rel\.ro/ \
                                             {print $(NF - 2), $(NF - 1), $NF}')
done
((bad == 0)) && printf 'no variable that can be written\n'
exit "$bad"
