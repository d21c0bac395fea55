#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# isas.sh ROOT: instruction sets are listed in kernels/isa.def alone. Two different ones with nothing between them but
# commas, spaces, bars or quotes are a list, in a comment too; one that ends in "..." is an example and may stay.
set -euo pipefail
cd "$1"

names=$(sed -n 's/^RNNP_ISA(\([a-z0-9_]*\),.*/\1/p' kernels/isa.def | paste -sd '|')
[[ $names == *'|'* ]] || { echo "no instruction sets found: is $1 the source tree?" && exit 1; }
list="(?<![A-Za-z0-9_])($names)[\"')]*[ ,;|]+[\"'(]*(?!\\1(?!\\w))($names)(?!\\w)(?!\"?, \\.\\.\\.)"

# The detector must find these, and nothing in those.
found=$(grep -cP "$list" <<'LISTS'
foreach(isa IN ITEMS generic avx2)
static const char *const caps[] = {"avx2", "avx512", NULL};
"^kernel/.*_(avx2|avx512|neon)/"
for isa in generic,neon; do
{"--isa", "NAME", "highest: generic, avx2, avx512, neon"}
LISTS
)
[[ $found == 5 ]] || { echo "found $found of 5 lists" && exit 1; }
if grep -P "$list" <<'OTHERS'; then echo "these are no lists" && exit 1; fi
options.isas = (const char *const[]){"generic", "generic"};
{dnnl::cpu_isa::avx2, "avx2"}
lstm_step_f32_block_avx2, avx512vl
cap: "generic", "avx2", ...
OTHERS

files=$(grep -rIlP "$list" --include='*.[ch]' --include='*.cpp' --include='*.py' --include='*.sh' --include='*.txt' \
    autotune bench cmake examples include script src tests CMakeLists.txt CMakePresets.json || true)
for file in $files; do
    [[ $file == tests/deps/isas.sh ]] || { grep -nHP "$list" "$file" && bad=1; }
done
exit "${bad:-0}"
