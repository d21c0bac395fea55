#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# rnnpack federate: sites that exchange files, a simulation of them, and one site alone make the models that they should,
# bit by bit; faults end with a sentence, and what was ended goes on.
#
# shellcheck source=tests/cli/common.sh
source "$(dirname "$0")/common.sh"
sites=(east north south)
# shellcheck source=tests/cli/federation.sh
source "$(dirname "$0")/federation.sh"

# visits SITE FIRST LAST: patients of 3 to 5 visits; a site has wards that others do not have, and its columns in its own
# order.
visits() {
    awk -v site="$1" -v first="$2" -v last="$3" 'BEGIN {
        print site == "south" ? "sex,id,site,when,hb,alb,dead,ward" : "id,when,hb,alb,sex,dead,site,ward"
        for (i = first; i <= last; i++) for (t = 0; t < 3 + i % 3; t++) {
            hb = (i + t) % 5 ? 10 + 3 * (i % 2) + (i * 7 + t * 3) % 5 / 10 : ""
            alb = 30 - 4 * (i % 2) + (i * 11 + t) % 7 / 5
            sex = site == "north" && i % 3 == 0 ? "d" : i % 3 ? "m" : "f"; dead = i % 2 ? "yes" : "no"; ward = "w" i % 5
            if (site == "south") print sex "," i "," site "," t "," hb "," alb "," dead "," ward
            else print i "," t "," hb "," alb "," sex "," dead "," site "," ward
        } }'
}
visits east 1 30 >east.csv
visits north 41 65 >north.csv
visits south 71 105 >south.csv
{ cat east.csv && tail -n +2 north.csv && tail -n +2 south.csv | awk -F, -v OFS=, '{print $2,$4,$5,$6,$1,$7,$3,$8}'; } >all.csv

refuses 1 "there is a file, and keys are not replaced" federate keys -o east.key

