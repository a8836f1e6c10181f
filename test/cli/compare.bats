# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    # a and b: the truth with noise, b with less of it; 300 users
    cd "$BATS_FILE_TMPDIR" || return
    apg simulate --rows 8000 --truth p --users 300 --seed 4 | awk -F, -v OFS=, '
        function noisy(p, by,   z) { z = log(p / (1 - p)) + by * (rand() + rand() + rand() - 1.5); return 1 / (1 + exp(-z)) }
        NR == 1 { srand(1); print "label,user_id,a,b"; next }
        { print $1, $2, noisy($NF, 3), noisy($NF, 1) }' > both.csv
    cut -d, -f1-3 both.csv | sed 's/,a$/,score/' > a.csv
    cut -d, -f1,2,4 both.csv | sed 's/,b$/,score/' > b.csv
}
setup() {
    set -o pipefail
    cd "$BATS_TEST_TMPDIR" || return
    cp "$BATS_FILE_TMPDIR"/*.csv .
    printf '%s\n' label,score 1,.8 1,.4 0,.5 0,.4 > a4.csv
    printf '%s\n' label,score 1,.9 1,.6 0,.7 0,.1 > b4.csv
}

# near FILTER VALUE: within 1e-12, of the JSON on standard input
near() {
    jq -e "$1 | (. - ($2)) | fabs < 1e-12" > /dev/null
}

@test "compare: hand-worked values, and a warning that four rows are few" {
    run --separate-stderr -0 apg compare --json a4.csv b4.csv
    [ "$stderr" = "apg compare: only 4 rows: intervals of so few are too narrow" ]
    near .auc.a .625 <<< "$output"
    near .auc.b .75 <<< "$output"
    near .auc.difference .125 <<< "$output"
    near .delong.error "1 / 32 | sqrt" <<< "$output"
    near .delong.z ".5 | sqrt" <<< "$output"
    near .delong.p 0.47950012218695346 <<< "$output"
    jq -e '.rows == 4 and .positives == 2 and .resampled == "rows" and .level == 0.95 and .replicates == 1000' <<< "$output"
    jq -e '.a == {file: "a4.csv", score: "score"} and .b.file == "b4.csv" and .label == "label"' <<< "$output"
    jq -e '.verdict == "none" and (has("by_group") | not)' <<< "$output"
}

@test "compare: figures are those of apg evaluate" {
    apg compare --json --group user_id --by-activity a.csv b.csv > out.json
    for side in a b; do
        apg evaluate --json --group user_id $side.csv > e.json
        near .auc.$side "$(jq .auc e.json)" < out.json
        near .log_loss.$side "$(jq .log_loss e.json)" < out.json
        near .by_group.gauc.$side "$(jq .by_group.gauc e.json)" < out.json
        for d in 0 4 9; do
            near ".by_group.deciles[$d].auc.$side" "$(jq ".by_group.deciles[$d].auc" e.json)" < out.json
        done
    done
    diff <(jq -c '.by_group | .groups, .mixed_groups, .mixed_rows, .columns, (.deciles[] | .groups, .rows, .positives, .fewest_rows, .most_rows)' e.json) \
        <(jq -c '.by_group | .groups, .mixed_groups, .mixed_rows, .columns, (.deciles[] | .groups, .rows, .positives, .fewest_rows, .most_rows)' out.json)
    jq -e '.rows == 8000 and .resampled == "groups"' out.json
}

@test "compare: better, worse, none; the exit code is 0 for all" {
    run --separate-stderr -0 apg compare a.csv b.csv
    [ -z "$stderr" ]
    [[ "${lines[-1]}" == "B is better: +"*" points of AUC ["*", "*"]" ]]
    run --separate-stderr -0 apg compare b.csv a.csv
    [[ "${lines[-1]}" == "B is worse: -"*" points of AUC [-"*", -"*"]" ]]
    run --separate-stderr -0 apg compare a.csv a.csv
    [ "${lines[-1]}" = "no difference that these rows can show: +0.000 points of AUC [0.000, 0.000]" ]
    [ "$(apg compare --json a.csv b.csv | jq -r .verdict)" = better ]
    [ "$(apg compare --json b.csv a.csv | jq -r .verdict)" = worse ]
    [ "$(apg compare --json a.csv a.csv | jq -r .verdict)" = none ]
}

@test "compare: intervals by resampling and by DeLong agree, and hold the difference" {
    apg compare --json a.csv b.csv > out.json
    jq -e '.auc.low < .auc.difference and .auc.difference < .auc.high' out.json
    jq -e '(.auc.high - .auc.low) / (.delong.high - .delong.low) | . > 0.85 and . < 1.15' out.json
    jq -e '.log_loss.high < 0 and .log_loss.low < .log_loss.difference' out.json
    apg compare --json --level 0.5 a.csv b.csv > half.json
    jq -e --slurpfile h half.json '$h[0].auc.low > .auc.low and $h[0].auc.high < .auc.high and $h[0].delong.low > .delong.low' out.json
}

@test "compare: rows that are copies of each other say no more, when they are drawn together" {
    awk -F, -v OFS=, 'NR == 1 { print "id", $0; next } { for (i = 0; i < 4; i++) print NR, $0 }' both.csv > copies.csv
    width() { jq '.auc | .high - .low'; }
    once=$(apg compare --json --score a,b both.csv | width)
    rows=$(apg compare --json --score a,b copies.csv | width)
    together=$(apg compare --json --score a,b --group id copies.csv | width)
    jq -en "($rows / $once) < 0.6 and ($together / $once) > 0.9 and ($together / $once) < 1.1"
    # DeLong's, to the digit
    near .delong.error "$(apg compare --json --score a,b both.csv | jq .delong.error)" \
        < <(apg compare --json --score a,b --group id copies.csv)
}

@test "compare: one seed, the same bytes for any number of threads" {
    for options in "" "--group user_id --by-activity" "--json" "--csv --group user_id"; do
        # shellcheck disable=SC2086
        apg compare --threads 1 $options a.csv b.csv > one
        for threads in 2 7; do
            # shellcheck disable=SC2086
            apg compare --threads $threads $options a.csv b.csv | cmp - one
        done
    done
    ! apg compare --json --seed 2 a.csv b.csv | cmp -s - <(apg compare --json a.csv b.csv)
}

@test "compare: one seed draws the same rows whatever the scores: B against A is A against B turned round" {
    apg compare --json a.csv b.csv > ab.json
    near .auc.low "-($(jq .auc.high ab.json))" < <(apg compare --json b.csv a.csv)
    near .log_loss.high "-($(jq .log_loss.low ab.json))" < <(apg compare --json b.csv a.csv)
}

@test "compare: two files, one file, standard input, and columns by name" {
    figures() { jq -c '.auc, .delong, .log_loss'; }
    apg compare --json a.csv b.csv | figures > want
    apg compare --json --score a,b both.csv | figures | diff want -
    apg compare --json --score a,b < both.csv | figures | diff want -
    apg compare --json --score a --score b - < both.csv | figures | diff want -
    apg compare --json - b.csv < a.csv | figures | diff want -
    apg compare --json a.csv - < b.csv | figures | diff want -
    apg compare --json <(cat a.csv) <(cat b.csv) | figures | diff want -
    apg compare --json --score a,b both.csv both.csv | figures | diff want -
    apg compare --json --score score a.csv b.csv | figures | diff want -
    sed '1s/score/x/' b.csv > x.csv
    apg compare --json --score score,x a.csv x.csv | figures | diff want -
    apg compare --json -d tab <(tr , '\t' < a.csv) <(tr , '\t' < b.csv) | figures | diff want -
    apg compare --json --no-header --label c1 --score c3,c4 <(tail -n +2 both.csv) | figures | diff want -
    # the groups are the first file's
    cut -d, -f1,3 b.csv > no-user.csv
    apg compare --csv --group user_id a.csv no-user.csv | diff <(apg compare --csv --group user_id a.csv b.csv) -
}

@test "compare: logits" {
    logit() { awk -F, -v OFS=, 'NR > 1 { $3 = sprintf("%.17g", log($3 / (1 - $3))) } 1' "$1"; }
    apg compare --json a.csv b.csv > p.json
    apg compare --json --logit <(logit a.csv) <(logit b.csv) > z.json
    near .auc.difference "$(jq .auc.difference p.json)" < z.json
    near .log_loss.low "$(jq .log_loss.low p.json)" < z.json
    near .auc.low "$(jq .auc.low p.json)" < z.json
    run --separate-stderr -1 apg compare <(logit a.csv) b.csv
    [[ "$stderr" == *":"*": score: not a probability: '"*"' (--logit reads logits)" ]]
}

@test "compare: CSV has a line for each figure" {
    apg compare --csv --group user_id --by-activity a.csv b.csv > out.csv
    [ "$(head -n 1 out.csv)" = figure,units,rows,a,b,difference,low,high,p ]
    [ "$(cut -d, -f1 out.csv | xargs)" = "figure auc auc_delong log_loss gauc auc_decile_1 auc_decile_2 auc_decile_3 auc_decile_4 auc_decile_5 auc_decile_6 auc_decile_7 auc_decile_8 auc_decile_9 auc_decile_10" ]
    awk -F, 'NF != 9 || (NR > 1 && ($7 > $6 || $6 > $8)) { exit 1 }' out.csv
    near .auc.difference "$(grep ^auc, out.csv | cut -d, -f6)" < <(apg compare --json a.csv b.csv)
    near .delong.p "$(grep ^auc_delong out.csv | cut -d, -f9)" < <(apg compare --json --group user_id a.csv b.csv)
    [ "$(apg compare --csv a.csv b.csv | wc -l)" -eq 4 ]
}

@test "compare: the table fits a screen" {
    run --separate-stderr -0 apg compare --group user_id --by-activity a.csv b.csv
    [ "${#lines[@]}" -le 40 ]
    [ "$(printf '%s\n' "${lines[@]}" | wc -L)" -le 100 ]
    for word in AUC GAUC "log loss" DeLong "p = " "by activity" "95 % interval of 1000 resamples of groups"; do
        [[ "$output" == *"$word"* ]]
    done
}

@test "compare: one class, one positive or one group is undefined, not an error" {
    printf '%s\n' label,score 0,.4 0,.8 > no.csv
    run --separate-stderr -0 apg compare no.csv no.csv
    [[ "$output" == *"AUC, points"*"undefined"* ]]
    [ "${lines[-1]}" = "undefined: too few rows of one of the labels" ]
    apg compare --json no.csv no.csv 2> err | jq -e '.auc.a == null and .verdict == null and .delong.p == null and .log_loss.low == 0'
    apg compare --csv no.csv no.csv 2> err | grep -q '^auc,2,2,,,,,,$'
    printf '%s\n' label,score 0,.4 1,.8 0,.3 > one.csv
    apg compare --json one.csv one.csv 2> err | jq -e '.auc.a == 1 and .auc.low == null and .verdict == null'
    apg compare --json --group g <(sed '1s/$/,g/; 2,$s/$/,x/' a4.csv) b4.csv 2> err |
        jq -e '.auc.low == null and .by_group.gauc.low == null and .verdict == null'
    grep -q "only 1 groups" err
    # perfect against the reverse: a difference of 1 and no spread
    printf '%s\n' label,score 0,.1 0,.2 1,.8 1,.9 > good.csv
    printf '%s\n' label,score 0,.9 0,.8 1,.2 1,.1 > bad.csv
    apg compare --json bad.csv good.csv 2> err | jq -e '.auc.difference == 1 and .delong.p == 0 and .delong.z == null'
}

@test "compare: rows that are not the same are named by file and line" {
    sed '3s/^1/0/' b4.csv > other.csv
    run --separate-stderr -1 apg compare a4.csv other.csv
    [ -z "$output" ]
    [ "$stderr" = "apg compare: other.csv:3: label: 0, but a4.csv:3 has 1: the rows are not the same" ]
    sed 's/$/,"two\nlines"/; 1s/,"two\nlines"/,note/' other.csv > long.csv
    run --separate-stderr -1 apg compare --score score a4.csv long.csv
    [ "$stderr" = "apg compare: long.csv:4: label: 0, but a4.csv:3 has 1: the rows are not the same" ]
    head -n 3 b4.csv > short.csv
    run --separate-stderr -1 apg compare a4.csv short.csv
    [ "$stderr" = "apg compare: short.csv: ends after 2 rows, but a4.csv has more, from line 4 on: the rows are not the same" ]
    run --separate-stderr -1 apg compare short.csv b4.csv
    [ "$stderr" = "apg compare: short.csv: ends after 2 rows, but b4.csv has more, from line 4 on: the rows are not the same" ]
}

@test "compare: all columns that both files have must agree, or those that --key names" {
    printf '%s\n' user,label,note,score u1,1,a,.4 u2,0,b,.4 u3,1,c,.5 u4,0,d,.2 > k4.csv
    printf '%s\n' score,note,label,user,old .9,a,1,u1,1 .3,b,0,u2,1 .5,c,1,u3,1 .1,d,0,u4,1 > other.csv
    apg compare --json k4.csv other.csv 2> /dev/null | jq -e '.rows == 4' # in any order of columns
    { head -n 1 k4.csv; sed -n 4p k4.csv; sed -n 3p k4.csv; sed -n 2p k4.csv; sed -n 5p k4.csv; } > turned.csv
    run --separate-stderr -1 apg compare -g user k4.csv turned.csv
    [ -z "$output" ]
    [ "$stderr" = "apg compare: turned.csv:2: user: 'u3', but k4.csv:2 has 'u1': the rows are not the same (--key names the columns that tell)" ]
    sed 's/,a,/,A,/' k4.csv > noted.csv
    run --separate-stderr -1 apg compare k4.csv noted.csv
    [[ "$stderr" == *"noted.csv:2: note: 'A', but k4.csv:2 has 'a'"* ]]
    apg compare --key user --json k4.csv noted.csv 2> /dev/null | jq -e '.auc.difference == 0'
    run --separate-stderr -1 apg compare --key user k4.csv turned.csv
    [ "$stderr" = "apg compare: turned.csv:2: user: 'u3', but k4.csv:2 has 'u1': the rows are not the same" ]
    run --separate-stderr -1 apg compare --key nobody k4.csv noted.csv
    [ "$stderr" = "apg compare: k4.csv:1: no column is named 'nobody'" ]
    run --separate-stderr -2 apg compare --key user --score a,b k4.csv
    [[ "$stderr" == "apg compare: --key is of two files"* ]]
}

@test "compare: bad cells, empty input, missing files and columns" {
    sed '4s/.7/x/' b4.csv > x.csv
    run --separate-stderr -1 apg compare a4.csv x.csv
    [ "$stderr" = "apg compare: x.csv:4: score: not a number: 'x'" ]
    run --separate-stderr -1 apg compare a4.csv /dev/null
    [ "$stderr" = "apg compare: /dev/null: empty, not even a header" ]
    echo label,score > header.csv
    run --separate-stderr -1 apg compare header.csv header.csv
    [ "$stderr" = "apg compare: header.csv: no rows to compare: only a header" ]
    run --separate-stderr -1 apg compare a4.csv none.csv
    [[ "$stderr" == "apg compare: none.csv: No such file"* ]]
    run --separate-stderr -1 apg compare --score nope a4.csv b4.csv
    [ "$stderr" = "apg compare: a4.csv:1: no column is named 'nope'" ]
    run --separate-stderr -1 apg compare --score a,nope both.csv
    [ "$stderr" = "apg compare: both.csv:1: no column is named 'nope'" ]
    run --separate-stderr -1 apg compare --group nope a4.csv b4.csv
    [ "$stderr" = "apg compare: a4.csv:1: no column is named 'nope'" ]
    apg encode -q -o f.apgf a.csv
    run --separate-stderr -1 apg compare a.csv f.apgf
    [ "$stderr" = "apg compare: f.apgf: a feature file has no scores: apg predict makes them" ]
}

@test "compare: wrong flags are usage errors" {
    usage() { # EXPECTED ARGUMENT...
        run --separate-stderr -2 apg compare "${@:2}"
        [[ "$stderr" == "apg compare: $1"* ]] || { echo "$stderr"; return 1; }
        [ -z "$output" ]
    }
    usage "give two files, or name two columns of one: --score A,B" a.csv
    usage "give two files, or name two columns of one: --score A,B" --score a both.csv
    usage "give two files, or name two columns of one: --score A,B"
    usage "A is read once for each B: it cannot be standard input" - b.csv a.csv
    usage "standard input cannot be both files" a.csv - -
    usage "--by-activity of several files needs --csv or --json" --by-activity --group u a.csv b.csv a.csv
    usage "--score: two columns are compared, not 3" --score a,b,a both.csv
    usage "standard input cannot be both files" - -
    usage "--by-activity is of groups: name them with --group" --by-activity a.csv b.csv
    usage "--csv and --json exclude each other" --csv --json a.csv b.csv
    usage "--level" --level 95 a.csv b.csv
    usage "--replicates" --replicates 1 a.csv b.csv
    run --separate-stderr -2 apg compare --no-such a.csv b.csv
}

@test "compare: a full disk is an error; a file appears whole or not at all" {
    for format in "" --json --csv; do
        # shellcheck disable=SC2086
        run --separate-stderr -1 bash -c "\"\$APG\" compare $format a.csv b.csv > /dev/full"
        [[ "$stderr" == "apg compare: "*"No space left"* ]]
    done
    run --separate-stderr -1 apg compare -o out.txt a.csv none.csv
    [ ! -e out.txt ]
    apg compare -o out.txt a.csv b.csv
    apg compare a.csv b.csv | cmp - out.txt
}

@test "compare: --weight, a column of the first file" {
    awk -F, 'NR == 1 { print $0 ",w"; next } { print $0 "," (NR % 3 + 1) }' both.csv > w.csv
    awk -F, 'NR == 1 { print; next } { for (i = 0; i < NR % 3 + 1; i++) print }' both.csv > copies.csv
    apg compare --json --score a,b --weight w -g user_id --by-activity w.csv > a.json
    apg compare --json --score a,b -g user_id copies.csv > b.json
    # the figures are those of the copies; in groups, whose rows are drawn together, so are the intervals
    for figure in auc log_loss delong by_group.gauc; do
        for part in difference low high error; do
            want=$(jq ".$figure.$part // 0" b.json)
            jq ".$figure.$part // 0" a.json | near . "$want"
        done
    done
    jq -e '.rows == 8000 and .weight == "w" and (.by_group.deciles | length == 10)' a.json
    jq -e 'has("weight") | not' b.json
    # by row, copies look like more than there is
    narrow=$(apg compare --json --score a,b copies.csv | jq .delong.error)
    apg compare --json --score a,b --weight w w.csv | jq -e ".delong.error > 1.2 * $narrow"
    # of two files the column is the first one's
    cut -d, -f1-3,5 w.csv > wa.csv
    apg compare --json --score a,score --weight w wa.csv b.csv | jq .auc | diff - <(apg compare --json --score a,b --weight w w.csv | jq .auc)
    run --separate-stderr -0 apg compare --score a,b --weight w w.csv
    grep -qE '^weight +w  weights the rows$' <<< "$output"
    run --separate-stderr -1 apg compare --score a,b --weight nope w.csv
    [ "$stderr" = "apg compare: w.csv:1: no column is named 'nope'" ]
    run --separate-stderr -1 apg compare --score a,b --weight b w.csv
    [ "$stderr" = "apg compare: w.csv:1: the weights cannot be those of the scores, 'b'" ]
    sed '9s/[0-9]$/-1/' w.csv > bad.csv
    run --separate-stderr -1 apg compare --score a,b --weight w bad.csv
    [ "$stderr" = "apg compare: bad.csv:9: w: not a weight (a number from 0 on): '-1'" ]
    sed '1!s/[0-9]$/0/' w.csv > zero.csv
    run --separate-stderr -1 apg compare --score a,b --weight w zero.csv
    [ "$stderr" = "apg compare: zero.csv: nothing to compare: all rows have the weight 0, by column 'w'" ]
}

@test "compare: several files, a row each, which are as one by one" {
    awk 'BEGIN { srand(9); print "id,g,label,score"; for (i = 0; i < 900; i++) print i "," i % 30 "," (rand() < .4) "," rand() }' > a.csv
    awk -F, -v OFS=, 'NR > 1 { $4 = .7 * $4 + .3 * $3 } 1' a.csv > good.csv
    awk -F, -v OFS=, 'NR > 1 { $4 = 1 - $4 } 1' a.csv > other.csv
    apg compare --group g a.csv good.csv other.csv > all.txt
    [ "$(sed -n 1p all.txt | tr -s ' ')" = "A 'score' of a.csv" ]
    [ "$(wc -L < all.txt)" -le 100 ]
    grep -qE '^good.csv .* better$' all.txt
    for file in good.csv other.csv; do
        apg compare --group g --json a.csv $file | jq . > one.json
        apg compare --group g --json a.csv good.csv other.csv | jq --arg f $file '.comparisons[] | select(.b.file == $f)' | diff - one.json
        apg compare --group g --csv a.csv good.csv other.csv | grep "^$file," | cut -d, -f2- | diff - <(apg compare --group g --csv a.csv $file | sed 1d)
        # AUC, GAUC and log loss, as the report of the two has them.
        for figure in AUC GAUC log; do
            sed -n "/^$figure/,/^\$/p" all.txt | awk -v f=$file '$1 == f { print $2, $3, $4, $5, $6 }'
        done | diff - <(apg compare --group g a.csv $file | awk '/^AUC, points  |^GAUC|^log/ && NF == 7 { print $3, $4, $5, $6, $7 }')
    done
    sed '5s/0\.[0-9]*$/x/' a.csv > bad.csv
    run --separate-stderr -1 apg compare -o none a.csv good.csv bad.csv
    [[ "$stderr" == "apg compare: bad.csv:5: "* ]]
    [ ! -e none ]
}
