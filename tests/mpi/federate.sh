#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# federate.sh PROGRAM: rnnpack federate --mpi. A coordinator and three sites as ranks, each with a folder of its own, make
# the model of a simulation, bit by bit; a job that was ended goes on; sites see no answers but their own.
#
# shellcheck source=tests/mpi/common.sh
source "$(dirname "$0")/common.sh"
program=$1
cd "$work"
"$program" federate keys --help >/dev/null 2>&1 || { echo "skipped: this program has no federate (libsodium-dev)" && exit 77; }

{
    echo "id,when,hb,alb,dead,stay,site"
    awk 'BEGIN { for (i = 0; i < 90; i++) for (t = 0; t < 3 + i % 3; t++)
        print i "," t "," 10 + 3 * (i % 2) + (i * 7 + t * 3) % 5 / 10 "," 30 + (i * 11 + t) % 7 / 5 "," (i % 2 ? "yes" : "no") \
            "," (i % 5 ? 9 + i % 2 : "") "," (i % 3 ? i % 3 > 1 ? "south" : "north" : "east") }'
} >all.csv
list=
for party in coordinator east north south; do
    key=$("$program" federate keys -o $party.key)
    if [[ $party == coordinator ]]; then coordinator=$key; else list+=", $party: $key"; fi
    { head -n 1 all.csv && grep ",$party$" all.csv || true; } >$party.csv
done
cat >study.ini <<END
[data]
format = csv
train = all.csv
id = id
time = when
label = dead
features = hb, alb
standardise = yes
[model]
layers =
    gru 5
    dense 2 softmax
[train]
rate = 0.1
batch = 8
validation = 0.4
[federate]
rounds = 2
local_epochs = 2
secure = yes
coordinator = $coordinator
sites = ${list#, }
END
"$program" federate simulate study.ini --site-column site -o simulated.onnx --quiet >/dev/null

# job FOLDER SITE...: the coordinator and these sites. Their numbers of process are in FOLDER/SITE.pid.
job() {
    local folder=$1 party ranks=()
    shift
    mkdir -p "$folder/coordinator"
    ranks=(-n 1 "$program" federate coordinate study.ini --mpi --folder "$folder/coordinator" --key coordinator.key -o model.onnx)
    for party in "$@"; do
        mkdir -p "$folder/$party"
        ranks+=(: -n 1 sh -c 'echo $$ >"$0" && exec "$@"' "$folder/$party.pid" "$program" federate site study.ini --mpi --folder "$folder/$party" --key "$party.key"
            --data "$party.csv" -o "$party.onnx")
    done
    status=0
    timeout 100 mpirun "${ranks[@]}" --timeout 60 >out 2>err </dev/null || status=$?
}

job one east north south
[[ $status == 0 ]] || fail "a coordinator and three sites: $status"
for model in model east north south; do cmp simulated.onnx $model.onnx || fail "$model has other bits than a simulation"; done
[[ $(grep -c "^held out: " out) == 3 ]] || fail "each site says what it finds"
[[ $(find one/coordinator -name '*.answer' | wc -l) -gt 6 ]] || fail "the coordinator has no answers"
for party in east north south; do
    [[ -z $(find one/$party -name '*.answer' ! -name "*.$party.answer") ]] || fail "$party has answers of others"
done

# Ended after a call was made, and in the middle of a step: the same model.
rm ./*.onnx.part model.onnx one/coordinator/0003.call one/coordinator/0004.call one/north/0004.* 2>/dev/null || true
job one east north south
[[ $status == 0 ]] || fail "a job that goes on: $status"
cmp simulated.onnx model.onnx || fail "a job that goes on has another model"

job two east north
[[ $status != 0 ]] || fail "two of three sites"
grep -q "site south is none of the ranks of this job" err || fail "who is missing is not said"

# A site that is killed in mid-round ends the job; the next job goes on to the same model.
cp study.ini keep.ini
sed -i 's/^local_epochs = .*/local_epochs = 1000/' study.ini
"$program" federate simulate study.ini --site-column site -o simulated.onnx --quiet >/dev/null
for try in 1 2 3 4 5; do # the site may have answered
    { until [[ -e killed/coordinator/0005.call ]]; do sleep 0.02; done; kill -9 "$(cat killed/north.pid)" 2>/dev/null || true; } &
    job killed east north south
    wait $!
    [[ $try != 5 && -e killed/north/0005.north.answer ]] || break
    rm -r killed
done
[[ $status != 0 && ! -e killed/north/0005.north.answer ]] || fail "a job goes on without a site"
job killed east north south
[[ $status == 0 ]] || fail "after a site was killed: $status"
cmp simulated.onnx model.onnx || fail "after a site was killed: another model"
mv keep.ini study.ini

# Other targets go the same way.
sed -i 's/^label = dead/target = values\nvalues = stay/; s/dense 2 softmax/dense 1/' study.ini
"$program" federate simulate study.ini --site-column site -o simulated.onnx --quiet >/dev/null
job values east north south
[[ $status == 0 ]] || fail "values: $status"
for model in model east north south; do cmp simulated.onnx $model.onnx || fail "values: $model has other bits"; done
grep -q "^all sites: .*, mean R2 " out || fail "values: no metrics"
echo "ok: $(find one/coordinator -name '*.call' | wc -l) calls"
