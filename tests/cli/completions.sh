#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# completions.sh PROGRAM FOLDER: what bash and, if it is installed, zsh complete from the scripts in FOLDER: the commands
# and options that PROGRAM's help lists, no more and no less, and files where there are files.
set -euo pipefail
program=$1 folder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
touch a.onnx b.onnx

fail() {
    echo "$*"
    exit 1
}

# The words of a list on stdin, sorted, one a line.
words() { tr ' ' '\n' | sed '/^$/d' | sort; }

# in_bash WORD...: what bash offers for the last word.
in_bash() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _rnnpack
    printf '%s\n' "${COMPREPLY[@]}" | words
}
# shellcheck source=/dev/null
source "$folder/rnnpack"

same() { # same WHAT A B
    [[ -n $2 && $2 == "$3" ]] || fail "$1: completed \"${2//$'\n'/ }\", and not \"${3//$'\n'/ }\""
}

commands=$("$program" --help | sed -n '/^commands/,/^$/s/^  \([a-z]*\) .*/\1/p')
same "bash, rnnpack" "$(in_bash rnnpack "")" "$(words <<<"$commands --help --version")"
same "bash, rnnpack q" "$(in_bash rnnpack q)" quantize
records=$("$program" records --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
same "bash, rnnpack records" "$(in_bash rnnpack records "")" "$(words <<<"$records")"
same "bash, a model" "$(in_bash rnnpack bench a)" a.onnx
same "bash, a file to write" "$(in_bash rnnpack convert a.onnx -o b)" b.onnx
[[ -z $(in_bash rnnpack bench --batch "") ]] || fail "bash completes a number"
[[ -z $(in_bash rnnpack info a) ]] || fail "bash completes a file where there is none"

# What the parts of zsh's completion are asked for, printed: the options alone, or the commands.
cat >zsh_stubs <<'END'
_arguments() { for a; do [[ $a == (\*|)-* ]] && print -r -- "${${a#\*}%%\[*}"; done }
_describe() { for c in "${(@P)2}"; do print -r -- "${c%%:*}"; done }
words=(rnnpack "$@")
CURRENT=$#words
END
in_zsh() {
    zsh -fc 'source ./zsh_stubs; source "$0"' "$folder/_rnnpack" "$@" | words
}
zsh=
if command -v zsh >/dev/null; then
    zsh=1
    same "zsh, rnnpack" "$(in_zsh "")" "$(words <<<"$commands")"
    same "zsh, rnnpack records" "$(in_zsh records "")" "$(words <<<"$records")"
fi

count=0
while read -r -a command; do
    options=$("$program" "${command[@]}" --help | grep -oE '^  --?[a-z][a-z0-9-]*' | words)
    same "bash, ${command[*]}" "$(in_bash rnnpack "${command[@]}" -)" "$options"
    [[ -z $zsh ]] || same "zsh, ${command[*]}" "$(in_zsh "${command[@]}" -)" "$options"
    count=$((count + 1))
done < <(sed '/^records$/d; /^federate$/d' <<<"$commands" && sed 's/^/records /' <<<"$records" &&
    { ! grep -qx federate <<<"$commands" || "$program" federate --help | sed -nE 's/^  ([a-z]+) .*/federate \1/p'; })
echo "$count commands: bash${zsh:+ and zsh}"
[[ -n $zsh ]] || echo "zsh is not installed: its completions were not tried"
