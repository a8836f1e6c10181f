# SPDX-License-Identifier: MIT
# Rows that cannot be read: --on-error, --max-errors, --rejects.
bats_require_minimum_version 1.5.0
load small_model

# good N FROM: rows of logs.csv, without the header; FILE.bad has every sort of bad row in between.
setup_file() {
    small_model
    cd "$BATS_FILE_TMPDIR"
    head -n 1 logs.csv > header
    printf 'user_id,item_id,x\n' > none
    columns=$(head -n 1 logs.csv | tr ',' '\n' | wc -l)
    price=$(head -n 1 logs.csv | tr ',' '\n' | grep -n '^price$' | cut -d: -f1)
    label=$(head -n 1 logs.csv | tr ',' '\n' | grep -n '^label$' | cut -d: -f1)
    echo "$columns $price $label" > places
    # The bad rows: a cell too few, one too many, a price and a label that are none, a NUL byte, text behind a quote.
    row=$(sed -n 2p logs.csv)
    {
        echo "1,2,3"
        echo "$row,9"
        echo "$row" | awk -F, -v OFS=, -v p="$price" '{$p = "abc"; print}'
        echo "$row" | tr '|' '\001' | sed 's/\(.*\),/\1\x00,/'
        printf '"a" b,%s\n' "$row"
    } > bad.rows
    echo "$row" | awk -F, -v OFS=, -v p="$label" '{$p = "maybe"; print}' > bad.label
    # 500 good rows, the bad ones among them, 500 more
    { head -n 501 new.csv; cat bad.rows; sed -n 502,1001p new.csv; cat bad.rows; } > mixed.csv
    head -n 1001 new.csv > clean.csv
    { head -n 3001 logs.csv; cat bad.rows bad.label; tail -n +3002 logs.csv; cat bad.label; } > mixed-logs.csv
}

@test "bad rows: predict leaves them out, or writes an empty line, for any number of threads" {
    apg predict -q -m m.apg clean.csv > clean.txt
    for threads in 1 2 9; do
        run --separate-stderr -0 apg predict -q --threads $threads --on-error skip -m m.apg mixed.csv
        [ "$stderr" = "apg predict: 10 of 1010 rows are bad and were left out" ]
        printf '%s\n' "${lines[@]}" | cmp - clean.txt
        dd bs=997 if=mixed.csv status=none | apg predict -q --threads $threads --on-error empty -m m.apg \
            > empty.txt 2> err
        [ "$(cat err)" = "apg predict: 10 of 1010 rows are bad and have an empty line" ]
        [ "$(grep -c '^$' empty.txt)" -eq 10 ]
        [ "$(sed -n 501,505p empty.txt | tr -d '\n')" = "" ]
        grep -v '^$' empty.txt | cmp - clean.txt
    done
}

