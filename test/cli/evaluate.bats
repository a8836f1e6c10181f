# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper
load page

setup_file() {
    small_model
}
setup() {
    set -o pipefail
    cd "$BATS_TEST_TMPDIR" || return
    printf '%s\n' label,score 0,.4 1,.8 0,.5 1,.4 > four.csv
    # g: groups a (AUC 1, 2 rows), b (AUC 0.5, 4 rows), c (one class, 1 row)
    printf '%s\n' g,label,score a,0,.1 a,1,.2 b,0,.3 b,1,.3 b,0,.4 b,1,.4 c,1,.9 > groups.csv
}

# near FILTER VALUE: within 1e-12, of the JSON on standard input
near() {
    jq -e "$1 | (. - ($2)) | fabs < 1e-12" > /dev/null
}

@test "evaluate: hand-worked values" {
    apg evaluate --json four.csv > out.json
    near .auc 0.625 < out.json
    near .log_loss "((0.6 | log) + (0.8 | log) + (0.5 | log) + (0.4 | log)) / -4" < out.json
    near .normalized_entropy "((0.6 | log) + (0.8 | log) + (0.5 | log) + (0.4 | log)) / (-4 * (2 | log))" < out.json
    near .calibration "2.1 / 2" < out.json
    near .mean_label 0.5 < out.json
    jq -e '.rows == 4 and .positives == 2 and .label == "label" and .score == "score"' out.json
    jq -e '[.by_score[].rows] == [2, 1, 1]' out.json
    jq -e 'has("by_group") | not' out.json
}

@test "evaluate: GAUC weighs groups by rows and leaves out those of one class" {
    apg evaluate --json --group g groups.csv > out.json
    near .by_group.gauc "(2 * 1 + 4 * 0.5) / 6" < out.json
    jq -e '.by_group | .groups == 3 and .mixed_groups == 2 and .mixed_rows == 6 and .columns == ["g"]' out.json
    jq -e '[.by_group.deciles[].rows] == [1, 2, 4]' out.json
    jq -e '[.by_group.deciles[].gauc] == [null, 1, 0.5]' out.json
}

@test "evaluate: a group may be several columns; cells do not run together" {
    printf '%s\n' a,b,label,score 1,11,0,.2 1,11,1,.3 11,1,0,.5 11,1,1,.4 > ab.csv
    apg evaluate --json --group a,b ab.csv | jq -e '.by_group | .groups == 2 and .gauc == 0.5'
    apg evaluate --json --group a --group b ab.csv | jq -e '.by_group.groups == 2'
}

@test "evaluate: deciles of groups by activity" {
    awk 'BEGIN { print "u,label,p"; for (u = 1; u <= 40; u++) for (i = 0; i < u; i++) print u "," i % 2 "," (u * 7 + i * 5) % 11 / 11 }' > u.csv
    apg evaluate --json --group u u.csv > out.json
    jq -e '[.by_group.deciles[].groups] == [4,4,4,4,4,4,4,4,4,4]' out.json
    jq -e '.by_group.deciles[0] | .fewest_rows == 1 and .most_rows == 4 and .rows == 10 and .mixed_groups == 3' out.json
    jq -e '.by_group.deciles[9] | .fewest_rows == 37 and .most_rows == 40 and .rows == 154' out.json
    jq -e '[.by_group.deciles[].rows] | add == 820' out.json
}

@test "evaluate: columns are found by name, or named" {
    printf '%s\n' x,click,pred,z 1,0,.1,.9 1,1,.2,.8 > named.csv
    apg evaluate --json named.csv | jq -e '.label == "click" and .score == "pred" and .auc == 1'
    apg evaluate --json --score z named.csv | jq -e '.score == "z" and .auc == 0'
    printf '%s\n' y,model_a 0,.1 1,.2 > last.csv
    apg evaluate --json last.csv | jq -e '.label == "y" and .score == "model_a"'
    printf '%s\n' bought,s 0,.1 1,.2 > bought.csv
    run --separate-stderr -1 apg evaluate bought.csv
    [ "$stderr" = "apg evaluate: bought.csv:1: no column is named label, click, y, target or the like: name it with --label; bought holds 0 and 1: --label bought" ]
    apg evaluate --json --label bought bought.csv | jq -e '.auc == 1'
}

