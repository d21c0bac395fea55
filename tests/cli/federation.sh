# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What the tests of rnnpack federate share; source it behind common.sh, once the names of the sites are in the array `sites`.
# It makes everybody's keys. Everything is in $work.
cd "$work"

declare -A public
for party in coordinator "${sites[@]}" stranger; do
    expect 0 federate keys -o "$party.key"
    public[$party]=$(cat out)
    [[ ${public[$party]} =~ ^[0-9a-f]{64}$ && $(stat -c %a "$party.key") == 600 ]] || fail "key of $party"
done

# list_sites: as [federate] sites has them.
list_sites() {
    local name list
    printf -v list '%s, ' "${sites[@]/%/: @}"
    for name in "${sites[@]}"; do list=${list/@/${public[$name]}}; done
    echo "${list%, }"
}

# site NAME CONFIG FOLDER ARGUMENT...: in the background; its output is in NAME.log.
declare -A jobs
site() {
    "$program" federate site "$2" --folder "$3" --key "$1.key" --data "$1.csv" --timeout 60 "${@:4}" >"$1.log" 2>&1 </dev/null &
    jobs[$1]=$!
}
finish() {
    local name
    for name in "${!jobs[@]}"; do wait "${jobs[$name]}" || { cat "$name.log" && fail "site $name failed"; }; done
    jobs=()
}
coordinate=(federate coordinate --key coordinator.key --timeout 60)
