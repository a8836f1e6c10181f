# SPDX-License-Identifier: MIT
# explain: what columns do, over a log and row by row.
bats_require_minimum_version 1.5.0
load small_model

# A log whose label says what strong, a list and weak are, and nothing of noise; e.apg knows it.
strong_model() {
    [ ! -e e.apg ] || return 0
    awk 'BEGIN { srand(7); print "label,noise,strong,list,n,w"; for (i = 0; i < 4000; i++) {
        s = int(rand() * 4); l = int(rand() * 3); z = 2 * (s - 1.5) + (l - 1)
        print (rand() < 1 / (1 + exp(-z))) ",x" int(rand() * 4) ",s" s ",a|l" l "," int(rand() * 9) "," i % 3 } }' > e.csv
    apg train -q --multi list --drop w --layer dense --hidden 4 --epochs 12 --batch-size 128 -o e.apg e.csv
}

@test "explain: the columns that the label depends on come first, and what says nothing has no importance" {
    strong_model
    apg explain -m e.apg --json e.csv > e.json
    jq -e '[.columns[].column][0:2] == ["strong", "list"] and .rows == 4000 and .rows_read == 4000 and .repeats == 3
        and .columns[0].auc_falls > 0.1 and .columns[0].log_loss_rises > 0.1 and .columns[0].auc_deviation > 0
        and (.columns[] | select(.column == "noise") | .auc_falls < 0.02)' e.json
    jq -e '[.columns[].auc_falls] | . == (sort | reverse)' e.json
    apg evaluate --json -m e.apg e.csv | jq -e --slurpfile e e.json '(.auc - $e[0].auc | fabs) < 1e-6 and (.log_loss - $e[0].log_loss | fabs) < 1e-6'
    apg explain -m e.apg e.csv > table
    [ "$(sed -n 1p table | tr -s ' ')" = "rows 4000" ]
    [ "$(sed -n '6,$p' table | cut -d ' ' -f 1 | paste -sd ,)" = "$(jq -r '[.columns[].column] | join(",")' e.json)" ]
    [ "$(wc -L < table)" -le 100 ]
    apg explain -m e.apg --csv e.csv > csv
    [ "$(head -n 1 csv)" = column,auc_falls,auc_deviation,log_loss_rises,log_loss_deviation ]
    jq -r '.columns[] | "\(.column),\(.auc_falls)"' e.json | paste -d , - <(sed 1d csv) |
        awk -F, '{ d = $2 - $4; if ($1 != $3 || d * d > 1e-24) exit 1 } END { exit NR != 4 }'
}

@test "explain: one seed, the same bytes for any number of threads, from CSV, features and a pipe; of a sample it is told" {
    apg encode -q --encoder m.apg -o new.apgf new.csv
    apg explain -m m.apg --repeats 2 --threads 1 new.csv > one
    apg explain -m m.apg --repeats 2 --threads 3 new.csv | cmp - one
    apg explain -m m.apg --repeats 2 new.apgf | cmp - one
    cat new.csv | apg explain -m m.apg --repeats 2 | cmp - one
    run -1 cmp -s one <(apg explain -m m.apg --repeats 2 --seed 2 new.csv)
    apg explain -m m.apg --repeats 1 --sample 500 --threads 1 new.csv > few
    grep -qE '^rows +500  of 2000, drawn at random \(--sample\)$' few
    grep -q undefined few
    apg explain -m m.apg --repeats 1 --sample 500 --threads 2 new.csv | cmp - few
}

@test "explain: whole weights are as many copies, in what the rows are as they are, and only columns of the model are told" {
    strong_model
    awk -F, 'NR == 1 { print; next } { for (i = 0; i < $6; i++) print }' e.csv > copies.csv
    apg explain -m e.apg --weight w --json e.csv > weighted.json
    apg explain -m e.apg --json copies.csv | jq -e --slurpfile w weighted.json '(.auc - $w[0].auc | fabs) < 1e-12
        and (.log_loss - $w[0].log_loss | fabs) < 1e-12 and (.columns[0].auc_falls - $w[0].columns[0].auc_falls | fabs) < 0.02'
    jq -e '.weight == "w" and ([.columns[].column] | sort == ["list", "n", "noise", "strong"])' weighted.json
    run --separate-stderr -1 apg explain -m e.apg --weight nope e.csv
    [[ "$stderr" == "apg explain: e.csv:1: no column 'nope'"* ]]
    sed '1!s/[0-9]*$/0/' e.csv > zero.csv
    run --separate-stderr -1 apg explain -m e.apg --weight w zero.csv
    [[ "$stderr" == "apg explain: nothing to explain: all rows have the weight 0"* ]]
}

