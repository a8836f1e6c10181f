# SPDX-License-Identifier: MIT
# A training on many ranks that was killed goes on from its state, on any number of ranks, and ends in the bytes of one
# that was never interrupted.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    make_log
}
setup() {
    empty_out state
}

# on RANKS OPTION...: trains, with the state; one rank is plain apg
on() {
    local ranks=$1
    shift
    if [ "$ranks" -eq 1 ]; then
        apg train -q --state state --resume "$@" -o out/m.apg
    else
        mpi "$ranks" -- train -q --threads 1 --state state --resume "$@" -o out/m.apg
    fi
}

# killed RANKS OPTION...: one of the ranks is killed when it has written three states
killed() {
    local ranks=$1 code=0 victim generation
    shift
    rm -rf out/*
    generation=$(($(last) + 3))
    mpirun -q -n "$ranks" "$APG_MPI" train -q --threads 1 --state state --resume --state-every 0 "$@" -o out/m.apg > told 2>&1 &
    wait_for written $generation
    victim=$(pgrep -f "^$APG_MPI train .* -o out/m.apg" | while read -r pid; do
        [ "$(readlink "/proc/$pid/cwd")" != "$PWD" ] || echo "$pid"
    done | shuf -n 1)
    kill -KILL "$victim"
    wait $! || code=$?
    [ $code -ne 0 ] && [ -z "$(ls -A out)" ] || { echo "code $code"; ls -A out; cat told; return 1; }
}
# The generation of the state.
last() {
    [ ! -e state/current ] || sed -n 's/.*generation \([0-9]*\) .*/\1/p' state/current
}
written() {
    [ "$(last)" -ge "$1" ] 2> /dev/null
}

@test "mpi: killed three times and gone on with, on other numbers of ranks, apg among them" {
    for options in "--layer dense --batch-norm" "--condition group:user_id --cross user_id,item_id --average 0.5" \
        "--layer star --domain user_id --batch-norm" "--optimizer adagrad --condition self"; do
        # shellcheck disable=SC2206
        train=(--hidden 12,8 --embedding-dim 4 --batch-size 64 --epochs 16 --patience 0 --dropout 0.1 $options logs.apgf)
        apg train -q "${train[@]}" -o alone.apg
        rm -rf state
        killed 4 "${train[@]}"
        killed 2 "${train[@]}"
        killed 3 "${train[@]}"
        for ranks in 1 2 3 4; do
            rm -rf out/* kept
            cp -r state kept
            on $ranks "${train[@]}"
            cmp alone.apg out/m.apg || { echo "$ranks ranks: $options"; return 1; }
            rm -rf state
            mv kept state
        done
    done
}

@test "mpi: a state of many ranks: a part of each, which is refused when it is damaged" {
    train=(--hidden 12,8 --embedding-dim 4 --batch-size 64 --epochs 1 logs.apgf)
    on 3 "${train[@]}"
    ls state > parts
    [ "$(grep -c '^[0-9]*\.[012]-of-3$' parts)" -eq 3 ]
    on 1 "${train[@]}"
    part=$(ls state/*.2-of-3 2> /dev/null || ls state/*.0-of-1)
    truncate -s -100 "$part"
    for ranks in 3 2 1; do
        run on $ranks "${train[@]}"
        [ "$status" -eq 1 ]
        [ "$(grep -c "$part: " <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
    done
}

@test "mpi: a rank whose part cannot be written: training goes on, and says so once" {
    cat > one-limited << 'END'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" != 1 ] || ulimit -f 4
exec "$APG_MPI" "$@"
END
    chmod +x one-limited
    run mpirun -q -n 2 ./one-limited train -q --threads 1 --hidden 12,8 --epochs 2 --state state -o out/m.apg logs.apgf
    [ "$status" -eq 0 ]
    grep -q '^apg train: state/.*1-of-2: .*; the state is not written, and training goes on$' <<< "$output" || { echo "$output"; return 1; }
    [ ! -e state/current ]
    apg train -q --hidden 12,8 --epochs 2 -o alone.apg logs.apgf
    cmp alone.apg out/m.apg
}

@test "mpi: --from-state: of one rank or of three, to one, two or three: the same bytes" {
    apg simulate --rows 3000 --seed 5 > logs.csv
    head -1601 logs.csv > day1.csv
    { head -1 logs.csv; tail -n +1602 logs.csv; } > day2.csv
    train=(--multi genres --hidden 12,8 --embedding-dim 4 --batch-size 64 --epochs 2 --average 0.5 --condition group:user_id)
    apg train -q "${train[@]}" --state one -o day1.apg day1.csv
    mpi 3 -- train -q --threads 1 "${train[@]}" --state three -o out/day1.apg day1.csv
    cmp day1.apg out/day1.apg
    day=(-q --threads 1 --epochs 1 --from day1.apg day2.csv)
    apg train "${day[@]}" -o without.apg
    apg predict -m without.apg day2.csv > without
    for state in one three; do # a model records which state it is from: its checksum
        apg train "${day[@]}" --from-state "$state" -o "from-$state.apg"
        apg predict -m "from-$state.apg" day2.csv > "from-$state"
        for ranks in 1 2 3; do
            mpi "$ranks" -- train "${day[@]}" --from-state "$state" -o out/m.apg
            cmp "from-$state.apg" out/m.apg || { echo "$state, $ranks ranks"; return 1; }
        done
    done
    cmp from-one from-three
    ! cmp -s from-one without
    rm three/*.2-of-3
    run mpi 2 -- train "${day[@]}" --from-state three -o out/m.apg
    [ "$status" -eq 1 ]
    [ "$(grep -c 'three/.*2-of-3: No such file' <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
}