@test "evaluate: standard input, several files, delimiters, quotes, CRLF, no last newline" {
    apg evaluate --json < four.csv > one.json
    apg evaluate --json - < four.csv | cmp - one.json
    tr , '\t' < four.csv | apg evaluate --json --delimiter tab | cmp - one.json
    sed 's/$/\r/' four.csv | apg evaluate --json | cmp - one.json
    sed 's/[^,]*/"&"/g' four.csv | apg evaluate --json | cmp - one.json
    head -c -1 four.csv | apg evaluate --json | cmp - one.json
    printf '%s\n' score,extra,label .9,x,1 > more.csv
    apg evaluate --json four.csv more.csv | jq -e '.rows == 5 and .positives == 3'
}

@test "evaluate: the delimiter is seen, and so is a first line that is data; label names in capitals" {
    printf '%s\n' Click,score 0,.1 1,.3 1,.2 > c.csv
    apg evaluate --json c.csv > want.json
    for d in ';' '\t' '|'; do
        tr , "$d" < c.csv | apg evaluate --json | diff want.json -
    done
    tail -n +2 c.csv | tr , '\t' > bare.tsv
    run --separate-stderr -1 apg evaluate bare.tsv
    [ "$stderr" = "apg evaluate: bare.tsv:1: no column is named label, click, y, target or the like: name it with --label; the first line looks like data: --no-header --label c1" ]
    apg evaluate --json --no-header --label c1 bare.tsv | jq -e '.rows == 3 and .auc == 1'
    run --separate-stderr -1 apg compare --score c2,c2 bare.tsv
    [[ "$stderr" == *"--no-header --label c1" ]]
}

@test "evaluate: scores without labels, and a log without scores, are said to be that" {
    printf '%s\n' .1 .3 > alone.csv
    run --separate-stderr -1 apg evaluate alone.csv
    [ "$stderr" = "apg evaluate: alone.csv:1: one column, and no label: scores need labels beside them (apg predict --append)" ]
    printf '%s\n' label,country 0,fr 1,de > log.csv
    run --separate-stderr -1 apg evaluate log.csv
    [ "$stderr" = "apg evaluate: log.csv:2: country: not a number: 'fr' (no column is named score, so the last is read: --score names it)" ]
    run --separate-stderr -1 apg evaluate --score country log.csv
    [ "$stderr" = "apg evaluate: log.csv:2: country: not a number: 'fr'" ]
}

@test "evaluate: labels as decimals, -1 and words, like apg train" {
    printf '%s\n' label,score -1,.4 1.0,.8 false,.5 TRUE,.4 | apg evaluate --json > words.json
    apg evaluate --json four.csv | cmp - words.json
}

@test "evaluate: logits" {
    printf '%s\n' label,score 0,-2 1,1.5 1,-3e0 > z.csv
    apg evaluate --json --logit z.csv > out.json
    near .log_loss "((1 + (-2 | exp) | log) + (1 + (-1.5 | exp) | log) + (1 + (3 | exp) | log)) / 3" < out.json
    jq -e '.auc == 0.5 and (.by_score | all(.low > 0 and .high < 1))' out.json
    run --separate-stderr -1 apg evaluate z.csv
    [ "$stderr" = "apg evaluate: z.csv:2: score: not a probability: '-2' (--logit reads logits)" ]
}

@test "evaluate: one class only is undefined, not an error" {
    printf '%s\n' label,score 0,.4 0,.8 > no.csv
    run --separate-stderr -0 apg evaluate --group label no.csv
    [[ "$output" == *"AUC"*"undefined"* ]]
    apg evaluate --json --group label no.csv > out.json
    jq -e '.auc == null and .calibration == null and .normalized_entropy == null and .by_group.gauc == null' out.json
    jq -e '.log_loss | . > 1 and . < 1.1' out.json
}

@test "evaluate: the table fits a screen" {
    apg simulate --rows 20000 --truth p > log.csv
    run --separate-stderr -0 apg evaluate --score p --group user_id log.csv
    [ "${#lines[@]}" -le 40 ]
    [ "$(printf '%s\n' "${lines[@]}" | wc -L)" -le 100 ]
    for word in AUC GAUC "log loss" "normalized entropy" calibration user_id; do
        [[ "$output" == *"$word"* ]]
    done
}