@test "bad rows: weights that are none are bad rows, and what is left trains as if they were not there" {
    awk -F, 'NR == 1 { print $0 ",w"; next } { print $0 "," NR % 3 }' logs.csv > weighted.csv
    row=$(sed -n 2p logs.csv)
    printf "$row,%s\n" -1 nan inf x '' 1e39 -0.5 > bad.weights
    # what stands in such a row says nothing of the other columns either
    awk -F, -v OFS=, -v p="$(cut -d' ' -f2 places)" '{$p = "abc"; print}' bad.weights > x && mv x bad.weights
    { head -n 20 weighted.csv; cat bad.weights; tail -n +21 weighted.csv; } > mixed-weights.csv
    for text in -1 nan inf x 1e39 -0.5; do
        { head -n 5 weighted.csv; echo "$row,$text"; } > one.csv
        for command in "train -q --weight w -o x.apg" "encode -q --weight w" "evaluate --weight w --score price --logit"; do
            # shellcheck disable=SC2086
            run --separate-stderr -1 apg $command one.csv
            [ "$stderr" = "apg ${command%% *}: one.csv:6: w: not a weight (a number from 0 on): '$text'" ]
        done
    done
    { head -n 5 weighted.csv; echo "$row,"; } > one.csv
    run --separate-stderr -1 apg train -q --weight w -o x.apg one.csv
    [ "$stderr" = "apg train: one.csv:6: w: no weight: the cell is empty" ]
    [ ! -e x.apg ]
    options="--weight w --multi genres --hidden 4 --epochs 1 --layer dense"
    # shellcheck disable=SC2086
    apg train -q $options -o want.apg weighted.csv
    # shellcheck disable=SC2086
    run --separate-stderr -0 apg train -q $options --on-error skip --rejects rejects.csv -o got.apg mixed-weights.csv
    [ "$stderr" = "apg train: 7 of 6007 rows are bad and were left out" ]
    cmp want.apg got.apg
    tail -n +2 rejects.csv | cmp - bad.weights
    apg evaluate --json -m want.apg weighted.csv > want
    apg evaluate --json -m want.apg --on-error skip mixed-weights.csv 2> /dev/null | diff want -
    # A row that is only scored needs none.
    sed '1!s/,[0-9]*$/,-1/' weighted.csv | apg predict -q -m want.apg | cmp - <(apg predict -q -m want.apg weighted.csv)
}

@test "bad rows: with --append and --id the lines still match" {
    apg predict -q -m m.apg --append --on-error empty mixed.csv > out.csv 2> /dev/null
    [ "$(wc -l < out.csv)" -eq 1011 ]
    tail -n +2 out.csv | sed 's/,[^,]*$//' | cmp - <(tail -n +2 mixed.csv)
    [ "$(sed -n '502p' out.csv)" = "1,2,3," ]
    apg predict -q -m m.apg --append --on-error skip mixed.csv 2> /dev/null |
        cmp - <(apg predict -q -m m.apg --append clean.csv)
    apg predict -q -m m.apg --id user_id --on-error empty mixed.csv 2> /dev/null > ids.csv
    [ "$(wc -l < ids.csv)" -eq 1011 ]
    [ "$(sed -n 502p ids.csv)" = "," ]
}

@test "bad rows: the reasons are told, ten of them, and the rows can be collected" {
    run --separate-stderr -0 apg predict -m m.apg --on-error skip --rejects rejects.csv mixed.csv
    [[ "${stderr_lines[0]}" = "apg predict: mixed.csv:502: 3 columns where the header has "* ]]
    [[ "${stderr_lines[2]}" = "apg predict: mixed.csv:504: price: not a number: 'abc'" ]]
    [[ "${stderr_lines[3]}" = "apg predict: mixed.csv:505: a NUL byte: this is not text" ]]
    [[ "${stderr_lines[4]}" = "apg predict: mixed.csv:506: text behind a closing quote"* ]]
    [[ "${stderr_lines[9]}" = "apg predict: mixed.csv:1011: "*"; further bad rows are only counted" ]]
    [[ "${stderr_lines[10]}" = "apg predict: 10 of 1010 rows are bad and were left out" ]]
    cat header bad.rows bad.rows | cmp - rejects.csv
    # None is bad: the header alone. Two files whose columns are not the same would be mixed.
    apg predict -q -m m.apg --on-error skip --rejects rejects.csv clean.csv > /dev/null
    cmp header rejects.csv
    awk -F, -v OFS=, '{t = $1; $1 = $2; $2 = t; print}' clean.csv > other.csv
    run --separate-stderr -1 apg predict -q -m m.apg --on-error skip --rejects rejects.csv clean.csv other.csv
    [ "$stderr" = "apg predict: other.csv:1: not the columns of the first input: --rejects would mix them" ]
    cmp header rejects.csv
}

