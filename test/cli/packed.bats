# SPDX-License-Identifier: MIT
# Files that are compressed, and others that are no text (lib/base/packed.h, cmd/common/packing.h).
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

@test "packed: an output is compressed where its name says so, whole or not at all" {
    apg predict -q -m m.apg --append new.csv > want.csv
    for program in gzip:gz xz:xz zstd:zst bzip2:bz2; do
        command -v "${program%:*}" > /dev/null || continue
        apg predict -q -m m.apg --append -o "out.csv.${program#*:}" new.csv
        "${program%:*}" -dc < "out.csv.${program#*:}" | cmp - want.csv
        apg evaluate --json "out.csv.${program#*:}" | jq -e '.rows == 2000'
    done
    apg encode -q --encoder m.apg -o new.apgf new.csv
    apg encode --decode -o back.csv.gz new.apgf
    apg encode --decode new.apgf | cmp - <(gzip -dc back.csv.gz)
    apg evaluate -o report.gz want.csv
    gzip -dc report.gz | cmp - <(apg evaluate want.csv)
    # an error on the way leaves the old one
    { cat new.csv; echo 1,2; } > bad.csv
    cp out.csv.gz before.gz
    run --separate-stderr -1 apg predict -q -m m.apg --append -o out.csv.gz bad.csv
    [ "$stderr" = "apg predict: bad.csv:2002: 2 columns where the header has 7" ]
    cmp before.gz out.csv.gz
}

@test "packed: an output that cannot be compressed is one line, and the old file stays" {
    ln -sf /dev/full full.gz
    for command in "predict -q -m m.apg" "evaluate -m m.apg" "explain -m m.apg --by-row"; do
        run --separate-stderr -1 apg $command -o full.gz new.csv
        [ "$stderr" = "apg ${command%% *}: full.gz: the program that compresses it could not write it" ]
    done
    # a part of it is written when the program ends
    run --separate-stderr -1 timeout 60 apg simulate --rows 1000000 -o full.gz
    [ "$stderr" = "apg simulate: full.gz: the program that compresses it could not write it" ]
    echo before > no.gz
    run --separate-stderr -1 env PATH="$PWD/bin" "$APG" predict -q -m m.apg -o no.gz new.csv
    [ "$stderr" = "apg predict: no.gz: compressed by gzip, and gzip cannot be run: it is not installed" ]
    run --separate-stderr -1 apg train -q -o no.gz new.csv
    [ "$stderr" = "apg train: no.gz: this output is not compressed: a name without .gz" ]
    run --separate-stderr -1 apg encode -q -o no.xz new.csv
    [ "$stderr" = "apg encode: no.xz: this output is not compressed: a name without .xz" ]
    [ "$(cat no.gz)" = before ]
    # a pipe that is closed is not the file's fault
    run --separate-stderr bash -c 'for i in 1 2 3; do tail -n +2 logs.csv; done | cat <(head -n 1 logs.csv) - |
        apg predict -q -m m.apg --on-error skip --rejects rejects.gz | head -n 1'
    [[ "$output" == 0.* ]]
    [ -z "$stderr" ]
}

@test "packed: Ctrl-C is for apg, not for the program that compresses" {
    # This one ends all that is in its own group.
    mkdir group
    printf '%s\n' '#!/bin/sh' "trap '' INT" 'kill -INT 0' "exec $(command -v gzip) \"\$@\"" > group/gzip
    chmod +x group/gzip
    set -m # a group of its own for apg, too
    env PATH="$PWD/group:$PATH" "$APG" predict -q -m m.apg -o group.gz new.csv.gz &
    wait $!
    set +m
    gzip -dc group.gz | cmp - <(apg predict -q -m m.apg new.csv)
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
