# SPDX-License-Identifier: MIT
# What the tests of apg-mpi share, beside ../cli/helper.bash. `make check-mpi` sets APG and APG_MPI; alone, they are of this tree.
load ../cli/helper
export APG_MPI=${APG_MPI:-$ROOT/apg-mpi}
# As root, with more ranks than processors, in a container.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none

# mpi N [MPIRUN-OPTION...] -- ARGUMENT...: apg-mpi on N ranks
mpi() {
    local options=(-n "$1")
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    mpirun -q "${options[@]}" "$APG_MPI" "$@"
}

# make_log: logs.csv and logs.apgf in the folder of the test file
make_log() {
    cd "$BATS_FILE_TMPDIR" || return
    apg simulate --rows 3000 --seed 5 > logs.csv
    apg encode -q --multi genres -o logs.apgf logs.csv
}

# empty_out NAME...: go there; the folder out is empty, and no NAME is there
empty_out() {
    cd "$BATS_FILE_TMPDIR" || return
    rm -rf out "$@"
    mkdir out
}