@test "bad rows: rows that were mended are scored from the file of rejects" {
    apg predict -q -m m.apg --on-error skip --rejects r.csv mixed.csv > /dev/null 2>&1
    sed 's/abc/3/' r.csv | apg predict -q -m m.apg --on-error skip 2> err > scores
    [ "$(wc -l < scores)" -eq 2 ]
    [ "$(cat err)" = "apg predict: 8 of 10 rows are bad and were left out" ]
}

@test "bad rows: --max-errors as a number and a percentage" {
    apg predict -q -m m.apg --on-error skip --max-errors 10 mixed.csv > /dev/null
    apg predict -q -m m.apg --on-error skip --max-errors 1% mixed.csv > /dev/null
    for threads in 1 2; do
        run --separate-stderr -1 apg predict -q --threads $threads -m m.apg --on-error skip --max-errors 7 mixed.csv
        [ "$stderr" = "apg predict: mixed.csv:1009: price: not a number: 'abc': bad row 8 of 1008, and --max-errors is 7" ]
        [ "${#lines[@]}" -eq 1000 ] # all rows before it are scored
        run --separate-stderr -1 apg predict -q --threads $threads -m m.apg --on-error skip --max-errors 1 mixed.csv
        [ "${#lines[@]}" -eq 500 ]
        run --separate-stderr -1 apg predict -q --threads $threads -m m.apg --on-error empty --max-errors 1 mixed.csv
        [ "$(apg predict -q -m m.apg --on-error empty --max-errors 1 mixed.csv 2> /dev/null | wc -l)" -eq 501 ]
    done
    # A percentage holds from row 1000 on, and at the end.
    run --separate-stderr -1 apg predict -q -m m.apg --on-error skip --max-errors 0.9% --rejects r2.csv mixed.csv
    [[ "$stderr" = "apg predict: mixed.csv:1011: "*": bad row 10 of 1010, and --max-errors is 0.9%" ]]
    [ ! -e r2.csv ]
    { head -n 11 new.csv; cat bad.rows; } > short.csv
    run --separate-stderr -1 apg predict -q -m m.apg --on-error skip --max-errors 33% short.csv
    [ "$stderr" = "apg predict: 5 of 15 rows are bad, and --max-errors is 33%" ]
    apg predict -q -m m.apg --on-error skip --max-errors 34% short.csv > /dev/null
    apg predict -q -m m.apg --on-error skip --max-errors 0 clean.csv > /dev/null
}

@test "bad rows: what the options do not take" {
    for wrong in "" -1 1.5 abc 1%% 101% nan 1e400 1e300 0x10 % 1.2.3% 5x%; do
        run --separate-stderr -2 apg predict -q -m m.apg --on-error skip --max-errors "$wrong" clean.csv
        [[ "${stderr_lines[0]}" = *"--max-errors takes a number of rows, or a percentage"* ]]
    done
    run --separate-stderr -2 apg predict -q -m m.apg --max-errors 3 clean.csv
    [[ "${stderr_lines[0]}" = "apg predict: --max-errors is for rows that --on-error leaves out"* ]]
    run --separate-stderr -2 apg predict -q -m m.apg --rejects r.csv clean.csv
    [[ "${stderr_lines[0]}" = "apg predict: --rejects is for rows that --on-error leaves out"* ]]
    run --separate-stderr -2 apg train -q --max-errors 3 -o x.apg logs.csv
    run --separate-stderr -2 apg train -q --rejects r.csv -o x.apg logs.csv
    run --separate-stderr -2 apg train -q --on-error empty -o x.apg logs.csv
    run --separate-stderr -2 apg encode -q --decode --on-error skip -o x.csv logs.csv
    [ ! -e x.apg ] && [ ! -e x.csv ]
    apg encode -q --encoder m.apg -o new.apgf clean.csv
    run --separate-stderr -1 apg predict -q -m m.apg --on-error skip --rejects r.csv new.apgf
    [ "$stderr" = "apg predict: new.apgf: --rejects needs CSV" ]
}

