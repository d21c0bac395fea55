#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# elsewhere.sh CC SOURCE PROTO XXHASH: the library and program compile, without a warning, where there is POSIX but no Linux:
# without __linux__ and without the functions and flags that macOS does not have (elsewhere.h). Only the syntax is
# looked at, with the headers of this system. The folders of instruction sets make no system calls and are left
# out, as are src/windows and what needs MPI's header.
set -euo pipefail
cc=$1
cd "$2"
export cc proto=$3 xxhash=$4

compile() {
    "$cc" -std=c11 -U__linux__ -U__linux -U__gnu_linux__ -D_GNU_SOURCE= -include tests/cross/elsewhere.h -fsyntax-only -Wall \
        -Wextra -Wpedantic -Wconversion -Wshadow -Werror -DRNNP_CLI_TRAIN -Iinclude -isystem "$xxhash" -isystem "$proto" "$1"
}
export -f compile

# What must be found is found.
bad=$(mktemp --suffix=.c)
trap 'rm -f "$bad"' EXIT
printf 'long f(void);\nlong f(void) { return syscall(0L); }\n' >"$bad"
if compile "$bad" 2>/dev/null; then
    echo "syscall was not found"
    exit 1
fi

mapfile -t files < <(printf '%s\n' kernels/*.c dispatch/*.c autotune/*.c src/*.c src/*/*.c src/*/*/*.c | grep -vE '^src/(windows/|mpi/|ort/api_check)')
printf '%s\0' "${files[@]}" | xargs -0 -P 2 -I{} bash -c 'compile {}'
echo "${#files[@]} files compile without Linux"