# config NAME KEYS...: a configuration; keys are section.name=value and replace those before.
config() {
    local name=$1 pair
    shift
    declare -A keys=([data.format]=csv [data.train]=all.csv [data.id]=id [data.time]=when [data.label]=dead
        [data.group]=ward [data.features]="hb, alb, sex" [data.categories]=sex [data.missing]=carry [data.mask]=yes
        [data.standardise]=yes [train.rate]=0.1 [train.optimizer]=sgd [train.batch]=8 [train.validation]=0.4
        [federate.rounds]=2 [federate.local_epochs]=2 [federate.secure]=yes
        [federate.coordinator]=${public[coordinator]} [federate.sites]=$(list_sites))
    for pair in "$@"; do keys[${pair%%=*}]=${pair#*=}; done
    for section in data train predict federate; do
        echo "[$section]"
        for pair in "${!keys[@]}"; do [[ $pair != $section.* ]] || echo "${pair#*.} = ${keys[$pair]}"; done
    done >"$name"
    printf '[model]\nlayers =\n    gru 5\n    %s\n' "${network:-dense 2 softmax}" >>"$name"
}

# ---- The same bits: files, a simulation, with masks and without ----

config secure.ini
config plain.ini federate.secure=no
for mode in secure plain; do
    mkdir $mode
    for name in "${sites[@]}"; do site "$name" $mode.ini $mode -o "$name.onnx" --predictions "$name-p.csv"; done
    gives "all sites: " "${coordinate[@]}" $mode.ini --folder $mode -o $mode.onnx
    prints "3 sites, "
    grep -qE '^all sites: [0-9]+ sequences, loss [0-9.e-]+, accuracy [0-9.]+, macro F1 [0-9.]+, kappa [0-9.-]+$' out || fail "metrics"
    prints "round   2 of 2  loss "
    finish
    for name in "${sites[@]}"; do cmp "$name.onnx" $mode.onnx || fail "$mode: site $name has another model"; done
    grep -q "^held out: " east.log || fail "a site does not evaluate"
    grep -q "^id,group,fold,label,predicted,p_no,p_yes$" east-p.csv || fail "predictions"
    gives "site south: " federate simulate $mode.ini --site-column site -o simulated.onnx --predictions all-p.csv
    cmp simulated.onnx $mode.onnx || fail "$mode: a simulation has other bits"
    for name in "${sites[@]}"; do
        tail -n +2 "$name-p.csv" | cut -d, -f1,4- | sort >one
        tail -n +2 all-p.csv | cut -d, -f1,4- | grep -Fxf one | sort >two
        cmp one two || fail "$mode: site $name predicts otherwise than in a simulation"
    done
    expect 0 federate simulate $mode.ini --site-column site -o simulated.onnx --isa generic --threads 2 --quiet \
        --report page.html --subgroups site
    prints "  by site"
    grep -q "<h2>Subgroups by site</h2>" page.html || fail "the page has no subgroups"
    cmp simulated.onnx $mode.onnx || fail "$mode: other threads and instructions, other bits"
done
cmp secure.onnx plain.onnx || fail "masks change bits"
grep -aq "sex=d" secure.onnx || fail "texts of one site are not channels of all"
prints "the coordinator sees each site's updates"

# A masked answer does not look like the one without: no word of the updates is the same, and they are not small.
cmp -s secure/0004.east.answer plain/0004.east.answer && fail "no masks"
od -An -v -tu8 -w8 -j72 secure/0004.east.answer | awk '{ high += length($1) > 18 } END { exit !(high > 0.7 * NR) }' || fail "masks are small"

# One site trains as rnnpack train does; FedAvg of sites with equal data is the training of one.
tr=(train.epochs=4 train.validation=0 federate.rounds=2 federate.local_epochs=2 federate.secure=no)
config one.ini "${tr[@]}"
expect 0 federate simulate one.ini --site-column site --pooled -o pooled.onnx
expect 0 train one.ini -o alone.onnx
cmp pooled.onnx alone.onnx || fail "one site has other bits than rnnpack train"
config adam.ini "${tr[@]}" federate.rounds=1 federate.local_epochs=4 train.optimizer=adamw train.balanced=yes train.clip_norm=1
expect 0 federate simulate adam.ini --site-column site --pooled -o pooled.onnx
expect 0 train adam.ini -o alone.onnx
cmp pooled.onnx alone.onnx || fail "one site has other bits than rnnpack train (adamw, balanced)"

# Forecasts, and inputs that are rebuilt.
numbers=(data.label= data.features="hb, alb" data.categories= data.mask=no train.loss=mse train.rate=0.02)
for target in next input; do
    network="dense 2"
    [[ $target == next ]] || network="repeat
    gru 4
    dense 2"
    config numbers.ini "${tr[@]}" "${numbers[@]}" data.target=$target
    expect 0 federate simulate numbers.ini --site-column site --pooled -o pooled.onnx
    expect 0 train numbers.ini -o alone.onnx
    cmp pooled.onnx alone.onnx || fail "$target: one site has other bits than rnnpack train"
done
config numbers.ini "${numbers[@]}" data.target=input
gives "all sites: " federate simulate numbers.ini --site-column site -o simulated.onnx --bootstrap 0
simulated=$(grep -o "^all sites.*mean squared error [0-9.]*" out)
mkdir numbers
for name in "${sites[@]}"; do site "$name" numbers.ini numbers; done
gives "$simulated" "${coordinate[@]}" numbers.ini --folder numbers -o numbers.onnx
finish
cmp simulated.onnx numbers.onnx || fail "input: a simulation has other bits"
network=

for copy in a b c; do tail -n +2 east.csv | sed "s/^/$copy/; s/,east,/,$copy,/"; done >rows
{ head -n 1 east.csv && cat rows; } >copies.csv
config copies.ini data.train=copies.csv
config east.ini data.train=east.csv federate.secure=no
expect 0 federate simulate copies.ini --site-column site -o copies.onnx
expect 0 federate simulate east.ini --site-column site -o east.onnx
cmp <("$program" inspect copies.onnx) <("$program" inspect east.onnx | sed s/east.onnx/copies.onnx/) || fail "equal sites"
for model in copies east; do
    expect 0 predict $model.onnx --data south.csv -o $model-p.csv
done
cmp copies-p.csv east-p.csv || fail "sites with equal data make another model than one of them"

# FedProx keeps sites near the common model; clipping and noise change it.
expect 0 federate simulate plain.ini --site-column site -o plain2.onnx
for change in federate.proximal=5 federate.clip=0.001 "federate.clip=1 federate.noise=0.1 federate.secure=yes"; do
    # shellcheck disable=SC2086
    config change.ini federate.secure=no $change
    expect 0 federate simulate change.ini --site-column site -o change.onnx
    ! cmp -s change.onnx plain.onnx || fail "$change changes nothing"
    expect 0 federate simulate change.ini --site-column site -o again.onnx --threads 2
    cmp change.onnx again.onnx || fail "$change: other bits"
done
prints "privacy: ("
prints "-differential privacy of a site: noise 0.1 x clip 1, 2 rounds"
expect 0 federate simulate plain.ini --site-column site --alone --predictions alone-p.csv
[[ $(wc -l <alone-p.csv) == $(wc -l <all-p.csv) ]] || fail "--alone"

# ---- A test set that is of no site: every model is judged by all of it ----

visits outside 201 230 | cut -d, -f1-6,8 | awk -F, -v OFS=, 'NR > 1 { $4 += 0.3; sub(/w/, "v", $7) } { print }' >outside.csv
config outside.ini federate.secure=no data.categories= data.features="hb, alb"
outside=(federate simulate outside.ini --site-column site --test outside.csv)
gives "test: 30 sequences" "${outside[@]}" -o outside.onnx --predictions outside-p.csv
prints "site south: "
gives "test: 30 sequences" eval outside.onnx --config outside.ini --test outside.csv --predictions eval-p.csv
cmp outside-p.csv eval-p.csv || fail "a test set of no site: other predictions than those of eval"
gives "test, all models: 90 sequences" "${outside[@]}" --alone --predictions alone-p.csv
prints "test, the model of site north: 30 sequences"
for k in 0 1 2; do
    expect 0 "${outside[@]}" --data "${sites[k]}.csv" --pooled --predictions one-p.csv
    cmp <(tail -n +2 one-p.csv) <(awk -F, -v OFS=, -v k=$((k + 1)) '$3 == k { $3 = ""; print }' alone-p.csv) ||
        fail "a test set of no site: the model of ${sites[k]} alone"
done
refuses 1 "each site's model predicts all of it; that takes a table (.csv)" "${outside[@]}" --alone --predictions p.npy
expect 0 "${outside[@]}" --predictions p.npy
{ head -n 1 east.csv && sed -n 2,4p outside.csv | sed 's/,v[0-9]$/,west&/'; } >west.csv
refuses 1 "site 'west' is not in the training data" federate simulate outside.ini --site-column site --test west.csv

# ---- Ended and begun again ----

# The first round cannot end without south.
mkdir killed
cp secure/000[0-3].* killed
for name in east north; do site "$name" secure.ini killed; done
"$program" "${coordinate[@]}" secure.ini --folder killed >first.log 2>&1 &
first=$!
until [[ -e killed/0004.north.answer ]]; do sleep 0.02; done
kill -9 $first "${jobs[north]}"
wait $first "${jobs[north]}" 2>/dev/null || true
for name in north south; do site "$name" secure.ini killed; done
expect 0 "${coordinate[@]}" secure.ini --folder killed -o killed.onnx
finish
cmp killed.onnx secure.onnx || fail "ended and begun again: other bits"
sed '2s/,[0-9.]*,/,1,/' north.csv >other.csv
mv north.csv north.keep && cp other.csv north.csv
refuses 1 "a site that joined goes on with its data" federate site secure.ini --folder killed --key north.key --data north.csv --timeout 1
mv north.keep north.csv

# One site is killed in mid-round and begun again while the others wait: the same model. A round takes its time; should the
# site have answered nevertheless, all is done once more.
config slow.ini federate.local_epochs=1000
expect 0 federate simulate slow.ini --site-column site -o slow.onnx
for try in 1 2 3 4 5; do
    mkdir slow
    for name in "${sites[@]}"; do site "$name" slow.ini slow; done
    "$program" "${coordinate[@]}" slow.ini --folder slow -o again.onnx >first.log 2>&1 &
    first=$!
    until [[ -e slow/0005.call ]]; do sleep 0.02; done
    kill -9 "${jobs[north]}"
    wait "${jobs[north]}" 2>/dev/null || true
    [[ $try != 5 && -e slow/0005.north.answer ]] || break
    wait $first "${jobs[east]}" "${jobs[south]}"
    rm -r slow again.onnx
done
[[ ! -e slow/0005.north.answer && -e slow/0004.north.answer ]] || fail "north was not killed in mid-round"
site north slow.ini slow
finish
wait $first || { cat first.log && fail "the coordinator did not wait"; }
cmp again.onnx slow.onnx || fail "a site that was killed: other bits"

# It does not come back in time: the step is void. With the same commands all go on, to the same model.
rm slow/0005.north.answer slow/000[67].*
for name in east south; do site "$name" slow.ini slow --timeout 2; done
refuses 1 "site north did not answer step 5 (round 2) within 1 s, so the step is void: nothing was added up. Start rnnpack federate site there again, and wherever it has ended meanwhile, and this command: all go on from the files in slow" \
    "${coordinate[@]}" slow.ini --folder slow --timeout 1 --quiet
for name in east south; do ! wait "${jobs[$name]}" || fail "site $name does not end"; done
jobs=()
for name in "${sites[@]}"; do site "$name" slow.ini slow; done
expect 0 "${coordinate[@]}" slow.ini --folder slow -o again.onnx
finish
cmp again.onnx slow.onnx || fail "a void step: other bits"

# ---- Faults ----

# A site that never answers.
mkdir silent
site east secure.ini silent --timeout 2
site north secure.ini silent --timeout 2
refuses 1 "site south did not answer step 0 (the names of columns and classes) within 1 s" "${coordinate[@]}" secure.ini --folder silent --timeout 1
for name in east north; do
    ! wait "${jobs[$name]}" || fail "site $name does not end"
    grep -q "the coordinator did not make call 1 within 2 s" $name.log || fail "site $name ends without a sentence"
done
jobs=()

# It comes late, and the same commands go on; an answer that is put there twice is one.
for name in "${sites[@]}"; do site "$name" secure.ini silent; done
until [[ -e silent/0000.south.answer ]]; do sleep 0.02; done
cp silent/0000.south.answer again
mv again silent/0000.south.answer
expect 0 "${coordinate[@]}" secure.ini --folder silent -o late.onnx
finish
cmp late.onnx secure.onnx || fail "a late site: other bits"

# bad SENTENCE: the answer of south to step 1 in the folder is not taken, and this is said.
cp -r secure folder
rm folder/*.part 2>/dev/null || true
bad() {
    rm -f folder/000[2-9].* folder/0001.call.new
    refuses 1 "$1" "${coordinate[@]}" secure.ini --folder folder --timeout 0.05 --quiet
    says "site south did not answer step 1"
}
answer=folder/0001.south.answer
head -c 200 secure/0001.south.answer >$answer && bad "it is cut off or damaged"
head -c 20 secure/0001.south.answer >$answer && bad "it has 20 bytes"
: >$answer && bad "it has 0 bytes"
echo "no file of ours, but long enough to have a head and a signature; no file of ours, but long enough for both, surely, surely, surely, surely" >$answer && bad "it is not a file of rnnpack federate"
cp secure/0002.south.answer $answer && bad "it has 456 bytes; a file of this step has 136 to 344"
cp secure/0003.south.answer $answer && bad "it is of step 3, and this is step 1"
cp secure/0001.east.answer $answer && bad "its signature is not of the key"
cp plain/0001.south.answer $answer && bad "it is of another federation"
cp secure/0001.south.answer $answer && printf '\xff' | dd of=$answer bs=1 seek=100 conv=notrunc status=none && bad "its signature is not of the key"
cp secure/0001.south.answer $answer && printf '\x02' | dd of=$answer bs=1 seek=8 conv=notrunc status=none && bad "version 2 of the format"
rm $answer && mkfifo $answer && bad "is not a regular file"
rm $answer && mkdir $answer && bad "Is a directory"
rmdir $answer

# A site refuses calls in the same way, and other configurations by the first key that differs.
config rate.ini train.rate=0.2
refuses 1 "belongs to a federation with another [train] rate" federate site rate.ini --folder secure --key east.key --data east.csv --timeout 1
refuses 1 "belongs to a federation with another [train] rate" "${coordinate[@]}" rate.ini --folder secure
config layers.ini
sed 's/gru 5/gru 6/' layers.ini >layers2.ini
refuses 1 "belongs to a federation with another [model] layers" federate site layers2.ini --folder secure --key east.key --data east.csv --timeout 1
head -c 100 secure/0000.call >folder/0000.call
refuses 1 "0000.call is not taken: it has 100 bytes" federate site secure.ini --folder folder --key east.key --data east.csv --timeout 0.05
refuses 1 "0000.call: it has 100 bytes" "${coordinate[@]}" secure.ini --folder folder

# Sites that differ in their columns.
sed '1s/alb/albumin/' south.csv >renamed.csv
refuses 1 "there is no column 'alb'" federate site secure.ini --folder folder --key south.key --data renamed.csv --timeout 5
config nofeatures.ini data.features= data.categories=sex
sed -i '/^features/d; /^categories/d' nofeatures.ini
mkdir differ
cut -d, -f1-4,6,8 east.csv >e.csv && cut -d, -f1-3,6,8 north.csv >n.csv && cut -d, -f2,4-8 south.csv >s.csv
for name in east north south; do
    "$program" federate site nofeatures.ini --folder differ --key $name.key --data ${name:0:1}.csv --timeout 1 >/dev/null 2>&1 &
done
refuses 1 "site north has no column 'alb', which site east has" "${coordinate[@]}" nofeatures.ini --folder differ --timeout 10
wait || true

# A site that has no labels at all cannot take part where sequences have a class.
npy x.npy '<f4' '(8, 3, 2)' 192
npy l.npy '<i4' '(8,)' 32
for k in 0 2 4 6; do printf '\x01' | dd of=l.npy bs=1 seek=$((128 + 4 * k)) conv=notrunc status=none; done
config arrays.ini data.format=npy data.train=x.npy federate.secure=no
sed -i '/^id\|^time\|^label\|^group\|^features\|^categories\|^missing\|^mask/d' arrays.ini
mkdir unlabelled
for name in "${sites[@]}"; do
    labels=(--labels l.npy)
    [[ $name != south ]] || labels=()
    "$program" federate site arrays.ini --folder unlabelled --key "$name.key" --data x.npy "${labels[@]}" --timeout 2 >"$name.log" 2>&1 &
    jobs[$name]=$!
done
refuses 1 "site south did not answer step 1 (the sums for scaling) within 2 s" "${coordinate[@]}" arrays.ini --folder unlabelled --timeout 2 --quiet
for name in "${sites[@]}"; do ! wait "${jobs[$name]}" || fail "site $name does not end"; done
jobs=()
grep -q "x.npy has no labels" south.log || fail "a site without labels does not say why it ends"

# Keys and configurations.
refuses 1 "stranger.key is not the key of one of [federate] sites" federate site secure.ini --folder secure --key stranger.key --data east.csv
refuses 1 "east.key is not the key of [federate] coordinator" federate coordinate secure.ini --folder secure --key east.key
refuses 1 "east.csv is not a secret key" federate coordinate secure.ini --folder secure --key east.csv
refuses 1 "nowhere/0000.call: No such file or directory" "${coordinate[@]}" secure.ini --folder nowhere
# wrong SENTENCE KEYS...
wrong() {
    config wrong.ini "${@:2}"
    refuses 1 "$1" "${coordinate[@]}" wrong.ini --folder folder
}
config wrong.ini && sed -i '/^rounds/d' wrong.ini
refuses 1 "[federate] rounds is missing" "${coordinate[@]}" wrong.ini --folder folder
wrong "[federate] noise is a multiple of clip, which is not given" federate.noise=1
wrong "[federate] noise requires secure = yes" federate.noise=1 federate.clip=1 federate.secure=no
wrong "[federate] delta must be above 0 and below 1" federate.noise=1 federate.clip=1 federate.delta=0
wrong "is not NAME: KEY" "federate.sites=east"
wrong "is not NAME: KEY" "federate.sites=e/st: ${public[east]}"
wrong "is not NAME: KEY" "federate.sites=east: ${public[east]}00"
wrong "east and west have the same name or key" "federate.sites=east: ${public[east]}, west: ${public[east]}"
wrong "the sum of a single site is its update" "federate.sites=east: ${public[east]}"
wrong "is not a key of rnnpack federate keys" federate.coordinator=abc
wrong "sites require the key of a coordinator" federate.coordinator=
wrong "a federation is a single training" train.folds=3
wrong "a federation has as many rounds as it says" train.patience=2
wrong "schedule = plateau requires a score" train.schedule=plateau
mkdir nobody
refuses 1 "sites east, north, south did not answer step 0" "${coordinate[@]}" secure.ini --folder nobody --timeout 0.05
for option in --predictions --report --roc; do
    "$program" federate simulate one.ini --site-column site $option file.html --quiet >out 2>err && fail "$option of nothing"
    says "$option: there is no validation part and no test set to evaluate"
done
gives "sex" federate simulate secure.ini --site-column site --subgroups sex --report page.html
grep -q "all sites" page.html || fail "no page"
refuses 1 "there is no column 'clinic'" federate simulate secure.ini --site-column clinic
refuses 2 "exclude each other" federate simulate secure.ini --site-column site --alone --pooled
refuses 2 "-o is for one" federate simulate secure.ini --site-column site --alone -o x.onnx
config wrong.ini && sed -i '/^features/d; /^categories/d' wrong.ini
refuses 1 "[data] features must say which columns are meant" federate simulate wrong.ini --site-column site

# ---- Words: counted by all sites, told as they are ----

awk 'BEGIN { for (i = 0; i < 40; i++) print (i % 2 ? "good" : "bad") "\t" (i % 2 ? "well fine day" : "pain worse day") " e" i % 4 }' >east.txt
awk 'BEGIN { for (i = 0; i < 30; i++) print (i % 2 ? "good" : "bad") "\t" (i % 2 ? "well good day" : "pain bad day") (i ? "" : " rare") }' >north.txt
sites=(east north)
printf '[data]\ntrain = x\nformat = tokens\nleast = 2\n[model]\nlayers =\n    embedding 4\n    gru 4\n    dense 2\n[train]\nvalidation = 0.3\n[federate]\nrounds = 2\nsecure = no\ncoordinator = %s\nsites = east: %s, north: %s\n' "${public[coordinator]}" "${public[east]}" "${public[north]}" >words.ini
mkdir words
for name in east north; do
    "$program" federate site words.ini --folder words --key $name.key --data $name.txt --timeout 30 >$name.log 2>&1 &
    jobs[$name]=$!
done
gives "2 sites, 49 sequences to train on, 12 words, 2 classes" "${coordinate[@]}" words.ini --folder words -o words.onnx
finish
[[ $(head -n 1 words.onnx.words) == day ]] || fail "the most frequent word is not the first"
! grep -q rare words.onnx.words || fail "a word that occurs once is in the vocabulary"
sed -i 's/secure = no/secure = yes/' words.ini
refuses 1 "format = tokens requires [federate] secure = no" "${coordinate[@]}" words.ini --folder words

# ---- What noise guarantees (tests/cli/exchange.c has more values) ----

gives "epsilon 1.0" federate account --noise 4 --sampling 0.01 --rounds 10000
refuses 2 "--noise must be above 0" federate account --noise 0
refuses 2 "--sampling must be above 0, at most 1" federate account --noise 1 --sampling 2
refuses 2 "--delta must be above 0 and below 1" federate account --noise 1 --delta 1