@test "evaluate: bad cells and rows are named by file, line and column" {
    bad() { # TEXT-OF-ROW EXPECTED
        printf 'label,score\n0,.5\n%s\n1,.5\n' "$1" > bad.csv
        run --separate-stderr -1 apg evaluate bad.csv
        [ -z "$output" ]
        [ "$stderr" = "apg evaluate: bad.csv:3: $2" ] || { echo "$stderr"; return 1; }
    }
    bad 2,.5 "label: a label is 0 or 1, not '2'"
    bad ,.5 "label: a label is 0 or 1, not ''"
    bad no,.5 "label: a label is 0 or 1, not 'no'"
    bad 1,abc "score: not a number: 'abc'"
    bad 1,nan "score: not a number: 'nan'"
    bad 1,inf "score: not a number: 'inf'"
    bad 1,1e999 "score: not a number: '1e999'"
    bad 1,0x1 "score: not a number: '0x1'"
    bad 1, "score: not a number: ''"
    bad 1,1.5 "score: not a probability: '1.5' (--logit reads logits)"
    bad 1,-0.1 "score: not a probability: '-0.1' (--logit reads logits)"
    bad 1 "1 cells, where the header has 2"
    bad 1,.5,.5 "3 cells, where the header has 2"
}

@test "evaluate: a bad cell far into a file, behind quoted newlines" {
    { echo 'note,label,score'; { yes $'"two\nlines",1,.5' || true; } | head -n 40000; echo 'x,1,oops'; } > far.csv
    run --separate-stderr -1 apg evaluate far.csv
    [ "$stderr" = "apg evaluate: far.csv:40002: score: not a number: 'oops'" ]
}

@test "evaluate: empty input, missing files and columns" {
    run --separate-stderr -1 apg evaluate /dev/null
    [ "$stderr" = "apg evaluate: /dev/null: empty, not even a header" ]
    echo label,score > header.csv
    run --separate-stderr -1 apg evaluate header.csv
    [[ "$stderr" == "apg evaluate: "*"no rows"* ]]
    run --separate-stderr -1 apg evaluate none.csv
    [[ "$stderr" == "apg evaluate: "*none.csv*"No such file"* ]]
    run --separate-stderr -1 apg evaluate .
    run --separate-stderr -1 apg evaluate --score nope four.csv
    [ "$stderr" = "apg evaluate: four.csv:1: no column is named 'nope'" ]
    run --separate-stderr -1 apg evaluate --group nope four.csv
    [ "$stderr" = "apg evaluate: four.csv:1: no column is named 'nope'" ]
    printf 'score,label\n.5,1\n' | sed 's/score/a/' > alone.csv
    run --separate-stderr -1 apg evaluate alone.csv
    [[ "$stderr" == *"--score"* ]]
    printf 'score,label,score\n.5,1,.5\n' > twice.csv
    run --separate-stderr -1 apg evaluate twice.csv
    [ "$stderr" = "apg evaluate: twice.csv:1: two columns are named 'score'" ]
}

@test "evaluate: wrong flags are usage errors" {
    run --separate-stderr -2 apg evaluate --no-such four.csv
    run --separate-stderr -2 apg evaluate --delimiter ab four.csv
    [[ "$stderr" == *--delimiter* ]]
}

@test "evaluate: a full disk is an error, in text and JSON; a file appears whole or not at all" {
    for json in "" --json; do
        # shellcheck disable=SC2086
        run --separate-stderr -1 bash -c "\"\$APG\" evaluate $json four.csv > /dev/full"
        [[ "$stderr" == "apg evaluate: "*"No space left"* ]]
    done
    run --separate-stderr -1 apg evaluate -o out.txt bad-name.csv
    [ ! -e out.txt ]
    apg evaluate -o out.txt four.csv
    apg evaluate four.csv | cmp - out.txt
}

@test "evaluate: agrees with counting pairs" {
    apg simulate --rows 1500 --truth p --users 30 > log.csv
    # scores of two decimals tie often
    awk -F, 'NR > 1 { y[NR] = $1; s[NR] = int($8 * 100) / 100; n[$1]++ }
        END { for (i in y) for (j in y) if (y[i] == 1 && y[j] == 0) w += s[i] > s[j] ? 1 : s[i] == s[j] ? .5 : 0
            printf "%.12f\n", w / (n[0] * n[1]) }' log.csv > want
    awk -F, -v OFS=, 'NR > 1 { $8 = int($8 * 100) / 100 } { print }' log.csv > ties.csv
    near .auc "$(cat want)" < <(apg evaluate --json --score p ties.csv)
}

