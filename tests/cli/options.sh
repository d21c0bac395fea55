#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every option of every command, as --help lists them, with bad values; and every command without a place for its results.
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"
cd "$work"
unset RNNPACK_RECORDS
export HOME=$work XDG_CACHE_HOME=$work/cache

npy x.npy '<f4' '(20, 2, 1)' 160
printf '1\n2\n3\n' >x.csv
sed -n 's/^    //p' "$tree/autotune/README.md" >example # of its documentation, and a whole file
"$program" pack "$forecaster" -o good.rnnp >/dev/null
cp good.rnnp old.rnnp

# A call of each command that is right; bad values are added to it.
declare -A right=(
    [info]="" [inspect]="$forecaster" [run]="$forecaster --input ecg=x.npy" [pack]="$forecaster -o out.rnnp"
    [bench]="$forecaster --seconds 0.01 --steps 4" [convert]="$forecaster -o out.onnx" [explain]="$forecaster"
    [attribute]="$forecaster --data x.npy -o out.csv" [watch]="$forecaster --source x.csv --rate 180 --on 1"
    [quantize]="$forecaster --weights s8 --seconds 0.01 --steps 4"
    [tune]="$forecaster --steps 1 --budget 20 --dry-run" ["records show"]="" ["records check"]="example"
    ["records merge"]="example" ["records export"]="" ["records prune"]=""
)
"$program" --help >help
# What these do with right options needs more than a command line.
for command in train eval; do
    ! grep -q "^  $command " help || right[$command]="none.ini --config none.ini"
done
grep -q "^  watch " help || unset "right[watch]"
[[ -z ${right[train]:-} ]] || right[train]=none.ini
if grep -q "^  federate " help; then
    right["federate keys"]="-o out.key" right["federate account"]="--noise 1"
    right["federate coordinate"]="none.ini --folder . --key none.ini" right["federate site"]="none.ini --folder . --key none.ini"
    right["federate simulate"]="none.ini --site-column site"
fi
! grep -q "^  compare " help || right[compare]="table.csv table.csv"
printf 'id,group,label,p_no,p_yes\n1,,no,0.8,0.2\n2,,yes,0.3,0.7\n' >table.csv

# bad CODES COMMAND ARGUMENT...: the exit code is one of them, nothing crashes, and stderr has the word that is at fault.
bad() {
    local codes=$1 word=$2 got=0
    shift 2
    "$program" "$@" >out 2>err </dev/null || got=$?
    [[ " $codes " == *" $got "* ]] || fail "rnnpack $* exited with $got, not one of $codes"
    [[ $got == 0 ]] || grep -qF -- "$word" err || fail "rnnpack $*: stderr does not name $word"
}

huge=99999999999999999999999
options=0
for command in "${!right[@]}"; do
    read -ra call <<<"$command ${right[$command]}"
    word= # what the message names; the value itself, unless something else is wrong too
    [[ ${right[$command]} != none.ini* ]] || word=none.ini
    read -ra words <<<"$command"
    "$program" "${words[@]}" --help >help 2>err || fail "$command --help"
    while read -r name value _; do
        options=$((options + 1))
        case $value in
            [a-z]*) # a flag: the word is its description
                if [[ $value != standard && $value != *=* ]]; then
                    bad 2 "$name takes no value" "${call[@]}" "$name=1"
                    continue
                fi
                ;;&
            *)
                bad 2 "$name needs a value" "${call[@]}" "$name"
                bad 2 "$name needs a value" "${call[@]}" "$name" ""
                bad 2 "$name needs a value" "${call[@]}" "$name="
                bad 2 "$name needs a value" "${call[@]}" "$name" "$name"
                ;;&
            SCORE) # a number of any sign
                for wrong in - -x text "$huge" 1x '' ' 1' 1,2; do
                    bad 2 "$name needs" "${call[@]}" "$name=$wrong"
                done
                ;;
            [A-Z] | HZ | MIB | PORT) # a number
                for wrong in -1 text "$huge" 1x '' ' 1' 1,2; do
                    bad 2 "$name needs" "${call[@]}" "$name=$wrong"
                done
                ;;
            NAME | CLASS | FORMAT | LIST | TIME | SPEED | POLICY | COLUMN | standard) # words of a list, or lists of numbers
                for wrong in -1 text "$huge" 1,,2 ','; do
                    bad "1 2" "${word:-${wrong%%,*}}" "${call[@]}" "$name=$wrong"
                done
                ;;
            *=*) # pairs
                for wrong in text = =x x=; do
                    bad 2 "$name needs" "${call[@]}" "$name=$wrong"
                done
                ;;
            FILE* | DIR | PATTERN | NAMES) # any text is a name: of a file that is missing, or that is made here
                for wrong in -1 text "$huge" none/none; do
                    bad "0 1 2" "" "${call[@]}" "$name=$wrong"
                done
                ;;
            *) fail "$command $name $value: of what kind is its value?" ;;
        esac
    done < <(sed -n '/^options$/,$s/^  \(-[^ ]*\)/\1/p' help | grep -v -e '^--help' -e '^--version')
    [[ $word ]] || ! grep -q -- '--threads N' help || bad "2" "threads=5000 is above 4096" "${call[@]}" --threads=5000
done
((options > 60)) || fail "only $options options were found"
echo "$options options"

# Standard output that is full, or closed: then its number must not become that of a file that is written.
for command in info inspect run bench convert explain quantize pack watch; do
    [[ -n ${right[$command]+there} ]] || continue
    read -ra call <<<"$command ${right[$command]}"
    for place in full closed; do
        got=0
        case $place in
            full) [[ -w /dev/full ]] || continue; "$program" "${call[@]}" >/dev/full 2>err || got=$? ;;
            closed) "$program" "${call[@]}" >&- 2>err || got=$? ;;
        esac
        [[ $got == 1 ]] || fail "rnnpack ${call[*]} with stdout $place exited with $got"
        grep -q "the results were not written" err || fail "rnnpack ${call[*]} with stdout $place did not say why"
    done
    "$program" "${call[@]}" >out 2>&- || fail "rnnpack ${call[*]} without stderr"
    "$program" "${call[@]}" >out 2>err <&- || fail "rnnpack ${call[*]} without stdin"
done
cmp out.rnnp good.rnnp || fail "results were written into a file"
"$program" --help >&- 2>err && fail "help with stdout closed"
exit 0
