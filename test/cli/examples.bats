# SPDX-License-Identifier: MIT
# Each of examples/ does what it says, on simulated logs of the shape that it is for. `make demo` runs demo.sh;
# embed.c and python/ are in install.bats.
bats_require_minimum_version 1.5.0
load small_model

small="--hidden 8 --epochs 1"
cells() { awk -F, -v OFS=, "$@"; }

@test "examples: each is in their README, which names no others" {
    cd "$ROOT/examples"
    find . -type f ! -name README.md ! -name '*.pyc' | sed 's|^\./||' | sort > "$BATS_TEST_TMPDIR/are"
    grep -o '](\([^)]*\))' README.md | tr -d '()]' | sort | diff "$BATS_TEST_TMPDIR/are" -
}

@test "examples: the daily job trains on, judges, scores, and leaves all as it was when a step fails" {
    mkdir job
    cd job
    head -n 3001 ../logs.csv > monday.csv
    { head -n 1 ../logs.csv; tail -n +3002 ../logs.csv; } > tuesday.csv
    echo "$small --multi genres" > first.txt
    sh "$ROOT/examples/daily.sh" monday.csv tuesday.csv
    [[ "$(apg inspect --json model.apg)" == *'"multi": "genres"'* ]]
    [ "$(wc -l < scores.csv)" -eq "$(wc -l < tuesday.csv)" ]
    [ "$(head -n 1 scores.csv)" = user_id,item_id,score ]
    [ ! -e history.txt ]
    cp model.apg monday.apg
    sh "$ROOT/examples/daily.sh" tuesday.csv ../new.csv --epochs 1
    grep -q '^AUC ' history.txt
    # A bad row is told once, and is kept.
    { cat tuesday.csv; echo 1,2; } > rough.csv
    run --separate-stderr -0 sh "$ROOT/examples/daily.sh" rough.csv ../new.csv --epochs 1
    [ "$stderr" = "apg train: 1 of $(wc -l < tuesday.csv) rows are bad and were left out" ]
    [ "$(tail -n +2 bad.csv)" = 1,2 ]
    grep -c '^20..-..-..$' history.txt > days
    [ "$(wc -l < scores.csv)" -eq 2001 ]
    run ! cmp -s model.apg monday.apg

    sha256sum model.apg serve.apg scores.csv > before
    cells 'NR > 1 {$2 = "u" NR} 1' ../new.csv > other.csv
    run --separate-stderr -1 sh "$ROOT/examples/daily.sh" tuesday.csv other.csv --epochs 1
    [[ "$stderr" == *"apg predict: user_id: the model does not know 100% of the tokens"* ]]
    run --separate-stderr -2 sh "$ROOT/examples/daily.sh" tuesday.csv other.csv --epochs none
    run --separate-stderr -1 sh "$ROOT/examples/daily.sh" nothing.csv other.csv
    sha256sum --quiet -c before
    # A day whose log cannot be read is not in the history; the two before it are.
    [ "$(cat days) $(grep -c '^20..-..-..$' history.txt)" = "2 4" ]
    run --separate-stderr ! sh "$ROOT/examples/daily.sh" tuesday.csv
    [[ "$stderr" == *"usage: daily.sh TODAY.csv TOMORROW.csv"* ]]
}

@test "examples: parts of a log by split and xargs have the scores of the whole" {
    apg predict -q -m m.apg --append new.csv > whole.csv
    sh "$ROOT/examples/split.sh" m.apg new.csv parts.csv 300 3
    cmp whole.csv parts.csv
    gzip -c new.csv | gzip -dc | sh "$ROOT/examples/split.sh" m.apg - piped.csv 300 3
    cmp whole.csv piped.csv
    rm parts.csv
    { cat new.csv; echo 1,2; } > bad.csv
    run --separate-stderr -123 sh "$ROOT/examples/split.sh" m.apg bad.csv parts.csv 300 2
    [[ "$stderr" == *"2 columns where the header has 7"* ]]
    [ ! -e parts.csv ]
    command -v parallel > /dev/null || skip "no parallel"
    tail -n +2 new.csv | parallel --pipe -k --block 20k apg predict -q -m m.apg --no-header --columns "$(head -n 1 new.csv)" |
        cmp - <(apg predict -q -m m.apg new.csv)
}

