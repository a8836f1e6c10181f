# SPDX-License-Identifier: MIT
# Scores, in order, as rows arrive.
bats_require_minimum_version 1.5.0
load small_model

@test "predict: CSV, features, rows one by one, 1 and 2 threads: the same scores" {
    apg predict -q -m m.apg new.csv > whole.txt
    [ "$(wc -l < whole.txt)" -eq 2000 ]
    apg encode --encoder m.apg < new.csv | apg predict -q -m m.apg | cmp - whole.txt
    apg encode --encoder <(cat m.apg) < new.csv | apg predict -q -m <(cat m.apg) | cmp - whole.txt
    apg predict -q --threads 1 -m m.apg < new.csv | cmp - whole.txt
    head -n 201 new.csv | while IFS= read -r line; do printf '%s\n' "$line"; done | apg predict -q -m m.apg > slow.txt
    head -n 200 whole.txt | cmp - slow.txt
}

@test "predict: answers a row while the input is still open" {
    { head -n 2 new.csv; sleep 3; } | apg predict -q -m m.apg > open.txt &
    for _ in $(seq 20); do
        [ -s open.txt ] && break
        sleep 0.1
    done
    [ "$(wc -l < open.txt)" -eq 1 ]
    wait
}

@test "predict: --append keeps rows as they came, --id names them, columns are found by name" {
    apg predict -q -m m.apg --append new.csv > appended.csv
    cut -d, -f1-"$(head -n 1 new.csv | tr , '\n' | wc -l)" appended.csv | cmp - new.csv
    apg predict -q -m m.apg new.csv > whole.txt
    apg predict -q -m m.apg --id user_id new.csv | tail -n +2 | cut -d, -f2 | cmp - whole.txt
    cut -d, -f2- new.csv | apg predict -q -m m.apg | cmp - whole.txt
    cut -d, -f1,3- new.csv > missing.csv
    run --separate-stderr -1 apg predict -m m.apg missing.csv
    [[ "$stderr" == *"user_id"* ]]
}

@test "predict: metrics on standard error when there are labels" {
    run --separate-stderr -0 apg predict -m m.apg new.csv
    [[ "$stderr" == "apg predict: 2000 labelled rows: AUC "* ]]
}

@test "predict, collapse: a truncated, an altered and a foreign model are refused" {
    head -c 5000 m.apg > cut.apg
    cp m.apg altered.apg
    printf X | dd of=altered.apg bs=1 seek=$(($(stat -c %s m.apg) - 200)) conv=notrunc status=none
    for bad in cut.apg altered.apg logs.csv; do
        run --separate-stderr -1 apg predict -m $bad new.csv
        [[ "$stderr" == "apg predict: $bad: "* ]]
        [ -z "$output" ]
        run --separate-stderr -1 apg collapse -o none.apg $bad
        [[ "$stderr" == "apg collapse: $bad: "* ]]
        [ ! -e none.apg ]
    done
}
