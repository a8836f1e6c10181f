# SPDX-License-Identifier: MIT
# A model has the same bytes from any number of ranks and threads as from apg alone.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    little_logs
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}

small=(-q --hidden 12,8 --batch-size 256 --embedding-dim 4)

# same N [MPIRUN-OPTION...] -- OPTION...: N ranks make what apg makes
same() {
    local ranks=$1 launch=()
    shift
    while [ "$1" != -- ]; do
        launch+=("$1")
        shift
    done
    shift
    apg train "${small[@]}" "$@" -o alone.apg || { echo "apg: $*"; return 1; }
    rm -f ranks.apg
    mpi "$ranks" "${launch[@]}" -- train "${small[@]}" --threads 1 "$@" -o ranks.apg || { echo "$ranks ranks: $*"; return 1; }
    cmp alone.apg ranks.apg || { echo "$ranks ranks differ: $*"; return 1; }
}

@test "mpi: 1, 2, 3, 4 and 8 ranks of 1 and 2 threads, by shared memory and by TCP: one model" {
    options=(--epochs 2 --batch-norm --dropout 0.1 --condition group:user_id --cross user_id,item_id)
    apg train "${small[@]}" "${options[@]}" -o alone.apg logs.apgf
    for ranks in 1 2 3 4 8; do
        for threads in 1 2; do
            for transport in vader,self tcp,self; do
                rm -f ranks.apg
                mpi $ranks --mca btl $transport -- train "${small[@]}" "${options[@]}" --threads $threads -o ranks.apg logs.apgf
                cmp alone.apg ranks.apg || { echo "$ranks ranks, $threads threads, $transport"; return 1; }
            done
        done
    done
}

@test "mpi: every backbone with every layer, with normalization and without" {
    ranks=(2 3 4 8)
    n=0
    for backbone in $(choices backbone); do
        for layer in $(choices layer); do
            more=()
            [ "$layer" != star ] || more=(--domain user_id)
            [ "$layer" != ppnet ] || more=(--condition group:user_id,price)
            same "${ranks[n++ % 4]}" -- --epochs 1 --backbone "$backbone" --layer "$layer" "${more[@]}" logs.apgf
            same "${ranks[n++ % 4]}" -- --epochs 1 --backbone "$backbone" --layer "$layer" --batch-norm --dropout 0.1 "${more[@]}" logs.apgf
        done
    done
}

@test "mpi: every form, over conditions" {
    conditions=(self group:user_id group:genres,price mix:user_id,item_id)
    n=0
    for form in $(choices form); do
        for own in "" "--condition-embedding own"; do
            rank="--rank 3"
            [ "$form" != full ] || rank=
            condition=${conditions[n++ % 4]}
            [ "$condition" != self ] || own=
            # shellcheck disable=SC2086
            same 3 -- --epochs 1 --form "$form" $rank --condition "$condition" $own logs.apgf
        done
    done
}

@test "mpi: CSV, validation rows, held-out rows, early stopping, averages, weights, going on from a model" {
    awk -F, -v OFS=, '{ print $0, NR == 1 ? "w" : 1 + NR % 3 }' logs.csv > weighted.csv
    same 2 -- --multi genres --epochs 3 --valid new.csv logs.csv
    same 3 -- --multi genres --epochs 9 --patience 1 --holdout 0.2 logs.csv
    same 4 -- --multi genres --epochs 3 --average 0 --holdout-last 0.2 --stop-on logloss logs.csv
    same 3 -- --multi genres --epochs 2 --optimizer adagrad --weight w weighted.csv
    same 2 -- --multi genres --epochs 2 --embedding-moments row --hash-bits 6 logs.csv
    same 3 -- --multi genres --epochs 1 --batch-size 1400 logs.csv
    cp alone.apg yesterday.apg
    same 4 -- --epochs 2 --from yesterday.apg new.csv
    same 2 -- --epochs 2 --from yesterday.apg --no-grow new.csv
    same 3 -- --multi genres --online logs.csv
    same 3 -- --epochs 2 --members 3 --batch-norm --dropout 0.1 logs.apgf
}

@test "mpi: --tune and --condition auto choose the same" {
    same 2 -- --multi genres --epochs 2 --tune=2 logs.csv
    same 3 -- --multi genres --epochs 2 --condition auto logs.csv
}

@test "mpi: batches of more slots than ranks, of fewer slots and rows than ranks, and of no rows for a rank" {
    apg simulate --rows 9003 --seed 6 > more.csv # its last batch has 3 rows
    same 3 -- --multi genres --epochs 1 --batch-size 4500 --holdout 0 more.csv
    same 8 -- --multi genres --epochs 1 --batch-size 9000 --holdout 0 more.csv
    same 8 -- --multi genres --epochs 1 --batch-size 9000 --holdout 0 --layer star --domain user_id --batch-norm more.csv
    for batch in 63 64 128; do # 1, 2 and 4 slots: the other ranks have their parts of tables alone
        same 8 -- --epochs 1 --batch-size $batch --condition group:user_id logs.apgf
        same 3 -- --epochs 1 --batch-size $batch --layer star --domain user_id --batch-norm logs.apgf
    done
}

@test "mpi: standard input reaches all ranks" {
    apg train "${small[@]}" --multi genres --epochs 1 -o alone.apg logs.csv
    mpi 3 -- train "${small[@]}" --multi genres --epochs 1 -o ranks.apg < logs.csv
    cmp alone.apg ranks.apg
}
