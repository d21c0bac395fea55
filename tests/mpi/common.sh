# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What the tests under mpirun share; source it. Ranks share few CPUs here: they give them up while they wait, and
# nothing is bound. What MPI itself leaves behind is not a leak of ours.
set -euo pipefail

command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (script/bootstrap --mpi)" && exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl=self,vader OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-}
# The address sanitizer calls dlopen in the program's place, which then does not look where the program's libraries are.
! grep -qa __asan_init "$1" || export LD_LIBRARY_PATH=${1%/*}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
! grep -qa __tsan_init "$1" || { echo "skipped: MPI's own threads are not instrumented for the thread sanitizer" && exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*"
    for stream in out err; do
        [[ ! -f $work/$stream ]] || { echo "--- std$stream" && head -c 4000 "$work/$stream"; }
    done
    exit 1
}

# data FILE: 220 sequences of two kinds, of 8 to 12 steps.
data() {
    awk 'BEGIN {
        for (i = 0; i < 220; i++) {
            k = i % 2; line = "c" k
            for (t = 0; t < 8 + i % 5; t++)
                line = line sprintf(",%.4f", (2 * k - 1) * (t - 5.5) * 0.1 + sin(i * 7.3 + t * t * 1.7))
            print line
        }
    }' >"$1"
}

# config NAME KEY=VALUE...: of [train], over those below.
config() {
    local name=$1 key
    shift
    {
        printf '[data]\nformat=wide\ntrain=train.csv\ntarget=label\nstandardise=yes\n'
        printf '[model]\nlayers=\n    gru 12\n    dropout 0.2\n    lstm 10\n    dense 2 softmax\n'
        printf '[train]\nloss=sparse\nbatch=72\nvalidation=0.25\n'
        [[ " $* " == *" patience="* ]] || echo patience=3
        [[ " $* " == *" clip_norm="* ]] || echo clip_norm=0.5
        printf 'score=auc\nschedule=plateau\nbalanced=yes\n'
        for key in "$@"; do echo "$key"; done
    } >"$work/$name.ini"
}

# until_true SECONDS COMMAND...: waits until it succeeds.
until_true() {
    local left=$(($1 * 20))
    shift
    while ! "$@"; do
        ((left-- > 0)) || return 1
        sleep 0.05
    done
}

# ranks N PROGRAM ARGUMENT...: runs it under mpirun; what it prints is in $work/out and $work/err, its exit status in $status.
ranks() {
    local n=$1
    shift
    status=0
    timeout 100 mpirun -n "$n" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}