# ---- --model ----

model_files() {
    cp "$BATS_FILE_TMPDIR"/{m.apg,new.csv} .
    apg encode -q --encoder m.apg -o new.apgf new.csv
}

@test "evaluate: --model gives the report of predict --append | evaluate, to the last digit" {
    model_files
    for options in "" "--json" "--json --group scenario" "--group scenario,hour"; do
        # shellcheck disable=SC2086
        apg predict -q -m m.apg --append new.csv | apg evaluate --score score $options > piped
        # shellcheck disable=SC2086
        apg evaluate -m m.apg $options new.csv | diff piped -
        # shellcheck disable=SC2086
        apg evaluate -m m.apg $options < new.apgf | diff piped -
    done
    [ "$(apg evaluate --json -m m.apg new.csv | jq '.rows, .by_score[0].rows' | xargs)" = "2000 200" ]
    apg predict -q -m m.apg --append --logit new.csv | apg evaluate --json --logit --score score > piped
    apg evaluate --json --logit -m m.apg new.csv | diff piped -
}

@test "evaluate: --model: several files of both types, other delimiters, no header, any threads" {
    model_files
    apg predict -q -m m.apg --append new.csv new.csv | grep -v ^label | sed "1i $(head -n 1 new.csv),score" |
        apg evaluate --json --score score > twice
    apg evaluate --json -m m.apg new.csv new.apgf | diff twice -
    apg evaluate --json -m m.apg new.csv > once
    tr , '\t' < new.csv | apg evaluate --json -d tab -m m.apg | diff once -
    tail -n +2 new.csv | apg evaluate --json --no-header --columns "$(head -n 1 new.csv)" -m m.apg | diff once -
    apg evaluate --json --threads 1 -m m.apg new.csv | diff once -
}

@test "evaluate: --model: unknown names are one group, of CSV and features alike; multi cells are groups too" {
    model_files
    # two names that the model has never seen; each would be a group of its own in scored rows
    awk -F, -v OFS=, 'NR > 1 && NR <= 51 { $2 = NR % 2 ? "stranger" : "foreigner" } 1' new.csv > strange.csv
    apg evaluate --json --group user_id -m m.apg strange.csv > out.json
    known=$(apg encode -q --encoder m.apg strange.csv | apg encode --decode | tail -n +2 | cut -d, -f2 | sort -u | wc -l)
    jq -e ".by_group.groups == $known" out.json
    apg predict -q -m m.apg --append strange.csv | apg evaluate --json --group user_id |
        jq -e ".by_group.groups > $known"
    apg encode -q --encoder m.apg strange.csv | apg evaluate --json --group user_id -m m.apg | diff out.json -
    apg predict -q -m m.apg --append new.csv | apg evaluate --json --group genres > piped
    apg evaluate --json --group genres -m m.apg new.csv | diff piped -
    apg evaluate --json --group genres -m m.apg new.apgf | diff piped -
}

@test "evaluate: --model: what does not fit together" {
    model_files
    run --separate-stderr -2 apg evaluate -m m.apg --score x new.csv
    run --separate-stderr -2 apg evaluate -m m.apg --label label new.csv
    run --separate-stderr -2 apg evaluate --threads 2 four.csv
    run --separate-stderr -1 apg evaluate -m m.apg --group nope new.csv
    [[ "$stderr" == "apg evaluate: --group: 'nope' is no input of the model"* ]]
    run --separate-stderr -1 apg evaluate new.apgf
    [ "$stderr" = "apg evaluate: new.apgf: a feature file has no scores: give --model" ]
    cut -d, -f2- new.csv > unlabelled.csv
    run --separate-stderr -1 apg evaluate -m m.apg unlabelled.csv
    [[ "$stderr" == "apg evaluate: unlabelled.csv:1: no column 'label', the label; there are: user_id,"* ]]
    apg encode -q --encoder m.apg -o unlabelled.apgf unlabelled.csv
    run --separate-stderr -1 apg evaluate -m m.apg new.apgf unlabelled.apgf
    [ "$stderr" = "apg evaluate: unlabelled.apgf: row 1: no label" ]
    sed '4s/^[01]/2/' new.csv > bad.csv
    run --separate-stderr -1 apg evaluate -m m.apg bad.csv
    [ "$stderr" = "apg evaluate: bad.csv:4: label: neither 0 nor 1: '2'" ]
    apg encode -q -o other.apgf four.csv
    run --separate-stderr -1 apg evaluate -m m.apg other.apgf
    [[ "$stderr" == "apg evaluate: other.apgf: not encoded as the model does"* ]]
    run --separate-stderr -1 apg evaluate -m four.csv new.csv
    [[ "$stderr" == "apg evaluate: four.csv: "* ]]
    run --separate-stderr -1 apg evaluate -m m.apg <(head -n 1 new.csv)
    [[ "$stderr" == *"no rows"* ]]
}

