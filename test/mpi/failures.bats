# SPDX-License-Identifier: MIT
# What happens when a rank is refused, killed, stopped or cannot write: all end, one says why, and no half file is left.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    make_log
}
setup() {
    empty_out told
}
endless=(-q --hidden 12,8 --batch-size 64 --epochs 100000 --patience 0 --threads 1)

# begin N OPTION...: in the background; told gets what it says
begin() {
    local ranks=$1
    shift
    mpirun -q -n "$ranks" "$APG_MPI" train "${endless[@]}" "$@" -o out/m.apg logs.apgf > told 2>&1 &
    launcher=$!
}

# The processes of apg-mpi whose output is in this test's folder.
ranks() {
    pgrep -f "^$APG_MPI train .* -o out/m.apg logs.apgf" | while read -r pid; do
        [ "$(readlink "/proc/$pid/cwd")" != "$PWD" ] || echo "$pid"
    done
}
are() {
    [ "$(ranks | wc -l)" -eq "$1" ]
}

# ended CODE: the launcher has ended, not with 0, and nothing runs any more
ended() {
    code=0
    wait $launcher || code=$?
    [ $code -ne 0 ] || { echo "code 0"; return 1; }
    wait_for are 0
}

@test "mpi: a rank that is killed: all end, and no file is left" {
    for victim in 1 2 3; do
        rm -f out/*
        begin 3 --checkpoint out/best.apg
        wait_for test -e out/best.apg
        kill -KILL "$(ranks | sed -n ${victim}p)"
        ended
        [ "$(ls -A out)" = best.apg ]
        apg inspect out/best.apg > inspected
    done
}

@test "mpi: a rank that is stopped: the others name it when their time is over" {
    begin 3 --checkpoint out/best.apg --rank-timeout 2
    wait_for test -e out/best.apg
    victim=$(ranks | tail -n 1)
    rank=$(tr '\0' '\n' < "/proc/$victim/environ" | sed -n 's/^OMPI_COMM_WORLD_RANK=//p')
    kill -STOP "$victim"
    ended
    grep -q "^apg train: .*rank $rank ($(hostname)) has not answered for 2 s: it is stopped, or gone$" told || { cat told; return 1; }
    [ "$(grep -c "has not answered" told)" -eq 1 ] || { cat told; return 1; }
    [ "$(ls -A out)" = best.apg ]
}

@test "mpi: a rank that is stopped before MPI has started: all end when the time is over" {
    cat > one-stops << 'END'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" != "$STOPPED" ] || kill -STOP $$
exec "$APG_MPI" "$@"
END
    chmod +x one-stops
    for rank in 2 0; do
        STOPPED=$rank mpirun -q -n 3 ./one-stops train -q --epochs 1 --rank-timeout 2 -o out/m.apg logs.apgf > told 2>&1 &
        launcher=$!
        ended
        grep -q "^apg train: the ranks have not all started for 2 s" told || { cat told; return 1; }
        [ -z "$(ls -A out)" ]
    done
}

@test "mpi: INT and TERM to the launcher write the best so far" {
    begin 2 --checkpoint out/best.apg
    wait_for test -e out/best.apg
    kill -TERM $launcher
    ended
    apg predict -q -m out/m.apg logs.apgf > scores
    [ "$(wc -l < scores)" -eq 3000 ]
}

@test "mpi: a log that is not there, or is damaged, is told once, and by its name" {
    run mpi 3 -- train -q -o out/m.apg none.csv
    [ "$status" -eq 1 ]
    [ "$(grep '^apg train' <<< "$output")" = "apg train: none.csv: No such file or directory" ] || { echo "$output"; return 1; }
    (cat logs.csv; echo 1,2) > bad.csv
    run mpi 3 -- train -q --multi genres -o out/m.apg bad.csv
    [ "$status" -eq 1 ]
    [ "$(grep -c 'bad.csv:3002: ' <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
    [ "$(grep -c '^apg train' <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
    [ -z "$(ls -A out)" ]
}

@test "mpi: what only one rank meets is told with its number and host" {
    # The temporary file for the rows of rank 2 alone has nowhere to be.
    cat > one-fails << 'END'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" != 2 ] || export TMPDIR=/nowhere
exec "$APG_MPI" "$@"
END
    chmod +x one-fails
    run mpirun -q -n 3 ./one-fails train -q --multi genres --memory 0 -o out/m.apg logs.csv
    [ "$status" -eq 1 ]
    [ "$(grep '^apg train' <<< "$output")" = "apg train: rank 2 ($(hostname)): a temporary file in /nowhere (--temp-dir names another place): No such file or directory" ] || { echo "$output"; return 1; }
    [ -z "$(ls -A out)" ]
}

@test "mpi: ranks whose log, options or model differ are told, and nothing is written" {
    # Rank 1 of 3 gets the words of OTHER, which may be of its own machine.
    cat > one-differs << 'END'
#!/bin/bash
[ "$OMPI_COMM_WORLD_RANK" != 1 ] || exec "$APG_MPI" train -q -o out/m.apg $OTHER
exec "$APG_MPI" train -q -o out/m.apg $ALL
END
    chmod +x one-differs
    told() { # TEXT OTHER ALL
        OTHER=$2 ALL=$3 run mpirun -q -n 3 ./one-differs
        [ "$status" -eq 1 ]
        [ "$(grep '^apg train' <<< "$output")" = "apg train: rank 1 has $1 than rank 0" ] || { echo "$2: $output"; return 1; }
        [ -z "$(ls -A out)" ]
    }
    few="--hidden 4 --epochs 1 --batch-size 256"
    head -n 2001 logs.csv > fewer.csv
    sed '7s/^0/1/; 7t; 7s/^1/0/' logs.csv > flipped.csv
    apg train -q $few --seed 2 -o a.apg logs.apgf
    apg train -q $few -o b.apg logs.apgf
    told "another log" "$few fewer.csv" "$few logs.csv"
    told "another log" "$few flipped.csv" "$few logs.csv"
    told "another --valid" "$few --valid flipped.csv logs.csv" "$few --valid logs.csv logs.csv"
    told "other options" "$few --seed 2 logs.csv" "$few logs.csv"
    told "another --from" "--from a.apg logs.csv" "--from b.apg logs.csv"
    OTHER="$few --threads 2 --memory 1K logs.csv" ALL="$few --threads 1 logs.csv" mpirun -q -n 3 ./one-differs
    apg inspect out/m.apg > inspected
}

@test "mpi: a model that cannot be written: exit 1, named once" {
    run mpi 2 -- train -q --epochs 1 -o none/m.apg logs.apgf
    [ "$status" -eq 1 ]
    [ "$(grep -c '^apg train: none/m.apg: ' <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
    [ ! -c /dev/full ] || {
        run mpi 2 -- train -q --epochs 1 -o /dev/full logs.apgf
        [ "$status" -eq 1 ]
        [ "$(grep -c '^apg train: /dev/full: ' <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
    }
}

@test "mpi: apg says which program trains on many; apg-mpi does not score on many; usage is told once" {
    run mpirun -q -n 2 "$APG" train -q -o out/m.apg logs.apgf
    [ "$status" -eq 2 ]
    [ "$(grep -c '^apg train: .*apg-mpi' <<< "$output")" -eq 1 ]
    for launcher in "PMI_RANK=0 PMI_SIZE=2" "PMIX_RANK=0 SLURM_STEP_NUM_TASKS=2"; do # MPICH's and Slurm's
        # shellcheck disable=SC2086
        run -2 env $launcher "$APG" train -q -o out/m.apg logs.apgf
        [ "$(grep -c '^apg train: .*apg-mpi' <<< "$output")" -eq 1 ] || { echo "$launcher: $output"; return 1; }
        # shellcheck disable=SC2086
        run -2 env ${launcher/0/1} "$APG" train -q -o out/m.apg logs.apgf
        [ -z "$output" ]
    done
    apg train -q --epochs 1 -o m.apg logs.apgf
    run mpi 2 -- predict -m m.apg logs.apgf
    [ "$status" -eq 2 ]
    [ "$(grep -c '^apg predict: ' <<< "$output")" -eq 1 ]
    run mpi 2 -- train logs.apgf
    [ "$status" -eq 2 ]
    [ "$(grep -c -- '-o' <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
    run mpi 2 -- train --no-such-option -o out/m.apg logs.apgf
    [ "$status" -eq 2 ]
    [ "$(grep -c 'no-such-option' <<< "$output")" -eq 1 ] || { echo "$output"; return 1; }
    run mpi 9 -- train -q --epochs 1 -o out/m.apg logs.apgf
    [ "$status" -ne 0 ]
    grep -q '9 ranks: a batch is cut into [1-8] parts, so no more than 8 can train on it' <<< "$output"
    [ -z "$(ls -A out)" ]
    # Alone, without a launcher, it is apg.
    "$APG_MPI" train -q --epochs 1 -o alone.apg logs.apgf
    cmp alone.apg m.apg
    "$APG_MPI" predict -q -m m.apg logs.apgf | cmp - <(apg predict -q -m m.apg logs.apgf)
    run -1 "$APG_MPI" train -q -o alone.apg none.csv
    [ "$output" = "apg train: none.csv: No such file or directory" ]
}
