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
    mkfifo open
    apg predict -q -m m.apg < open > open.txt &
    exec 9> open
    head -n 2 new.csv >&9
    wait_for test -s open.txt
    [ "$(wc -l < open.txt)" -eq 1 ]
    exec 9>&-
    wait
}

# By more than one thread, with parts of every size: some of them are done before those that come first.
@test "predict: 1, 2 and 9 threads, from a file and a pipe, with --append and --id: the same bytes in order" {
    for _ in $(seq 12); do tail -n +2 new.csv; done | cat <(head -n 1 new.csv) - > long.csv
    for options in -q "-q --logit --append" "-q --id user_id"; do
        # shellcheck disable=SC2086
        apg predict $options --threads 1 -m m.apg long.csv > one.txt
        for threads in 2 9; do
            # shellcheck disable=SC2086
            apg predict $options --threads $threads -m m.apg long.csv | cmp - one.txt
            # shellcheck disable=SC2086
            dd bs=3001 if=long.csv status=none | apg predict $options --threads $threads -m m.apg | cmp - one.txt
        done
    done
    apg encode -q --encoder m.apg < long.csv > long.apgf
    apg predict -q --threads 1 -m m.apg long.csv > one.txt
    apg predict -q --threads 9 -m m.apg long.apgf | cmp - one.txt
    apg predict -q --threads 9 -m m.apg < long.apgf | cmp - one.txt
    apg predict --threads 1 -m m.apg long.csv 2> one.err > /dev/null
    apg predict --threads 9 -m m.apg long.csv 2>&1 > /dev/null | cmp - one.err
}

@test "predict: the first bad row ends it, with the rows before its part written, and while the input is open" {
    for _ in $(seq 12); do tail -n +2 new.csv; done | cat <(head -n 1 new.csv) - > long.csv
    { head -n 20001 long.csv; echo 1,2,3; tail -n +20002 long.csv; echo 1,2; } > bad.csv
    apg predict -q -m m.apg long.csv > whole.txt
    for threads in 1 2 9; do
        run --separate-stderr -1 apg predict -q --threads $threads -m m.apg bad.csv
        [[ "$stderr" == "apg predict: bad.csv:20002: 3 columns where the header has "* ]]
        [ "${#lines[@]}" -gt 10000 ] && [ "${#lines[@]}" -le 20000 ]
        printf '%s\n' "${lines[@]}" | cmp -n "$(printf '%s\n' "${lines[@]}" | wc -c)" - whole.txt
    done
    mkfifo bad
    apg predict -q -m m.apg < bad > /dev/null 2> open.err &
    exec 9> bad
    { head -n 20001 long.csv; echo 1,2,3; } >&9
    wait_for test -s open.err
    exec 9>&-
    wait
}

@test "predict: a reader that has enough ends it silently, a full disk does not" {
    for _ in $(seq 12); do tail -n +2 new.csv; done | cat <(head -n 1 new.csv) - > long.csv
    for threads in 1 9; do
        run --separate-stderr -141 bash -o pipefail -c "apg predict -q --threads $threads -m m.apg long.csv | head -n 1"
        [ -z "$stderr" ] && [ "${#lines[@]}" -eq 1 ]
        run --separate-stderr -1 bash -c "apg predict -q --threads $threads -m m.apg long.csv > /dev/full"
        [[ "$stderr" == "apg predict: standard output: "* ]]
    done
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

@test "predict: quotes that are text are refused with their line, or read as text: --no-quotes" {
    printf 'a\tclick\n' > tsv
    for i in $(seq 300); do printf '%s\t%s\n' "$((i % 7))\" pipe" "$((i % 2))" '"quoted" name' "$((i % 3 == 0))"; done >> tsv
    printf '6"\na "b" c\n"d" e\n"f\n' | sed '1i a' > rows
    run --separate-stderr apg train -q --epochs 1 -d tab -o t.apg tsv
    [ "$status" -eq 1 ] && [ ! -e t.apg ]
    [[ "$stderr" = "apg train: tsv:3: text behind a closing quote (--no-quotes reads quotes as text)" ]]
    apg train -q --epochs 1 -d tab --no-quotes -o t.apg tsv
    [ "$(apg predict -q -m t.apg rows | wc -l)" -eq 4 ] # the model knows how its rows were read
    [ "$(apg predict -q -m t.apg --append rows | cut -f1)" = "$(cat rows)" ]
    apg encode --encoder t.apg tsv | apg evaluate -m t.apg > features.txt
    apg evaluate -m t.apg tsv | cmp - features.txt
    run --separate-stderr apg predict -q -m t.apg --quotes rows
    [ "$status" -eq 1 ]
    [[ "$stderr" = *"rows:4: text behind a closing quote"* ]]
    [ "${#lines[@]}" -eq 2 ] # those before it
}

@test "predict: old line ends, CR alone, arrive row by row too" {
    tr '\n' '\r' < new.csv | apg predict -q -m m.apg > cr.txt
    apg predict -q -m m.apg new.csv | cmp - cr.txt
    mkfifo open-cr
    apg predict -q -m m.apg < open-cr > cr-open.txt &
    exec 9> open-cr
    head -n 2 new.csv | tr '\n' '\r' >&9
    wait_for test -s cr-open.txt
    exec 9>&-
    wait
}
