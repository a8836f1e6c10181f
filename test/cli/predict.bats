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

@test "predict: the first bad row ends it, with the rows before it written, and while the input is open" {
    for _ in $(seq 12); do tail -n +2 new.csv; done | cat <(head -n 1 new.csv) - > long.csv
    { head -n 20001 long.csv; echo 1,2,3; tail -n +20002 long.csv; echo 1,2; } > bad.csv
    apg predict -q -m m.apg long.csv > whole.txt
    for threads in 1 2 9; do
        run --separate-stderr -1 apg predict -q --threads $threads -m m.apg bad.csv
        [[ "$stderr" == "apg predict: bad.csv:20002: 3 columns where the header has "* ]]
        printf '%s\n' "${lines[@]}" | cmp - <(head -n 20000 whole.txt)
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

@test "predict: --id takes several columns, and the near name is told of one that is not there" {
    apg predict -q -m m.apg new.csv > whole.txt
    apg predict -q -m m.apg --id item_id,user_id new.csv > ids.csv
    paste -d, <(cut -d, -f3 new.csv) <(cut -d, -f2 new.csv) <(echo score; cat whole.txt) | cmp - ids.csv
    run --separate-stderr -1 apg predict -m m.apg --id user_id,itme_id new.csv
    [ "$stderr" = "apg predict: new.csv:1: no column 'itme_id'; did you mean 'item_id'?" ]
    [ -z "$output" ]
    run --separate-stderr -1 apg predict -m m.apg --id user_id,item_id --score item_id new.csv
    [[ "$stderr" == *"a column is named 'item_id' already"* ]]
}

@test "predict: parts of a log are scored without its header, and an empty part is none" {
    apg predict -q -m m.apg --append new.csv | tail -n +2 > whole.csv
    sed -n 2,701p new.csv > part1 # head would leave a tail that fails
    tail -n +702 new.csv > part2
    : > part3
    for part in part1 part2 part3; do
        apg predict -q -m m.apg --append --no-header --columns "$(head -n 1 new.csv)" $part
    done | cmp - whole.csv
    apg predict -q -m m.apg --append --no-header --columns "$(head -n 1 new.csv)" part1 part3 part2 | cmp - whole.csv
    run --separate-stderr -1 apg predict -q -m m.apg part3
    [ "$stderr" = "apg predict: part3: empty: not even a header" ]
}

@test "predict: --header-from names the columns of parts, and --skip-header leaves the header out of the first" {
    apg predict -q -m m.apg --id user_id,item_id new.csv | tail -n +2 > whole.csv
    parts="-q -m m.apg --id user_id,item_id --header-from new.csv"
    head -n 701 new.csv > part1
    tail -n +702 new.csv > part2
    head -n 1 new.csv > part3
    : > part4
    for part in part1 part2 part3 part4; do
        # shellcheck disable=SC2086
        apg predict $parts --skip-header < $part
    done | cmp - whole.csv
    # shellcheck disable=SC2086
    apg predict $parts --skip-header part1 part4 part3 part2 | cmp - whole.csv
    tail -n +2 new.csv | apg predict -q -m m.apg --header-from new.csv | cmp - <(cut -d, -f3 whole.csv)
    apg predict -q -m m.apg --no-header --columns "$(head -n 1 new.csv)" --skip-header new.csv | cmp - <(cut -d, -f3 whole.csv)
    # Without --skip-header it is a row, and a bad one. A row that is no header is never left out.
    run --separate-stderr -1 apg predict -q -m m.apg --header-from new.csv new.csv
    [ "$stderr" = "apg predict: new.csv:1: price: not a number: 'price'" ]
    [ "$(apg predict -q -m m.apg --header-from new.csv --skip-header part2 | wc -l)" -eq 1300 ]
    # Names of a file with other delimiters and quotes.
    sed 's/,/\t/g; 1s/user_id/"user_id"/' part3 > names.tsv
    tr , '\t' < part2 | apg predict -q -d tab -m m.apg --header-from names.tsv | cmp - <(tail -n 1300 whole.csv | cut -d, -f3)
    # What does not go together, and a FILE that has no names.
    run --separate-stderr -2 apg predict -q -m m.apg --header-from new.csv --no-header --columns a,b new.csv
    [[ "$stderr" == "apg predict: --header-from does not go with --columns or --header"* ]]
    run --separate-stderr -1 apg predict -q -m m.apg --skip-header new.csv
    [[ "$stderr" == "apg predict: --skip-header is for an input without a header: "* ]]
    run --separate-stderr -1 apg predict -q -m m.apg --header-from part4 new.csv
    [ "$stderr" = "apg predict: part4: empty: not even a header" ]
    apg encode -q --encoder m.apg -o new.apgf new.csv
    run --separate-stderr -1 apg predict -q -m m.apg --header-from new.apgf new.csv
    [ "$stderr" = "apg predict: new.apgf: --header-from takes CSV" ]
    run --separate-stderr -1 apg predict -q -m m.apg --header-from none new.csv
    [ "$stderr" = "apg predict: none: No such file or directory" ]
}

@test "predict: tells which tokens the model does not know, and --max-unknown fails" {
    apg predict -m m.apg new.csv 2> err > whole.txt
    [ "$(grep -c 'does not know' err)" -eq 0 ]
    awk -F, -v OFS=, 'NR > 1 && NR % 4 == 1 {$4 = "sX"} NR > 1 && NR % 3 == 1 {$7 = $7 "|new"} 1' new.csv > drift.csv
    for threads in 1 9; do
        apg predict --threads $threads -m m.apg drift.csv 2> err > drifted.txt
        [[ "$(tail -n 1 err)" == "apg predict: tokens that the model does not know: scenario 25%, genres "*% ]]
    done
    apg encode -q --encoder m.apg drift.csv | apg predict -m m.apg 2>&1 > /dev/null | cmp - err
    apg train -q --multi genres --epochs 1 --hidden 4 --min-count 9 -o few.apg logs.csv
    apg predict -m few.apg drift.csv 2>&1 > /dev/null | grep -q 'does not know, or saw fewer than 9 times in training: .*scenario 25%'
    apg predict -q -m m.apg drift.csv 2> err | cmp - drifted.txt
    [ ! -s err ]
    head -n 90 drift.csv | apg predict -m m.apg 2>&1 > /dev/null | awk '/does not know/ {exit 1}'

    apg predict -q -m m.apg --max-unknown 0.25 -o kept.txt drift.csv
    cmp kept.txt drifted.txt
    for limit in 0.24 24% 0.5,scenario=0.2 scenario=0.2,90%; do
        run --separate-stderr -1 apg predict -q -m m.apg --max-unknown "$limit" -o none.txt drift.csv
        [[ "$stderr" == "apg predict: scenario: the model does not know 25% of the tokens, and --max-unknown is "2[04]% ]]
        [ ! -e none.txt ]
    done
    apg predict -q -m m.apg --max-unknown 0,scenario=1,user_id=1,item_id=1,genres=1 drift.csv > kept.txt
    apg predict -q -m m.apg --max-unknown user_id=0.5 drift.csv > kept.txt
    run --separate-stderr -1 apg predict -q -m m.apg --max-unknown 0.1 drift.csv
    [ "$output" = "$(cat drifted.txt)" ]
    for wrong in 1.5 -1 x scenario= nan 0.2x; do
        run --separate-stderr -2 apg predict -m m.apg --max-unknown "$wrong" drift.csv
        [[ "$stderr" == "apg predict: --max-unknown takes shares "* ]]
    done
    run --separate-stderr -1 apg predict -m m.apg --max-unknown senario=0.1 drift.csv
    [ "$stderr" = "apg predict: --max-unknown: 'senario' is no column of tokens that the model knows; did you mean 'scenario'?" ]
    run --separate-stderr -1 apg predict -m m.apg --max-unknown price=0.1 drift.csv
    [ "$stderr" = "apg predict: --max-unknown: 'price' is no column of tokens that the model knows" ]
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

# Two lone quotes are no quoted cell over three lines.
@test "predict: with tabs a quoted cell ends on its line" {
    { head -n 1 new.csv; sed -n 2,9p new.csv | awk -F, -v OFS=, 'NR == 3 {$2 = "\"" $2} NR == 6 {$2 = $2 "\""} 1'; } |
        tr ',' '\t' > lone.tsv
    run --separate-stderr -1 apg predict -q -m m.apg -d tab lone.tsv
    [ "${#lines[@]}" -eq 2 ]
    [[ "$stderr" = "apg predict: lone.tsv:4: a quote is opened here and not closed on its line, in a log with tabs (--no-quotes"* ]]
    [ "$(apg predict -q -m m.apg -d tab --no-quotes lone.tsv | wc -l)" -eq 8 ]
    [ "$(apg predict -q -m m.apg -d tab --on-error skip lone.tsv 2> /dev/null | wc -l)" -eq 7 ]
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

@test "predict: labels are not needed: a cell that is none makes a row without one" {
    awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "label") at = i }
        NR == 2 { $at = "" } NR == 3 { $at = "?" } NR == 4 { $at = "NA" } NR == 5 { $at = "2" } 1' new.csv > holes.csv
    [ "$(cmp new.csv holes.csv | wc -l)" -eq 1 ]
    apg predict -q -m m.apg new.csv > whole.txt
    run --separate-stderr -0 apg predict -m m.apg holes.csv
    cmp whole.txt - <<< "$output"
    [[ "$stderr" == "apg predict: 1996 of 2000 labelled rows: AUC "* ]]
    apg encode --encoder m.apg holes.csv | apg predict -q -m m.apg | cmp whole.txt -
    run --separate-stderr -1 apg evaluate -m m.apg holes.csv # it judges by labels
    [[ "$stderr" == "apg evaluate: holes.csv:2: label: neither 0 nor 1: ''" ]]
    run --separate-stderr -1 apg train -q -o none.apg holes.csv
    [[ "$stderr" == *"holes.csv:2: label: neither 0 nor 1: ''" ]]
}

@test "predict: several inputs make one file: one header, one shape" {
    apg predict -q -m m.apg --append new.csv > one.csv
    apg predict -q -m m.apg --append new.csv new.csv > two.csv
    { cat one.csv; tail -n +2 one.csv; } | cmp - two.csv
    apg evaluate two.csv > /dev/null
    apg predict -q -m m.apg --id user_id new.csv new.csv | grep -c score | grep -qx 1
    awk -F, -v OFS=, '{ x = $1; $1 = $2; $2 = x } 1' new.csv > turned.csv
    run --separate-stderr -1 apg predict -q -m m.apg --append new.csv turned.csv
    [ "$stderr" = "apg predict: turned.csv:1: not the columns of the first input: --append would mix them" ]
    [ "${#lines[@]}" -eq 2001 ] # the first is whole
    apg predict -q -m m.apg --id user_id new.csv turned.csv | tail -n +2 > ids.csv
    cmp <(head -n 2000 ids.csv) <(tail -n 2000 ids.csv)
    tail -n +2 new.csv > bare.csv
    apg predict -q -m m.apg --no-header --columns "$(head -n 1 new.csv)" --append bare.csv bare.csv | cmp - <(tail -n +2 two.csv)
}

@test "predict, evaluate: a model of logs with tabs and without a header needs nothing said of new ones" {
    tail -n +2 logs.csv | tr , '\t' > bare.tsv
    tail -n +2 new.csv | tr , '\t' > new.tsv
    few=(-q --epochs 1 --hidden 8 --multi)
    apg train "${few[@]}" c7 --no-header --label c1 --valid new.tsv -o valid.apg bare.tsv
    apg train "${few[@]}" c7 --no-header --label c1 -o bare.apg bare.tsv
    apg predict -q -m bare.apg -d tab --no-header --columns c1,c2,c3,c4,c5,c6,c7 new.tsv > want.txt
    apg predict -q -m bare.apg new.tsv | cmp - want.txt
    cut -f2- new.tsv | apg predict -q -m bare.apg | cmp - want.txt # without the label's column
    cut -f2- new.tsv | apg predict -q -m bare.apg --on-error skip | cmp - want.txt
    { printf '1\t2\n'; cat new.tsv; } | apg predict -q -m bare.apg --on-error skip 2> /dev/null | cmp - want.txt
    paste -d , <(cut -d, -f1 new.csv | tail -n +2) want.txt | { echo label,score; cat; } | apg evaluate --json | jq .auc > auc
    apg evaluate --json -m bare.apg new.tsv | jq .auc | diff auc -
    run --separate-stderr -1 apg evaluate -m bare.apg <(cut -f2- new.tsv)
    [[ "$stderr" == *":1: 6 columns, but 7 names are given for them" ]]
    { seq -s, -f c%.0f 7; tail -n +2 new.csv; } | apg predict -q -m bare.apg --header -d , | cmp - want.txt
    apg predict -q -m bare.apg --append new.tsv > scored.tsv
    apg evaluate --json --no-header --label c1 scored.tsv | jq .auc | diff auc -
    apg train "${few[@]:0:3}" --from bare.apg -o on.apg bare.tsv
    apg predict -q -m on.apg new.tsv > /dev/null
}

@test "predict, evaluate: a model with --time reads times as training did, from CSV and from features" {
    awk -F, -v OFS=, '{ print $0, NR == 1 ? "ts" : 1704067200 + 300 * NR }' logs.csv > timed.csv
    awk -F, -v OFS=, '{ print $0, NR == 1 ? "ts" : 1705867200 + 300 * NR }' new.csv > new-timed.csv
    apg train -q --multi genres --time ts --epochs 1 --hidden 8 --condition group:ts.hour -o time.apg timed.csv
    apg predict -q -m time.apg new-timed.csv > want.txt
    apg predict -q -m time.apg --threads 1 new-timed.csv | cmp - want.txt
    apg encode -q --encoder time.apg new-timed.csv | apg predict -q -m time.apg | cmp - want.txt
    [ "$(sort -u want.txt | wc -l)" -gt 1000 ]
    apg collapse -q -o small.apg time.apg
    apg predict -q -m small.apg new-timed.csv > /dev/null
    apg train -q --from time.apg --epochs 1 -o on.apg new-timed.csv
    apg encode -q --multi genres --time ts -o timed.apgf timed.csv
    apg train -q --epochs 1 --hidden 8 --condition group:ts.hour -o features.apg timed.apgf
    apg predict -q -m features.apg new-timed.csv | cmp - want.txt
    run --separate-stderr -1 apg predict -q -m time.apg new.csv
    [[ "$stderr" == *"no column 'ts', which is an input of the model; "* ]]
    sed '3s/[^,]*$/noon/' new-timed.csv > bad.csv
    run --separate-stderr -1 apg predict -q -m time.apg bad.csv
    [ "$stderr" = "apg predict: bad.csv:3: ts: not a time: 'noon'" ]
}

@test "predict: a column of scores that is there already, names with commas, names that stand twice" {
    apg predict -q -m m.apg --append new.csv > scored.csv
    run --separate-stderr -1 apg predict -q -m m.apg --append scored.csv
    [ "$stderr" = "apg predict: scored.csv:1: a column is named 'score' already: name that of the scores by --score" ]
    [ -z "$output" ]
    apg predict -q -m m.apg --append --score again scored.csv | apg compare --json --score score,again 2> /dev/null |
        jq -e '.auc.difference == 0'
    head -n 1 new.csv | sed 's/user_id/user_id,"req,id"/' > comma.csv
    tail -n +2 new.csv | awk -F, -v OFS=, -v at="$(head -n 1 new.csv | tr , '\n' | grep -n '^user_id$' | cut -d: -f1)" \
        '{ $at = $at OFS NR } 1' >> comma.csv
    [ "$(apg predict -q -m m.apg --id '"req,id"' comma.csv | head -n 2 | cut -d, -f-2)" = "$(printf '"req,id"\n1,')$(apg predict -q -m m.apg new.csv | head -n 1)" ]
    sed '1s/"req,id"/user_id/' comma.csv > twice.csv
    run --separate-stderr -1 apg predict -q -m m.apg --id user_id twice.csv
    [ "$stderr" = "apg predict: twice.csv:1: two columns are named 'user_id'" ]
}

# What weights were learned for ends where the training rows do.
@test "predict: a number that training did not see is taken for the nearest that it did" {
    { echo click,x,c; for i in $(seq 400); do echo "$((i % 2)),$((i % 50)).5,$((i % 3))"; done; } > seen.csv
    apg train -q --epochs 1 --hidden 4 --embedding-dim 2 -o seen.apg seen.csv 2> /dev/null
    printf '%s,1\n' x,c .5 .4 -1e300 49.5 49.6 1e300 > far.csv
    sed -i '1s/.*/x,c/' far.csv
    apg predict -q -m seen.apg far.csv > far.txt
    [ "$(uniq far.txt | wc -l)" -eq 2 ]
    [ "$(uniq -c far.txt | awk '{print $1}' | sort -u)" = 3 ]
    apg encode -q --encoder seen.apg far.csv | apg predict -q -m seen.apg | cmp - far.txt
}

@test "predict: numbers that differ by rounding alone do not make a score certain" {
    { echo label,x,c; for i in $(seq 400); do echo "$((i % 2)),1.000000$((i % 5 == 0)),c$((i % 5))"; done; } > near.csv
    for backbone in deepfm dcn; do
        apg train -q --epochs 1 --threads 1 --numeric x --backbone $backbone near.csv -o near.apg 2> /dev/null
        printf 'x,c\n1,c1\n1.5,c1\n1e9,c1\n-3,c1\n' | apg predict -q -m near.apg |
            awk '{if (NR > 1 && ($1 - x) ^ 2 > .0025) exit 1; x = $1}'
    done
}

@test "predict: a column of numbers that was empty, or the same, in training is of no weight" {
    { echo label,x,y,c; for i in $(seq 400); do echo "$((i % 2)),,7,c$((i % 5))"; done; } > empty.csv
    apg train -q --epochs 1 --numeric x,y empty.csv -o empty.apg 2> /dev/null
    printf 'x,y,c\n1,7,c1\n1e9,7,c1\n-3,8,c1\n2,-1,c1\n' | apg predict -q -m empty.apg | uniq > scores
    [ "$(wc -l < scores)" -eq 1 ]
}

has_lines() {
    [ "$(wc -l < "$1")" -ge "$2" ]
}

@test "predict: a model that is overwritten or cut while it serves is noticed" {
    apg train -q --epochs 1 --hidden 8 --seed 7 new.csv -o other.apg
    mkfifo live.fifo
    for how in 'cat other.apg' 'head -c 100' 'true'; do
        cp m.apg live.apg
        # ASan would take the signals for its own.
        ASAN_OPTIONS=handle_sigbus=0:handle_segv=0 TSAN_OPTIONS=handle_sigbus=0:handle_segv=0 apg predict -q -m live.apg live.fifo > live.txt 2> live.err 3>&- &
        exec 9> live.fifo
        cat new.csv >&9
        wait_for has_lines live.txt 2000
        $how < m.apg > part
        cat part > live.apg
        tail -n +2 new.csv >&9 || true # it may be gone
        exec 9>&-
        wait $! && false || [ $? -eq 1 ]
        [ "$(cat live.err)" = "apg predict: live.apg: changed while it was read" ]
        apg predict -q -m m.apg new.csv | cmp - live.txt # no score by other weights
    done
    cp m.apg live.apg # one that is replaced by renaming goes on
    apg predict -q -m live.apg live.fifo > live.txt 3>&- &
    exec 9> live.fifo
    cat new.csv >&9
    wait_for has_lines live.txt 2000
    mv other.apg live.apg
    exec 9>&-
    wait $!
    apg predict -q -m m.apg new.csv | cmp - live.txt
}

# Written by the first version of the format; never to be made anew. It has no calibration, and no range of its numbers.
@test "predict: an old model scores as ever" {
    printf '%s\n' label,user,tags,price,age '0,u1,a|b,1,19.9999981' 1,u2,,2.5,20 1,u1,b,,30 '0,"u,3",a|a,-4,' 0,u9,c,1e9,-5 > old.csv
    apg predict -q --logit -m "$BATS_TEST_DIRNAME/model-1.apg" old.csv |
        paste -d ' ' - <(printf '%s\n' -1.06747639 3.33999944 3.01512313 -2.23816824 7.96430969) |
        awk '{d = $1 - $2; if (d * d > 1e-10) exit 1} END {if (NR != 5) exit 1}'
    apg collapse -q -o old.c.apg "$BATS_TEST_DIRNAME/model-1.apg"
    apg train -q --from "$BATS_TEST_DIRNAME/model-1.apg" --epochs 1 --holdout 0 -o on.apg old.csv
}
