# SPDX-License-Identifier: MIT
# What docs/distributed.md says of scoring a log in parts gives the bytes of the whole. Its blocks of code are run as they stand.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    small_model
    apg predict -q -m m.apg new.csv > whole.txt
    apg predict -q -m m.apg --id user_id,item_id new.csv | tail -n +2 > whole.csv
}
setup() {
    set -o pipefail
    mkdir "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here" || return
    cp "$BATS_FILE_TMPDIR/m.apg" serve.apg
    cp "$BATS_FILE_TMPDIR/new.csv" log.csv
    ln -s "$APG" apg
}

# block TEXT: the block of code below "Scoring at scale" that has TEXT; there must be one
block() {
    awk -v text="$1" '
        /^## / { on = /^## Scoring at scale/ }
        on && /^```/ { if (inside && index(code, text)) { printf "%s", code; n++ } inside = !inside; code = ""; next }
        inside { code = code $0 "\n" }
        END { exit n != 1 }' "$ROOT/docs/distributed.md"
}

@test "distributed: GNU parallel" {
    command -v parallel > /dev/null || skip "no parallel"
    block "--header :" > all.sh
    block "tail -n +2" > keys.sh
    sed -i 's/--block 2M/--block 20k/' all.sh keys.sh # several parts
    bash -e all.sh
    cmp scores.txt "$BATS_FILE_TMPDIR/whole.txt"
    bash -e keys.sh
    cmp scored.csv "$BATS_FILE_TMPDIR/whole.csv"
}

@test "distributed: split and xargs" {
    block "xargs" > xargs.sh
    bash -e xargs.sh
    cmp scored.csv "$BATS_FILE_TMPDIR/whole.csv"
    [ "$(find parts -name '*.scored' | wc -l)" -eq 8 ]
    rm -r parts
    echo 1,2 >> log.csv
    run ! bash -e -o pipefail xargs.sh
    [ "$(find parts -name '*.scored' | wc -l)" -eq 7 ]
}

@test "distributed: the body of a Slurm array, also for parts that are empty" {
    block "SBATCH" > score.sh
    for log in log.csv few.csv; do
        head -n 4 log.csv > few.csv
        rm -rf parts
        mkdir parts
        split -n l/8 -d $log parts/
        for ((i = 0; i < 8; i++)); do
            SLURM_ARRAY_TASK_ID=$i SLURM_CPUS_PER_TASK=2 sh score.sh
        done
        rows=$(($(wc -l < $log) - 1))
        cat parts/*.scored | cmp - <(head -n $rows "$BATS_FILE_TMPDIR/whole.csv")
    done
}

@test "distributed: the mappers of Hadoop Streaming and of Spark, each part on standard input" {
    head -n 1 log.csv > header.csv
    mkdir parts
    split -n l/8 -d log.csv parts/
    : > parts/08
    hadoop=$(block "mapred" | sed -n "s/.*-mapper '\(.*\)'$/\1/p")
    spark=$(block "pipe(mapper" | sed -n 's/^mapper = "\(.*\)"$/\1/p')
    for mapper in "$hadoop" "$spark"; do
        [ -n "$mapper" ]
        for part in parts/*; do
            cat "$part" | sh -c "$mapper"
        done | cmp - "$BATS_FILE_TMPDIR/whole.csv"
    done
    block "pipe(mapper" | python3 -c 'import ast, sys; ast.parse(sys.stdin.read())'
}
