#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# network.sh PROGRAM: two hosts, each a network namespace, train by TCP. An outage shorter than the timeout changes
# nothing. When the cable is pulled, both ranks say so in time; what is left continues to the same model.
# shellcheck source=tests/mpi/common.sh
source "$(dirname "$0")/common.sh"
program=$1
PATH=$PATH:/usr/sbin:/sbin

one=rnnp$$a two=rnnp$$b
# Ends what Open MPI's launcher leaves on a host that it cannot reach any more.
clean() {
    for name in "$one" "$two"; do
        ip netns pids "$name" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns del "$name" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean EXIT
for tool in ip unshare; do
    command -v "$tool" >/dev/null || { echo "skipped: there is no $tool" && exit 77; }
done
{ ip netns add "$one" && ip netns add "$two" && ip link add "${one}l" netns "$one" type veth peer name "${two}l" netns "$two"; } \
    2>"$work/err" || { echo "skipped: no network namespaces: $(tail -n 1 "$work/err")" && exit 77; }
unshare --uts true 2>/dev/null || { echo "skipped: names of hosts cannot be set" && exit 77; }
ip -n "$one" addr add 10.77.0.1/24 dev "${one}l"
ip -n "$two" addr add 10.77.0.2/24 dev "${two}l"
for name in "$one" "$two"; do ip -n "$name" link set lo up && ip -n "$name" link set "${name}l" up; done

# What stands for ssh.
cat >"$work/agent" <<END
#!/bin/bash
shift
exec ip netns exec $two unshare --uts bash -c "hostname host2; \$*"
END
chmod +x "$work/agent"
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=10.77.0.0/24 OMPI_MCA_oob_tcp_if_include=10.77.0.0/24
export OMPI_MCA_plm_rsh_agent=$work/agent

# hosts WORDS...: rnnpack train on both; each rank's stderr is in $work/err.RANK.
hosts() {
    # shellcheck disable=SC2016 # for the ranks
    ip netns exec "$one" unshare --uts bash -c 'hostname host1; exec "$@"' host1 \
        timeout 100 mpirun --host 10.77.0.1:1,10.77.0.2:1 -n 2 \
        bash -c 'echo $$ >"$0/pid.$OMPI_COMM_WORLD_RANK"; exec "$@" 2>"$0/err.$OMPI_COMM_WORLD_RANK"' "$work" "$program" train "$@" --mpi --threads 1
}

data "$work/train.csv"
config far epochs=3000 patience=0
config near epochs=3 patience=0
"$program" train "$work/near.ini" -o "$work/one.onnx" --threads 1 --quiet >"$work/out"
hosts "$work/near.ini" -o "$work/many.onnx" >"$work/out" 2>"$work/err" </dev/null || fail "two hosts: $?"
cmp "$work/one.onnx" "$work/many.onnx" || fail "two hosts: another model"

# The network is away for two seconds of twenty.
config outage epochs=400 patience=0
rm "$work/many.onnx"
"$program" train "$work/outage.ini" -o "$work/one.onnx" --threads 1 --quiet >"$work/out"
hosts "$work/outage.ini" -o "$work/many.onnx" --checkpoint "$work/state" --mpi-timeout 20 >"$work/out" 2>"$work/err" </dev/null &
job=$!
until_true 30 test -s "$work/state" || fail "no checkpoint before the outage"
ip -n "$two" link set "${two}l" down
sleep 2
! test -e "$work/many.onnx" || fail "the training was over before the outage"
ip -n "$two" link set "${two}l" up
wait $job || fail "after an outage: $?"
cmp "$work/one.onnx" "$work/many.onnx" || fail "after an outage: another model"
rm "$work/state"

hosts "$work/far.ini" --checkpoint "$work/state" --mpi-timeout 2 >"$work/out" 2>"$work/err" </dev/null &
until_true 30 test -s "$work/state" || fail "no checkpoint"
ip -n "$two" link set "${two}l" down
start=$SECONDS
# said RANK: it has said what happened.
said() {
    grep -qs "has not .* for 2 s: it, or a rank that it waits for, has ended, hangs, or cannot be reached" "$work/err.$1"
}
for rank in 0 1; do until_true 15 said "$rank" || fail "rank $rank says nothing"; done
((SECONDS - start < 10)) || fail "said after $((SECONDS - start)) s"
gone() { ! kill -0 "$1" 2>/dev/null; }
for rank in 0 1; do until_true 10 gone "$(cat "$work/pid.$rank")" || fail "rank $rank still runs"; done

# What is left goes on to the model of a training that nobody disturbed.
config end epochs=1 patience=0
reached=$("$program" train "$work/end.ini" --checkpoint "$work/state" --resume --threads 1 | sed -n 's/^continuing after epoch //p')
[[ $reached -gt 0 ]] || fail "no epoch is left"
config end "epochs=$((reached + 2))" patience=0
"$program" train "$work/end.ini" --threads 1 --quiet -o "$work/one.onnx" >"$work/out"
"$program" train "$work/end.ini" --checkpoint "$work/state" --resume --threads 1 --quiet -o "$work/many.onnx" >"$work/out"
cmp "$work/one.onnx" "$work/many.onnx" || fail "resumed: another model"
echo "two hosts, an outage, and a cable pulled: ok"