@test "bad rows: train and encode make what they make of the log without them" {
    options="-q --multi genres --numeric price --epochs 1 --hidden 4 --embedding-dim 2"
    # shellcheck disable=SC2086
    apg train $options -o clean.apg logs.csv
    for threads in 1 3; do
        # shellcheck disable=SC2086
        apg train $options --threads $threads --on-error skip --rejects rejects -o mixed.apg mixed-logs.csv 2> err
        grep -qx "apg train: 7 of 6007 rows are bad and were left out" err
        cmp clean.apg mixed.apg
        cat header bad.rows bad.label bad.label | cmp - rejects
    done
    # shellcheck disable=SC2086
    apg train $options --on-error skip --valid mixed-logs.csv -o v.apg logs.csv 2> err
    grep -qx "apg train: 7 of 12007 rows are bad and were left out" err
    apg encode -q --multi genres --numeric price -o clean.apgf logs.csv
    apg encode -q --multi genres --numeric price --on-error skip -o mixed.apgf mixed-logs.csv 2> err
    [ "$(cat err)" = "apg encode: 7 of 6007 rows are bad and were left out" ]
    cmp clean.apgf mixed.apgf
    apg encode -q --encoder m.apg --on-error skip mixed.csv 2> /dev/null |
        cmp - <(apg encode -q --encoder m.apg clean.csv)
    # shellcheck disable=SC2086
    run --separate-stderr -1 apg train $options --on-error skip --max-errors 0.1% -o no.apg mixed-logs.csv
    [ "${stderr_lines[-1]}" = "apg train: mixed-logs.csv:3006: text behind a closing quote (--no-quotes reads quotes as text): bad row 4 of 3004, and --max-errors is 0.1%" ] ||
        [[ "${stderr_lines[-1]}" = *"and --max-errors is 0.1%" ]]
    [ ! -e no.apg ]
}

@test "bad rows: many of them cost no more than good ones" {
    { cat header; for _ in $(seq 20); do head -n 5001 logs.csv | tail -n +2; done; } > many.csv
    sed '2,$s/$/,x/' many.csv > all-bad.csv
    run --separate-stderr -0 timeout 20 "$APG" predict -q -m m.apg --on-error skip all-bad.csv
    [ "$stderr" = "apg predict: 100000 of 100000 rows are bad and were left out" ]
    [ -z "$output" ]
    run --separate-stderr -1 timeout 20 "$APG" train -q --on-error skip -o no.apg all-bad.csv
    [ ! -e no.apg ]
}

@test "bad rows: evaluate, of a model's scores and of those in a CSV" {
    apg evaluate -m m.apg clean.csv > clean.txt
    apg evaluate -m m.apg --on-error skip mixed.csv 2> err | cmp - clean.txt
    [ "$(tail -n 1 err)" = "apg evaluate: 10 of 1010 rows are bad and were left out" ]
    apg predict -q -m m.apg --append clean.csv | apg evaluate > clean.txt
    apg predict -q -m m.apg --append --on-error empty mixed.csv 2> /dev/null > empty.csv
    run --separate-stderr -1 apg evaluate empty.csv
    [[ "$stderr" = "apg evaluate: empty.csv:502: "* ]]
    apg evaluate --on-error skip --rejects r.csv empty.csv 2> err | cmp - clean.txt
    [ "$(tail -n 1 err)" = "apg evaluate: 10 of 1010 rows are bad and were left out" ]
    cmp r.csv <(sed -n '1p;502,506p;1007,1011p' empty.csv)
}

@test "bad rows: a quote that is never closed ends the reading: nobody knows where rows are" {
    { cat clean.csv; echo '"1,2'; cat clean.csv; } > open.csv
    run --separate-stderr -1 apg predict -q -m m.apg --on-error skip open.csv
    [ "$stderr" = "apg predict: open.csv:1002: a quote is opened here and never closed" ]
    [ "${#lines[@]}" -eq 1000 ]
}