@test "examples: the best items of each user" {
    { cat new.csv; tail -n 500 new.csv; } > twice.csv
    sh "$ROOT/examples/top.sh" 2 m.apg twice.csv > top.csv
    apg predict -q -m m.apg --id user_id,item_id twice.csv > scored.csv
    python3 - > want.csv <<'END'
import collections
lines = open("scored.csv").read().split("\n")[:-1]
best = collections.defaultdict(dict)
for line in lines[1:]:
    user, item, score = line.split(",")
    if item not in best[user] or float(score) > float(best[user][item]):
        best[user][item] = score
print(lines[0])
for user in sorted(best):
    for item in sorted(best[user], key=lambda i: (-float(best[user][i]), i))[:2]:
        print(user, item, best[user][item], sep=",")
END
    cmp top.csv want.csv
    [ "$(wc -l < top.csv)" -gt 100 ]
    run --separate-stderr -1 sh "$ROOT/examples/top.sh" 2 none.apg twice.csv
    [ -z "$output" ]
}

@test "examples: A and B, where B is better, as good, or worse" {
    apg simulate --rows 4000 --seed 3 --skip 8000 --truth p > truth.csv
    cut -d, -f1-7 truth.csv | apg train -q --multi genres --hidden 4 --epochs 1 --lr 1e-6 --force -o poor.apg 2> /dev/null
    run --separate-stderr -0 sh "$ROOT/examples/ab.sh" poor.apg m.apg new.csv
    [[ "$output" == *"B - A"* ]]
    run --separate-stderr -3 sh "$ROOT/examples/ab.sh" m.apg m.apg new.csv
    run --separate-stderr -3 sh "$ROOT/examples/ab.sh" m.apg poor.apg new.csv scenario
    run --separate-stderr -1 sh "$ROOT/examples/ab.sh" m.apg none.apg new.csv
}

@test "examples: a co-process answers each row before the next is sent" {
    apg predict -q -m m.apg new.csv > want.txt
    mkfifo rows
    python3 "$ROOT/examples/coprocess.py" m.apg < rows > got.txt &
    exec 9> rows
    head -n 2 new.csv >&9
    wait_for test -s got.txt
    sed -n 3,302p new.csv >&9
    exec 9>&-
    wait
    head -n 301 want.txt | cmp - got.txt
    run --separate-stderr -1 python3 "$ROOT/examples/coprocess.py" m.apg < <(head -n 3 new.csv; echo 1,2)
    [ "${#lines[@]}" -eq 2 ]
    [ "$stderr" = "apg predict: standard input:4: 2 columns where the header has 7" ]
    run --separate-stderr -1 python3 "$ROOT/examples/coprocess.py" none.apg < new.csv
    [ "$stderr" = "apg predict: none.apg: No such file or directory" ]
}

@test "examples: MovieLens from files of the shape of its owners'" {
    mkdir movies
    cd movies
    tail -n +2 ../logs.csv | cells '{ print $2 }' | sort -nu |
        awk '{ print $1 "::" ($1 % 3 ? "M" : "F") "::" 25 + $1 % 20 "::" $1 % 21 "::0" $1 % 9 }' > users.dat
    tail -n +2 ../logs.csv | cells '!seen[$3]++ { print $3 "::Caf\351 \"" $3 "\", The (1999)::" $7 }' > movies.dat
    tail -n +2 ../logs.csv | cells '{ print $2 "::" $3 "::" ($1 ? 4 : 1) + NR % 2 "::" 978300000 + NR }' > ratings.dat
    # shellcheck disable=SC2086
    run --separate-stderr -0 sh "$ROOT/examples/movielens.sh" . $small
    [ "$(cat train.csv test.csv | wc -l)" -eq 6002 ]
    [ "$(wc -l < scored.csv)" -eq 601 ]
    [[ "$stderr" == *"--categorical user_id,gender,occupation,movie_id"* ]]
    [[ "$output" == *GAUC* ]]
    sed -n 2,51p train.csv | cut -d, -f1 | diff - <(tail -n +2 ../logs.csv | awk 'NR % 10' | cut -d, -f1 | head -n 50)
    echo 99999::1::5::978300000 >> ratings.dat
    run --separate-stderr -1 sh "$ROOT/examples/movielens.sh" .
    [[ "$stderr" == *"ratings.dat:6001: no such user or movie"* ]]
}

