# SPDX-License-Identifier: MIT
# Files that are compressed, and others that are no text (lib/base/packed.h, cmd/common/unpack.h).
bats_require_minimum_version 1.5.0
load helper
load small_model

setup_file() {
    small_model
    gzip -kf logs.csv new.csv
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
}

# with PROGRAM: pack new.csv by it to new.PROGRAM, or skip the test where it is not installed
with() {
    command -v "$1" > /dev/null || skip "no $1"
    "$1" -c < new.csv > "new.$1"
}

@test "packed: gzip, and the same whatever a file's name is: predict, evaluate, compare, encode, train" {
    apg predict -q -m m.apg --append new.csv > want.csv
    apg predict -q -m m.apg --append new.csv.gz | cmp - want.csv
    cp new.csv.gz new.log
    apg predict -q -m m.apg --append new.log new.csv | cmp - <(apg predict -q -m m.apg --append new.csv new.log)
    gzip -c < want.csv > want.gz
    apg evaluate --json want.csv > want.json
    apg evaluate --json want.gz | diff want.json -
    apg evaluate --json -m m.apg new.csv.gz | diff want.json -
    apg compare --json want.gz want.gz | jq -e '.auc.difference == 0'
    apg encode -q -o want.apgf logs.csv new.csv
    apg encode -q -o got.apgf logs.csv.gz new.csv.gz
    cmp want.apgf got.apgf
    few=(-q --multi genres --epochs 1 --hidden 8)
    apg train "${few[@]}" --valid new.csv -o want.apg logs.csv new.csv
    apg train "${few[@]}" --valid new.csv.gz --threads 1 -o got.apg logs.csv.gz new.csv
    cmp want.apg got.apg
}

@test "packed: xz" {
    with xz
    apg predict -q -m m.apg new.xz | cmp - <(apg predict -q -m m.apg new.csv)
}

@test "packed: zstd" {
    with zstd
    apg predict -q -m m.apg new.zstd | cmp - <(apg predict -q -m m.apg new.csv)
}

@test "packed: bzip2" {
    with bzip2
    apg predict -q -m m.apg new.bzip2 | cmp - <(apg predict -q -m m.apg new.csv)
}

@test "packed: what is cut short or damaged is an error, and nothing is written" {
    head -c 20000 logs.csv.gz > cut.gz
    { head -c -8 logs.csv.gz; printf '12345678'; } > damaged.gz # another checksum
    for bad in cut damaged; do
        rm -f no.*
        for command in "train --epochs 1 -o no.apg" "train --epochs 1 --valid logs.csv -o no.apg new.csv" "encode -o no.apgf" \
            "encode --encoder m.apg -o no.apgf" "predict -m m.apg -o no.csv" "evaluate -m m.apg -o no.txt"; do
            run --separate-stderr -1 apg $command $bad.gz
            [[ "${stderr_lines[-1]}" == "apg ${command%% *}: $bad.gz: cut short or damaged, says gzip -dc (exit status "[12]")" ]] || {
                echo "$command: $stderr"
                return 1
            }
        done
        [ -z "$(find . -name 'no.*')" ]
    done
    # rows before it may be on their way already, on standard output
    run --separate-stderr -1 apg predict -q -m m.apg logs.csv new.csv cut.gz
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ "${#lines[@]}" -ge 8000 ]
}

@test "packed: a program that is not installed is named" {
    run --separate-stderr -1 env PATH="$PWD/bin" "$APG" predict -m m.apg new.csv.gz
    [ "$stderr" = "apg predict: new.csv.gz: compressed by gzip, and gzip cannot be run: it is not installed" ]
}

@test "packed: apg that stops early leaves no child, says one line, and ends" {
    { cat new.csv; for _ in $(seq 200); do tail -n +2 new.csv; done; echo a,bad,row; cat new.csv; } | gzip > long.gz
    run --separate-stderr -1 timeout 60 apg predict -q -m m.apg -o no.csv <(echo nothing,here) long.gz
    [[ "$stderr" == *"no column"* ]]
    { head -n 3 new.csv; echo a,bad,row; for _ in $(seq 200); do tail -n +2 new.csv; done; } | gzip > bad.gz
    run --separate-stderr -1 timeout 60 apg predict -q -m m.apg -o no.csv bad.gz
    [[ "$stderr" == "apg predict: bad.gz:4: "* ]]
    run --separate-stderr timeout 60 bash -c 'apg predict -q -m m.apg long.gz | head -n 1 | wc -l'
    [ "$output" -eq 1 ]
    [ -z "$stderr" ]
}

@test "packed: many compressed files, one child and one descriptor at a time" {
    for i in $(seq 60); do
        { head -n 1 new.csv; sed -n "$((i + 1))p" new.csv; } | gzip > part.$i.gz
    done
    (ulimit -n 40 && apg predict -q -m m.apg $(seq -f part.%g.gz 60)) | cmp - <(head -n 61 new.csv | apg predict -q -m m.apg)
}

@test "packed: on standard input, and what is no log at all, is named with what to type" {
    run --separate-stderr -1 bash -c 'apg predict -q -m m.apg < new.csv.gz'
    [ "$stderr" = "apg predict: standard input: compressed by gzip: read it by 'gzip -dc FILE |'" ]
    run --separate-stderr -1 bash -c 'cat new.csv.gz | apg encode'
    [ "$stderr" = "apg encode: standard input: compressed by gzip: read it by 'gzip -dc FILE |'" ]
    printf 'PK\3\4and so on' > new.zip
    run --separate-stderr -1 apg encode new.zip
    [ "$stderr" = "apg encode: new.zip: a zip archive: read it by 'unzip -p FILE |'" ]
    printf '\xff\xfel\0a\0b\0e\0l\0' > new.txt
    run --separate-stderr -1 apg evaluate new.txt
    [ "$stderr" = "apg evaluate: new.txt: UTF-16: read it by 'iconv -f UTF-16 -t UTF-8 FILE |'" ]
    printf 'PAR1\x15' > new.parquet
    run --separate-stderr -1 apg train new.parquet
    [ "$stderr" = "apg train: new.parquet: a Parquet file: write it as CSV" ]
    run --separate-stderr -1 apg evaluate m.apg
    [ "$stderr" = "apg evaluate: m.apg: a model, not a log: give it by -m, or by --from to apg train" ]
    printf '%s\n' Byte,PAR,label 1,2,1 3,4,0 > letters.csv # begins as some do
    apg encode -q -o /dev/null letters.csv
    printf '%s\n' '(x),label' 1,1 3,0 > letters.csv
    apg encode -q -o /dev/null letters.csv
}