# weighted FILE: with a column w of 0 to 3 behind the others; copies FILE: with each row as often
weighted() { awk -F, 'NR == 1 { print $0 ",w"; next } { print $0 "," NR % 4 }' "$1"; }
copies() { awk -F, 'NR == 1 { print $0 ",w"; next } { for (i = 0; i < NR % 4; i++) print $0 ",1" }' "$1"; }

@test "evaluate: whole weights are as many copies, and the report says which column they are" {
    apg simulate --truth p --rows 3000 --seed 5 > scored.csv
    weighted scored.csv > w.csv
    copies scored.csv > copies.csv
    apg evaluate --json --score p --weight w --group user_id w.csv > a.json
    apg evaluate --json --score p --group user_id copies.csv > b.json
    same='def close(x): fabs < x; [.[0], .[1]] | . as [$a, $b]
        | $a.auc == $b.auc and $a.rows == 3000 and $a.weight.sum == $b.rows and $a.weight.positive_sum == $b.positives
        and $a.weight.column == "w" and ($b | has("weight") | not)
        and all(("log_loss", "normalized_entropy", "mean_score", "mean_label", "calibration"); ($a[.] - $b[.]) | close(1e-12))
        and (($a.by_group.gauc - $b.by_group.gauc) | close(1e-12))
        and (([$a.by_score[].weight] | add) == $a.weight.sum)'
    jq -es "$same" a.json b.json
    run --separate-stderr -0 apg evaluate --score p --weight w w.csv
    [[ "${lines[2]}" == "weight "*" 'w' weights the rows" ]]
    apg evaluate --score p --weight '' w.csv | diff - <(apg evaluate --score p scored.csv)
    # the same from any size of weights
    awk -F, -v OFS=, 'NR > 1 { $NF /= 4 } 1' w.csv | apg evaluate --json --score p --weight w | jq .auc |
        diff - <(jq .auc a.json)
}