# Found by a tester: the part before was written a second time.
@test "bad rows: rows before a fault that ends the reading are written once, for any number of threads" {
    for fault in '"1,2' "$(head -c 17000000 /dev/zero | tr '\0' '"' | sed 's/^/"/')"; do
        { head -n 11 new.csv; echo 1,2,3; printf '"a"b,1\n'; printf '%s\n' "$fault"; } > fault.csv
        for on in skip empty; do
            for threads in 1 2 9; do
                apg predict -q -m m.apg --threads $threads --on-error $on fault.csv > out 2> err || [ $? -eq 1 ]
                [ "$(grep -c . out)" -eq 10 ]
                [ "$(wc -l < out)" -eq "$([ $on = skip ] && echo 10 || echo 12)" ]
            done
        done
    done
}

@test "bad rows: what they hold does not say what kind a column is" {
    good=$(for i in $(seq 60); do echo "$((i % 2)),$i.5,u$((i % 3)),k"; done)
    { echo label,x,y,z; echo "$good"; } > kinds.csv
    apg encode -q -o clean.apgf kinds.csv
    for bad in 1,abc label,x,y,z maybe,abc,u,other '1,abc,u,k,5' '"1"x,abc,u,k'; do
        { echo label,x,y,z; echo "$bad"; echo "$good"; echo "$bad"; } > bad.csv
        apg encode -q --on-error skip -o bad.apgf bad.csv 2> err
        grep -q '2 of 62 rows are bad' err
        cmp clean.apgf bad.apgf
    done
}

@test "bad rows: with tabs, a last line that was cut in a quoted cell is one bad row" {
    { head -n 101 new.csv | tr , '\t'; printf '1\t"cut'; } > cut.tsv
    run --separate-stderr -0 apg predict -q -d tab -m m.apg --on-error skip cut.tsv
    [ "${#lines[@]}" -eq 100 ]
    [ "$stderr" = "apg predict: 1 of 101 rows are bad and were left out" ]
    run --separate-stderr -1 apg predict -q -d tab -m m.apg cut.tsv
    [ "${#lines[@]}" -eq 100 ]
    [[ "$stderr" = "apg predict: cut.tsv:102: a quote is opened here and not closed on its line"* ]]
}

@test "bad rows: without a header, a bad first row is one as any other" {
    names=label,x,y
    good=$(for i in $(seq 60); do echo "$((i % 2)),$i.5,u$((i % 3))"; done)
    echo "$good" | apg encode -q --no-header --columns $names -o clean.apgf
    for bad in 1,2 1,2,3,4 '"1"x,2,u' "$(printf '1,2,\001')"; do
        { echo "$bad" | tr '\001' '\000'; echo "$good"; } > bad.csv
        apg encode -q --no-header --columns $names --on-error skip -o bad.apgf bad.csv 2> err
        grep -q '1 of 61 rows are bad' err
        cmp clean.apgf bad.apgf
        run --separate-stderr -1 apg encode -q --no-header --columns $names -o no.apgf bad.csv
    done
}

@test "bad rows: rejects have a file of their own" {
    for wrong in "--rejects -" "--rejects same -o same" "--rejects /dev/stdout"; do
        # shellcheck disable=SC2086
        run --separate-stderr -2 apg predict -q -m m.apg --on-error skip $wrong mixed.csv
        # shellcheck disable=SC2086
        run --separate-stderr -2 apg train -q --on-error skip $wrong logs.csv
    done
    sed '2,$s/$/,x/' clean.csv > all-bad.csv
    run --separate-stderr -1 apg evaluate -m m.apg --on-error skip all-bad.csv
    [ "${stderr_lines[-1]}" = "apg evaluate: no rows to evaluate: all of them are bad" ]
    awk -F, 'NR == 1 || $1 == 0' clean.csv > one-label.csv
    run --separate-stderr -0 apg predict -m m.apg one-label.csv
    [[ "$stderr" = "apg predict: "*" labelled rows: AUC undefined, log loss "* ]]
}
