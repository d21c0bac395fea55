#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# all.sh ROOT: every struct of the public headers that can grow begins with struct_size, has an _init, and is in structs.c (of MPI in
# tests/mpi/mpi.c);
# what is above any other struct says that it is frozen.
set -euo pipefail
cd "$1"

failures=0
fail() {
    printf '%s\n' "$1"
    failures=1
}

# NAME grows|frozen|silent, one a line.
kinds() {
    awk '
        /^\/\*/ {comment = ""; open = 1}
        open {comment = comment $0}
        /\*\// {open = 0}
        /^$/ && !open {comment = ""}
        /^typedef struct rnnp_[a-z0-9_]+ \{/ {name = $3; first = 1; next}
        first {
            first = 0
            print name, ($0 ~ /^    size_t struct_size;/) ? "grows" : (tolower(comment) ~ /frozen/) ? "frozen" : "silent"
        }' include/rnnpack/*.h
}

while read -r name kind; do
    case $kind in
        grows)
            grep -qE "RNNP_STRUCT_INIT\($name\)|void ${name}_init\($name \*" include/rnnpack/*.h || fail "$name has no ${name}_init"
            grep -qE "\b$name\b" tests/structs/structs.c tests/mpi/mpi.c || fail "$name is not in tests/structs/structs.c"
            ;;
        silent) fail "$name neither begins with struct_size nor says that it is frozen" ;;
    esac
done < <(kinds)
(($(kinds | wc -l) >= 30)) || fail "the headers' structs were not found"
exit "$failures"
