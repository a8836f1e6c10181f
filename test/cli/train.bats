# SPDX-License-Identifier: MIT
# train, collapse and predict together: what one writes the next reads.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    apg simulate --rows 6000 --seed 3 > logs.csv
    apg simulate --rows 2000 --seed 3 --skip 6000 > new.csv
    apg train -q --multi genres --epochs 2 --hidden 16,8 --rank 4 --overparam 8 --batch-size 256 -o m.apg logs.csv
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}
small=(-q --multi genres --epochs 1 --hidden 16,8 --rank 4 --overparam 8 --batch-size 256)

@test "train: the same seed gives the same bytes with 1 and with 2 threads, another seed others" {
    apg train "${small[@]}" --threads 1 logs.csv > 1.apg
    apg train "${small[@]}" --threads 2 logs.csv > 2.apg
    cmp 1.apg 2.apg
    apg train "${small[@]}" --seed 2 logs.csv > 3.apg
    run cmp -s 1.apg 3.apg
    [ "$status" -eq 1 ]
}

@test "train: from a pipe, a file and a feature file: the same model; also when rows go to a temporary file" {
    apg train "${small[@]}" logs.csv > file.apg
    cat logs.csv | apg train "${small[@]}" > pipe.apg
    apg encode -q --multi genres logs.csv > logs.apgf
    apg train "${small[@]}" logs.apgf > features.apg
    apg train "${small[@]}" --memory 0 logs.csv > spooled.apg
    cmp file.apg pipe.apg
    cmp file.apg features.apg
    cmp file.apg spooled.apg
}

@test "train: every backbone, layer, form, bias and condition trains, collapses and predicts the same" {
    for backbone in dnn deepfm; do
        for layer in "--layer dense" "--form shared" "--form overparam --bias generated" "--bias none --init paper" \
            "--condition group:user_id" "--condition group:user_id,genres --generator-hidden 8 --optimizer adagrad"; do
            # shellcheck disable=SC2086
            apg train "${small[@]}" --backbone $backbone $layer --dropout 0.1 -o x.apg logs.csv
            apg collapse -q < x.apg > y.apg
            apg predict -q --logit -m x.apg new.csv > x.txt
            apg predict -q --logit -m y.apg new.csv > y.txt
            paste x.txt y.txt | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5 || $1 != $1 + 0) exit 1 } END { exit NR != 2000 }'
        done
    done
}

@test "train: learns: the validation AUC is far from chance, and the shown line says so" {
    run --separate-stderr -0 apg train --multi genres --epochs 2 --valid new.csv -o learned.apg logs.csv
    [ -z "$output" ]
    awk '/best$/ { found = 1; if ($4 < 0.6) exit 1 } END { exit !found }' <<< "$stderr"
}

@test "train: bad rows are named by file, line and column, and no model appears" {
    { head -n 3 logs.csv; echo 1,2; } > ragged.csv
    run --separate-stderr -1 apg train -o none.apg ragged.csv
    [[ "${stderr_lines[-1]}" == "apg train: ragged.csv:4: "* ]]
    [ ! -e none.apg ]
    run --separate-stderr -1 apg train -o none.apg /dev/null
    [[ "$stderr" == "apg train: "* ]]
    run --separate-stderr -2 apg train --rank 0 logs.csv
    [[ "$stderr" == *"--rank takes an integer from 1 to 1024, not '0'"* ]]
    run --separate-stderr -2 apg train -q --condition group:nobody -o none.apg logs.csv
    [[ "$stderr" == *"nobody"* ]]
    [ ! -e none.apg ]
}

@test "predict: CSV, features, rows one by one, 1 and 2 threads: the same scores" {
    apg predict -q -m m.apg new.csv > whole.txt
    [ "$(wc -l < whole.txt)" -eq 2000 ]
    apg encode --encoder m.apg < new.csv | apg predict -q -m m.apg | cmp - whole.txt
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

@test "collapse: says what was saved; twice is refused" {
    run --separate-stderr -0 apg collapse -o once.apg m.apg
    [[ "$stderr" == "apg collapse: "*"largest logit difference"* ]]
    [ "$(stat -c %s once.apg)" -lt "$(stat -c %s m.apg)" ]
    run --separate-stderr -1 apg collapse -o twice.apg once.apg
    [[ "$stderr" == "apg collapse: once.apg: already collapsed" ]]
}

@test "train, collapse, predict: a full disk is an error" {
    run --separate-stderr -1 apg train "${small[@]}" -o /dev/full logs.csv
    [[ "$stderr" == *"No space left on device"* ]]
    run --separate-stderr -1 apg collapse -q -o /dev/full m.apg
    [[ "$stderr" == *"No space left on device"* ]]
    run --separate-stderr -1 bash -c 'apg predict -q -m m.apg new.csv > /dev/full'
    [[ "$stderr" == *"No space left on device"* ]]
}