@test "examples: Criteo's logs from a file of the shape of their owner's" {
    mkdir criteo
    cd criteo
    # A label, 13 counts of which some are empty, 26 tokens of 8 hexadecimal digits
    apg simulate --shape criteo --rows 4000 | awk -F, -v OFS='\t' 'NR > 1 {
        line = $1
        for (i = 29; i <= 40; i++) line = line OFS $i
        line = line OFS $5
        for (i = 8; i <= 28; i++) line = line OFS $i
        for (i = 2; i <= 6; i++) line = line OFS sprintf("%08x", $i * 7919)
        print line }' > train.txt
    [ "$(head -n 1 train.txt | tr '\t' '\n' | wc -l)" -eq 40 ]
    # shellcheck disable=SC2086
    run --separate-stderr -0 sh "$ROOT/examples/criteo.sh" train.txt 500 $small
    [ "$(wc -l < scores.txt)" -eq 500 ]
    [[ "$stderr" == *"3500 rows, 39 fields"* ]]
    [[ "$stderr" == *"500 labelled rows: AUC"* ]]
}

# convert FROM FILE: FILE.csv, and its options in FILE.options
convert() {
    awk -v from="$1" -f "$ROOT/examples/sparse.awk" "$2" "$2" > "$2.csv" 2> "$2.options"
}

@test "examples: sparse.awk makes CSV of libffm, libsvm and Vowpal Wabbit, and apg trains on it" {
    printf '%s\n' '1 0:3:1 1:7:1 1:9:1 2:5:0.25' '0 0:4:1 1:7:1 2:5:0.5' > a.ffm
    convert libffm a.ffm
    printf '%s\n' label,f0,f1,f2 '1,3,7|9,0.25' 0,4,7,0.5 | diff - a.ffm.csv
    [ "$(cat a.ffm.options)" = "apg train --categorical f0 --multi f1 --numeric f2" ]
    printf '%s\r\n' '-1 3:1 11:1 14:2.5' '' '+1 qid:3 5:1 # so' > a.svm
    convert libsvm a.svm
    printf '%s\n' label,x.3,x.11,x.14,x.5 -1,3,11,2.5, +1,,,,5 | diff - a.svm.csv
    awk -v from=libsvm -v own=1 -f "$ROOT/examples/sparse.awk" a.svm a.svm 2> options | diff - <(printf '%s\n' label,x,x.14 '-1,3|11,2.5' +1,5,)
    [ "$(cat options)" = "apg train --multi x --numeric x.14" ]
    printf '%s\n' "1 2.0 'tag1|user u1 |item:0.5 price:3.5 sale |ctx mobile evening" '-1 |user u2,x |item price:2' '-1 1 id_7| a b:0.5' > a.vw
    convert vw a.vw
    printf '%s\n' label,weight,tag,user,item.price,item,ctx,x,x.b '1,2.0,tag1,u1,3.5,sale,mobile|evening,,' '-1,1,,"u2,x",2,,,,' \
        '-1,1,id_7,,,,,a,0.5' | diff - a.vw.csv
    [ "$(cat a.vw.options)" = "apg train --weight weight --drop tag --categorical user,item,x --multi ctx --numeric item.price,x.b" ]
    run ! awk -f "$ROOT/examples/sparse.awk" a.vw a.vw

    # label,user_id,item_id,scenario,hour,price,genres
    awk -F, 'NR > 1 { gsub(/[|]/, " 5:", $7); printf "%d 0:%d:1 1:%d:1 2:%s:1 3:%d:1 4:1:%s 5:%s\n", $1, $2, $3, $4, $5, $6, $7 }' logs.csv |
        sed -E 's/ 5:([a-z-]+)/ 5:\1:1/g' > log.ffm
    awk -F, 'NR > 1 { gsub(/[|]/, " ", $7); printf "%d |user %s |item %s |scenario %s |hour %s |n price:%s |genres %s\n", 2 * $1 - 1, $2, $3, $4, $5, $6, $7 }' logs.csv > log.vw
    convert libffm log.ffm
    convert vw log.vw
    [ "$(cat log.ffm.options)" = "apg train --categorical f0,f1,f2,f3 --multi f5 --numeric f4" ]
    [ "$(cat log.vw.options)" = "apg train --categorical user,item,scenario,hour --multi genres --numeric n" ]
    for log in log.ffm log.vw; do
        # shellcheck disable=SC2046
        $(cat $log.options) $small -q -o $log.apg $log.csv
        apg evaluate --json -m $log.apg $log.csv | jq .auc > $log.auc
        [ "$(tail -n +2 $log.csv | cut -d, -f2- | cksum)" = "$(tail -n +2 logs.csv | cut -d, -f2- | cksum)" ] # what it was made of
    done
    cmp log.ffm.auc log.vw.auc
}
