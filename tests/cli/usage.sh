#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Help, version and wrong calls of all commands; options.sh has bad values of every option.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"

expect 0 --help
for command in info inspect run bench pack convert quantize; do prints "  $command"; done
expect 0 --version
version=$(cat "$work/out")
[[ $version =~ ^rnnpack\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "version is '$version'"
expect 2
refuses 2 "unknown command 'nonsense'" nonsense

for command in info inspect run bench pack convert quantize; do
    gives "usage: rnnpack $command" "$command" --help
    prints "--version"
    gives "$version" "$command" --version
    refuses 2 "unknown option '--nonsense'" "$command" --nonsense=1
    says "rnnpack $command --help"
    refuses 2 "unexpected argument" "$command" one two
done
for command in inspect run bench; do
    refuses 2 "MODEL" "$command"
    refuses 1 none.onnx "$command" "$work/none.onnx"
    refuses 2 nonsense "$command" "$forecaster" --isa nonsense
    refuses 2 "u35, u10 or fast" "$command" "$forecaster" --math nonsense
    echo garbage >"$work/garbage.onnx"
    expect 1 "$command" "$work/garbage.onnx"
done
expect 2 bench "$forecaster" --seconds inf
expect 2 bench "$forecaster" --steps 0