@test "explain --by-row: the change is that of the row with a token that nobody knows, or an empty number" {
    strong_model
    head -n 4 e.csv > few.csv
    apg explain -m e.apg --by-row --top 9 few.csv > rows.csv
    [ "$(head -n 1 rows.csv)" = row,logit,column_1,change_1,column_2,change_2,column_3,change_3,column_4,change_4 ]
    [ "$(wc -l < rows.csv)" -eq 4 ]
    apg predict -q --logit -m e.apg few.csv | diff - <(cut -d, -f2 rows.csv | sed 1d)
    for column in noise:2:unseen strong:3:unseen list:4:unseen n:5:; do
        IFS=: read -r name at cell <<< "$column"
        awk -F, -v OFS=, -v at="$at" -v cell="$cell" 'NR > 1 { $at = cell } 1' few.csv | apg predict -q --logit -m e.apg > without
        sed 1d rows.csv | paste -d , - without | awk -F, -v name="$name" '{ for (i = 3; i < NF; i += 2) if ($i == name) {
            d = $(i + 1) - ($NF - $2); if (d * d > 1e-9) exit 1; n++ } } END { exit n != 3 }'
    done
    sed 1d rows.csv | awk -F, '{ for (i = 4; i + 2 <= NF; i += 2) if ($i * $i < $(i + 2) * $(i + 2)) exit 1 }'
}

@test "explain --by-row: ids before, no labels needed, any number of threads, features too, and a row in is a row out" {
    apg explain -m m.apg --by-row --threads 1 new.csv > one.csv
    apg explain -m m.apg --by-row --threads 3 new.csv | cmp - one.csv
    apg encode -q --encoder m.apg new.csv | apg explain -m m.apg --by-row | cmp - one.csv
    cut -d, -f2- new.csv | apg explain -m m.apg --by-row | cmp - one.csv
    printf '%s\n' '"a ""b"", c"' | paste -d , - <(sed -n 2p new.csv) | cat <(sed -n '1s/^/id,/p' new.csv) - > id.csv
    [ "$(apg explain -m m.apg --by-row --id id,hour id.csv | cut -d, -f1-3 | sed -n 1p)" = id,hour,logit ]
    [[ "$(apg explain -m m.apg --by-row --id id id.csv | sed -n 2p)" == '"a ""b"", c",'* ]]
    mkfifo in out
    apg explain -m m.apg --by-row --top 1 < in > out &
    exec 7> in 8< out
    head -n 2 new.csv >&7
    read -r -t 20 header <&8
    read -r -t 20 line <&8
    exec 7>&- 8<&-
    wait $!
    [ "$header" = row,logit,column_1,change_1 ]
    [ "$line" = "$(sed -n 2p one.csv | cut -d, -f1-4)" ]
}

@test "explain: what goes wrong is one line" {
    for command in explain predict; do
        run --separate-stderr -2 apg $command m.apg new.csv
        [ "$stderr" = "apg $command: --model is needed: -m m.apg (see 'apg $command --help')" ]
        run --separate-stderr -2 apg $command none.apg new.csv
        [ "$stderr" = "apg $command: --model is needed (see 'apg $command --help')" ]
    done
    for wrong in "" "-m m.apg --csv --json" "-m m.apg --by-row --repeats 2" "-m m.apg --by-row --weight w" "-m m.apg --top 2" "-m m.apg --repeats 0"; do
        # shellcheck disable=SC2086
        run --separate-stderr -2 apg explain $wrong new.csv
        [ -z "$output" ]
    done
    run --separate-stderr -1 apg explain -m m.apg --by-row --id nope new.csv
    [ "$stderr" = "apg explain: new.csv:1: no column 'nope'" ]
    run --separate-stderr -1 apg explain -m m.apg <(head -n 1 new.csv)
    [ "$stderr" = "apg explain: no rows to explain: the input is only a header" ]
    sed '3s/^[01]/2/' new.csv > bad.csv
    run --separate-stderr -1 apg explain -m m.apg bad.csv
    [ "$stderr" = "apg explain: bad.csv:3: label: neither 0 nor 1: '2'" ]
    run --separate-stderr -1 apg explain -m new.csv new.csv
    [[ "$stderr" == "apg explain: new.csv: not a"* ]]
    cut -d, -f1-3 new.csv > narrow.csv
    run --separate-stderr -1 apg explain -m m.apg narrow.csv
    [[ "$stderr" == "apg explain: narrow.csv:1: "* && "$stderr" != *$'\n'* ]]
    run --separate-stderr -1 bash -c 'apg explain -m m.apg --repeats 1 new.csv > /dev/full'
    [ "$stderr" = "apg explain: standard output: No space left on device" ]
    run --separate-stderr -1 bash -c 'apg explain -m m.apg --by-row new.csv > /dev/full'
    [ "$stderr" = "apg explain: standard output: No space left on device" ]
    run --separate-stderr -1 apg explain -m m.apg --by-row -o none.csv bad2.csv
    [ ! -e none.csv ]
    # Of one label only there is no AUC: columns are in the order of the loss.
    { head -n 1 new.csv; grep '^1,' new.csv; } > ones.csv
    apg explain -m m.apg --json ones.csv | jq -e '.auc == null and ([.columns[].log_loss_rises] | . == (sort | reverse))'
}
