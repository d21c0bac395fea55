#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Help, version and wrong calls of all commands.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

expect 0 --help
for command in info inspect run bench pack convert; do prints "  $command"; done
expect 0 --version
version=$(cat "$work/out")
[[ $version =~ ^rnnpack\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "version is '$version'"
expect 2
expect 2 nonsense
says "unknown command 'nonsense'"

for command in info inspect run bench pack convert; do
    expect 0 "$command" --help
    prints "usage: rnnpack $command"
    prints "--version"
    expect 0 "$command" --version
    prints "$version"
    expect 2 "$command" --nonsense=1
    says "unknown option '--nonsense'"
    says "rnnpack $command --help"
    expect 2 "$command" one two
    says "unexpected argument"
done
for command in inspect run bench; do
    expect 2 "$command"
    says "MODEL"
    expect 1 "$command" "$work/none.onnx"
    says none.onnx
    expect 2 "$command" "$forecaster" --threads many
    says "--threads needs a whole number, not 'many'"
    expect 2 "$command" "$forecaster" --threads 99999999999999999999
    expect 2 "$command" "$forecaster" --isa
    says "--isa needs a value"
    expect 2 "$command" "$forecaster" --isa nonsense
    says nonsense
    expect 2 "$command" "$forecaster" --math nonsense
    says "u35, u10 or fast"
    echo garbage >"$work/garbage.onnx"
    expect 1 "$command" "$work/garbage.onnx"
done
expect 2 info --json=1
says "--json takes no value"
expect 2 bench "$forecaster" --seconds -1
expect 2 bench "$forecaster" --seconds inf
expect 2 bench "$forecaster" --steps 0