@test "evaluate: by the model's weights, where the log has them; --weight names others, or none" {
    model_files
    weighted new.csv > w.csv
    apg train -q --weight w --multi genres --hidden 4 --epochs 1 --layer dense -o w.apg w.csv
    apg predict -q -m w.apg --append w.csv > scored.csv
    apg evaluate --json --score score --weight w scored.csv > want
    run --separate-stderr -0 apg evaluate --json -m w.apg w.csv
    [ -z "$stderr" ]
    diff want <(echo "$output")
    jq -e '.weight.column == "w"' want
    apg encode -q --encoder w.apg w.csv | apg evaluate --json -m w.apg | diff want -
    apg evaluate --json -m w.apg --threads 1 w.csv | diff want -
    # none: not asked for, or not there
    apg evaluate --json --score score scored.csv > plain
    apg evaluate --json -m w.apg --weight '' w.csv | diff plain -
    apg encode -q --encoder w.apg w.csv | apg evaluate --json -m w.apg --weight '' | diff plain -
    run --separate-stderr -0 apg evaluate --json -m w.apg new.csv
    [ "$stderr" = "apg evaluate: new.csv: no column 'w', the weight of the training rows: each row counts 1" ]
    diff plain <(echo "$output")
    sed 's/,[0-3]$/,-1/' w.csv | apg evaluate --json -m w.apg --weight '' | diff plain -
    # others, of a model that was trained with some or with none
    sed '1s/w$/v/' w.csv > v.csv
    apg evaluate --json -m w.apg --weight v v.csv | jq 'del(.weight.column)' | diff - <(jq 'del(.weight.column)' want)
    apg predict -q -m m.apg --append w.csv | apg evaluate --json --score score --weight w > of-m
    apg evaluate --json -m m.apg --weight w w.csv | diff of-m -
    run --separate-stderr -1 apg evaluate -m w.apg --weight v w.csv
    [[ "$stderr" == "apg evaluate: w.csv:1: no column 'v', the weight; there are: label,"* ]]
    run --separate-stderr -1 apg evaluate -m w.apg --weight label w.csv
    [ "$stderr" = "apg evaluate: --weight label: it is the label" ]
    apg encode -q --encoder w.apg -o w.apgf w.csv
    run --separate-stderr -1 apg evaluate -m w.apg --weight v w.apgf
    [ "$stderr" = "apg evaluate: w.apgf: --weight 'v': a feature file has the weights it was encoded with" ]
    run --separate-stderr -1 apg evaluate -m m.apg w.apgf
    [[ "$stderr" == "apg evaluate: w.apgf: not encoded as the model does"* ]]
    # the metrics of predict
    run --separate-stderr -0 apg predict -m w.apg -o out w.csv
    loss=$(jq '.log_loss * 1e5 | round / 1e5' want)
    [[ "$stderr" == "apg predict: 2000 labelled rows, weighted by w: AUC 0."*", log loss $loss"* ]]
    run --separate-stderr -0 apg predict -m w.apg -o out new.csv
    [[ "$stderr" == "apg predict: 2000 labelled rows: AUC 0."* ]]
    # what cannot be
    run --separate-stderr -1 apg evaluate --score score --weight score scored.csv
    [ "$stderr" = "apg evaluate: scored.csv:1: the weights cannot be those of the scores, 'score'" ]
    run --separate-stderr -1 apg evaluate --score score --weight label scored.csv
    [ "$stderr" = "apg evaluate: scored.csv:1: the weights cannot be those of the label, 'label'" ]
    run --separate-stderr -1 apg evaluate --score score --weight nope scored.csv
    [ "$stderr" = "apg evaluate: scored.csv:1: no column is named 'nope'" ]
    sed '1!s/,[0-3]$/,0/' w.csv > zero.csv
    run --separate-stderr -1 apg evaluate -m w.apg zero.csv
    [ "$stderr" = "apg evaluate: nothing to evaluate: all rows have the weight 0, by column 'w'" ]
}

@test "evaluate: features whose rows lack the weights are refused, and predict says how many" {
    apg simulate --rows 600 | awk -F, -v OFS=, '{ print $0, (NR == 1 ? "w" : 1 + NR % 3) }' > weighted.csv
    apg train -q --force --epochs 1 --hidden 4 --weight w -o weighted.apg weighted.csv
    sed 's/,[^,]*$//' weighted.csv > bare.csv
    apg encode -q -e weighted.apg bare.csv > bare.apgf
    run --separate-stderr apg evaluate -m weighted.apg bare.apgf
    [ "$status" -eq 1 ]
    [[ "$stderr" == "apg evaluate: "*"a row has no weight 'w': --weight '' lets all rows count 1" ]]
    apg evaluate -m weighted.apg --weight '' bare.apgf > /dev/null
    run --separate-stderr apg predict -m weighted.apg bare.apgf
    [ "$status" -eq 0 ]
    [[ "$stderr" == *"apg predict: 600 labelled rows have no weight, or none that can be read: each counts 1"* ]]
}

