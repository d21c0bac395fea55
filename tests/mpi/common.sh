# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests under mpirun share; source it. Ranks share few CPUs here: they give them up while they wait, and
# nothing is bound. What MPI itself leaves behind is not a leak of ours.
set -euo pipefail

command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (script/bootstrap --mpi)" && exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl=self,vader OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*"
    for stream in out err; do
        [[ ! -f $work/$stream ]] || { echo "--- std$stream" && head -c 4000 "$work/$stream"; }
    done
    exit 1
}

# ranks N PROGRAM ARGUMENT...: runs it under mpirun; what it prints is in $work/out and $work/err, its exit status in $status.
ranks() {
    local n=$1
    shift
    status=0
    timeout 100 mpirun -n "$n" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}