@test "evaluate --report: a page that stands alone, with what names it escaped; the table is as without it" {
    need_gnuplot
    cd "$BATS_FILE_TMPDIR"
    apg evaluate -m m.apg --group user_id new.csv > want
    apg evaluate -m m.apg --group user_id --report page.html new.csv | cmp - want
    stands_alone page.html
    for title in ROC Calibration "AUC by activity of the group" "Importance of columns" "The largest groups" "By score"; do
        grep -q "<h2>$title</h2>" page.html
    done
    [ "$(grep -c '<svg' page.html)" -eq 4 ]
    grep -q "<dt>AUC</dt><dd>$(apg evaluate --json -m m.apg new.csv | jq .auc | cut -c 1-6)" page.html
    # The largest group, and its AUC.
    user=$(cut -d, -f"$(head -n 1 new.csv | tr , '\n' | grep -nx user_id | cut -d: -f1)" new.csv | sed 1d | sort | uniq -c | sort -k1,1nr -k2,2n | awk 'NR == 1 { print $2 }')
    grep -q "^<tr><td>$user</td>" page.html
    # Scores of a CSV, whose names would be HTML.
    cd "$BATS_TEST_TMPDIR"
    awk 'BEGIN { srand(3); print "\"<b>&'"'"'\",label,score"; for (i = 0; i < 900; i++) print "<i>" int(rand() * 30) "</i>" "," (rand() < .4) "," rand() }' > "<u>&.csv"
    apg evaluate --group "<b>&'" --report tags.html "<u>&.csv" > /dev/null
    stands_alone tags.html
    grep -q '&lt;u&gt;&amp;.csv' tags.html
    grep -q '^<tr><td>&lt;i&gt;[0-9]*&lt;/i&gt;</td>' tags.html
    [ "$(grep -c -e '<b>' -e '<u>' -e '<i>' tags.html)" -eq 0 ]
    # The same input gives the same page.
    apg evaluate --group "<b>&'" --report again.html "<u>&.csv" > /dev/null
    cmp tags.html again.html
    # What is undefined is not drawn.
    printf '%s\n' label,score 1,.5 1,.6 | apg evaluate --report one.html > /dev/null
    stands_alone one.html
    grep -q '<dt>AUC</dt><dd>undefined</dd>' one.html
}

@test "evaluate --report: long names, weights, groups of lists and numbers" {
    need_gnuplot
    awk 'BEGIN { srand(4); print "label,w,list,number,a_name_that_is_far_too_long_for_a_label_ééééééééééééééé,@00@"; for (i = 0; i < 1500; i++)
        print (rand() < .4) "," i % 3 ",a" int(rand() * 3) "|b" int(rand() * 2) "," (rand() < .5 ? "" : int(rand() * 4)) ",x" int(rand() * 5) ",\x27\\" int(rand() * 3) }' > odd.csv
    apg train -q --hidden 4 --epochs 1 --weight w --multi list --numeric number -o odd.apg odd.csv
    apg evaluate -m odd.apg --group list,number --report odd.html odd.csv > /dev/null
    stands_alone odd.html
    grep -q '^<tr><td>a[0-2]|b[01], [0-3]</td>' odd.html
    grep -q '^<tr><td>a[0-2]|b[01], missing</td>' odd.html
    grep -q ", weighted by 'w'; groups by list, number<" odd.html
    grep -q '>a_name_that_is_fa…<' odd.html
    grep -q '> *@00@<' odd.html
}

@test "evaluate --report: without gnuplot, or when it fails, nothing is written" {
    run --separate-stderr -1 env PATH="$(without_gnuplot)" "$APG" evaluate --report page.html four.csv
    [ "$stderr" = "apg evaluate: plots are drawn by gnuplot, which is not there: apt-get install gnuplot-nox" ]
    [ -z "$output" ]
    printf '%s\n' '#!/bin/sh' '[ "$2" = --version ] || { echo; echo "line 7: it broke" >&2; exit 3; }' > empty/gnuplot
    chmod +x empty/gnuplot
    run --separate-stderr -1 env PATH="$PWD/empty" "$APG" evaluate --report page.html four.csv
    [ "$stderr" = "apg evaluate: gnuplot failed: line 7: it broke" ]
    [ -z "$output" ]
    printf '%s\n' '#!/bin/sh' 'exit 0' > empty/gnuplot
    run --separate-stderr -1 env PATH="$PWD/empty" "$APG" evaluate --report page.html four.csv
    [ "$stderr" = "apg evaluate: gnuplot failed: it drew nothing" ]
    [ ! -e page.html ]
    run --separate-stderr -2 apg evaluate --report - four.csv
    run --separate-stderr -2 apg evaluate --report same -o same four.csv
    [ ! -e same ]
}

@test "evaluate --report: as a browser shows it, light and dark, narrow and wide" {
    need_gnuplot
    apg evaluate --report page.html --group g groups.csv > /dev/null
    shows_both "$PWD/page.html"
}

@test "evaluate: several models, a row each, and their differences to the first as of apg compare" {
    cd "$BATS_FILE_TMPDIR"
    apg train -q --multi genres --hidden 4 --epochs 1 --seed 5 -o second.apg logs.csv
    apg evaluate --json --group user_id -m m.apg -m second.apg new.csv > both.json
    for model in m.apg second.apg; do
        apg evaluate --json --group user_id -m $model new.csv | jq . |
            diff - <(jq --arg m $model '.rows[] | select(.model == $m) | del(.model, .files, .less_the_first)' both.json)
    done
    jq -e '.rows | length == 2 and .[0].files == ["new.csv"] and (.[0] | has("less_the_first") | not)' both.json
    for model in m.apg second.apg; do apg predict -q --append -m $model new.csv > $model.csv; done
    apg compare --json m.apg.csv second.apg.csv > compare.json
    apg evaluate --json -m m.apg -m second.apg new.csv | jq '.rows[1].less_the_first.auc' | diff - <(jq '.auc | del(.a, .b)' compare.json)
    apg evaluate -m m.apg -m second.apg --threads 1 new.csv > one
    apg evaluate -m m.apg -m second.apg --threads 3 new.csv | cmp - one
    [ "$(wc -L < one)" -le 100 ]
    [ "$(cut -d ' ' -f 1 one | sed -n 2,3p | paste -sd ' ')" = "m.apg second.apg" ]
    [ "$(grep -c '^second.apg ' one)" -eq 2 ]
    # A name with a comma is one name.
    cp m.apg 'a,b.apg'
    apg evaluate --json -m 'a,b.apg' new.csv | diff - <(apg evaluate --json -m m.apg new.csv)
}

@test "evaluate --each: a row for each file, of scores and of models" {
    cd "$BATS_FILE_TMPDIR"
    head -n 1001 new.csv > 1.csv
    { head -n 1 new.csv; tail -n 1000 new.csv; } > 2.csv
    apg evaluate --json --each -m m.apg 1.csv 2.csv > each.json
    for i in 1 2; do
        apg evaluate --json -m m.apg $i.csv | jq . | diff - <(jq ".rows[$((i - 1))] | del(.model, .files)" each.json)
        jq -e ".rows[$((i - 1))].files == [\"$i.csv\"]" each.json
        apg predict -q --append -m m.apg $i.csv > scored$i.csv
    done
    [ "$(apg evaluate --each scored1.csv scored2.csv | cut -d ' ' -f 1 | paste -sd ' ')" = " scored1.csv scored2.csv" ]
    [ "$(apg evaluate --each < scored1.csv | sed -n '2s/ *1000.*//p')" = "standard input" ]
    cp m.apg twin.apg
    apg evaluate --each -m m.apg -m twin.apg 1.csv 2.csv > four
    [ "$(sed -n 2,5p four | awk '{ print $1 $2 }' | paste -sd ' ')" = "m.apg1.csv twin.apg1.csv m.apg2.csv twin.apg2.csv" ]
    [ "$(grep -c '^twin.apg [12].csv  *0.000 ' four)" -eq 2 ]
}

@test "evaluate: several models: what does not fit together; a model given twice where there is one" {
    cd "$BATS_FILE_TMPDIR"
    run --separate-stderr -2 apg evaluate -m m.apg -m m.apg < new.csv
    run --separate-stderr -2 apg evaluate -m m.apg -m m.apg new.csv -
    run --separate-stderr -2 apg evaluate -m m.apg -m m.apg --report page.html new.csv
    run --separate-stderr -2 apg evaluate -m m.apg --each --on-error skip --rejects r.csv new.csv
    awk -F, -v OFS=, 'NR == 1 { print $0, "y"; next } { print $0, 1 - $1 }' new.csv > two.csv
    apg train -q --label y --drop label --hidden 4 --epochs 1 -o y.apg two.csv
    run --separate-stderr -1 apg evaluate -m m.apg -m y.apg -o none two.csv
    [ "$stderr" = "apg evaluate: m.apg and y.apg: row 1 has another label: they cannot be compared" ]
    run --separate-stderr -1 apg evaluate -m m.apg -m no.apg -o none new.csv
    [[ "$stderr" == "apg evaluate: no.apg: "* ]]
    [ ! -e none ]
    for command in predict explain complexity inspect; do
        run --separate-stderr -2 apg $command -m m.apg -m m.apg
        [ "$stderr" = "apg $command: --model is given twice: it takes one file" ]
    done
}
