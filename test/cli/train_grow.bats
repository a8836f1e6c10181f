# SPDX-License-Identifier: MIT
# train --from: tokens that the model does not know get embeddings of their own.
bats_require_minimum_version 1.5.0
load small_model
base=(-q --multi genres --hidden 16,8 --batch-size 256 --epochs 2)
still=(--lr 1e-12 --embedding-lr 1e-12 --average 0 --epochs 1 --holdout 0)

setup_file() {
    small_model
    # Users and genres that logs.csv does not have, and some of old ones.
    awk -F, -v OFS=, 'NR > 1 && NR % 2 { $2 = "new" $2 % 40; $7 = $7 "|new genre" } 1' new.csv > later.csv
}

# scores MODEL FILE
scores() {
    apg predict -q --logit -m "$1" "$2"
}

# apart A B: how many lines of scores differ
apart() {
    paste "$1" "$2" | awk '{ d = $1 - $2; if (d * d > 1e-10) n++ } END { print n + 0 }'
}

# ids MODEL: of each column
ids() {
    apg inspect --json "$1" | jq -c '[.columns[].ids], [.crosses[]? | .ids]'
}

@test "train: --from: what the model knew stays as it was, and new tokens get embeddings, whatever the model" {
    for options in "" "--backbone autoint --heads 2" "--backbone difm" "--layer star --domain user_id --batch-norm" "--layer star --domain user_id --partition-rows 0" \
        "--condition group:user_id,genres --condition-embedding own" "--cross user_id,scenario --cross genres,hour --cross-min-count 1" \
        "--layer ppnet --condition group:user_id --condition-embedding own"; do
        # shellcheck disable=SC2086
        apg train "${base[@]}" $options -o first.apg logs.csv
        apg train --from first.apg "${still[@]}" --threads 1 -o grown.apg later.csv 2> told
        grep -qE '^apg train: new tokens: 64 of user_id, 55 of item_id, 1 of genres' told || { cat told; return 1; }
        apart <(scores first.apg logs.csv) <(scores grown.apg logs.csv) > differ
        # A pair of old values may be new; and normalization follows the rows.
        [[ $options == *cross* || $options == *batch-norm ]] || [ "$(cat differ)" -eq 0 ] || { echo "$options: $(cat differ)"; return 1; }
        apg train --from first.apg "${still[@]}" --threads 2 --memory 0 -o two.apg later.csv 2> /dev/null
        cmp grown.apg two.apg
        [ "$(ids grown.apg)" != "$(ids first.apg)" ]
        apg collapse -q < grown.apg > served.apg
        apart <(scores grown.apg later.csv) <(scores served.apg later.csv) > differ
        [[ $(cat differ) -eq 0 ]]
    done
}

@test "train: --from: the ids of crosses stay too, and the pairs that come get ids" {
    apg train "${base[@]}" --cross user_id,scenario --cross-min-count 1 -o first.apg logs.csv
    apg train -q --from first.apg "${still[@]}" --cross-min-count 1 -o grown.apg logs.csv
    [ "$(apart <(scores first.apg logs.csv) <(scores grown.apg logs.csv))" -eq 0 ]
    [ "$(ids first.apg)" = "$(ids grown.apg)" ]
    apg train --from first.apg "${still[@]}" -o two.apg later.csv 2> two
    apg train --from first.apg "${still[@]}" --cross-min-count 1 -o one.apg later.csv 2> one
    of() { sed -nE 's/.* ([0-9]+) of user_id with scenario$/\1/p' "$1"; }
    [ "$(of one)" -gt "$(of two)" ] && [ "$(of two)" -gt 10 ]
    [ "$(($(ids first.apg | tail -n 1 | tr -d '[]') + $(of one)))" -eq "$(ids one.apg | tail -n 1 | tr -d '[]')" ]
}

@test "train: --from learns new users; --no-grow, and the same tokens again, add nothing" {
    awk 'BEGIN { srand(1); print "label,user"; for (i = 0; i < 4000; i++) { u = int(rand() * 20); print (rand() < (u % 2 ? .8 : .2)) ",old" u } }' > old.csv
    sed 's/old/new/' old.csv > next.csv
    apg train -q --layer dense --hidden 8 --epochs 8 -o old.apg old.csv
    auc() { apg evaluate --json -m "$1" "$2" 2> /dev/null | jq .auc; }
    run --separate-stderr -0 apg train --from old.apg --epochs 8 -o grown.apg next.csv
    grep -qx 'apg train: new tokens: 20 of user' <<< "$stderr"
    run --separate-stderr -0 apg train --from old.apg --no-grow --epochs 8 -o same.apg next.csv
    [[ "$stderr" != *"new tokens"* ]]
    jq -en "$(auc grown.apg next.csv) > .75 and $(auc grown.apg old.csv) > .75 and $(auc same.apg next.csv) < .55"
    [ "$(ids same.apg)" = "$(ids old.apg)" ]
    run --separate-stderr -0 apg train --from grown.apg --epochs 1 -o again.apg next.csv
    grep -qx 'apg train: no new tokens' <<< "$stderr"
    [ "$(ids again.apg)" = "$(ids grown.apg)" ]
    run --separate-stderr -0 apg train -q --from old.apg --epochs 1 -o quiet.apg next.csv
    [ -z "$stderr" ]
}

@test "train: --from: rare tokens stay unknown, by the model's --min-count or a given one" {
    printf '%s\n' label,user 1,a 0,a 1,b 0,b 1,c 0,d > old.csv
    printf '%s\n' label,user 1,a 1,x 0,x 1,y 0,c 1,x > next.csv
    apg train -q --epochs 1 --holdout 0 --min-count 2 --hidden 4 -o old.apg old.csv # a and b
    for count in "" 1 2 3 4; do
        # shellcheck disable=SC2086
        apg train --from old.apg ${count:+--min-count $count} --epochs 1 --holdout 0 -o grown.apg next.csv 2> told
        case $count in
            1) want=3 ;; # x, y and c
            4) want=0 ;;
            *) want=1 ;;
        esac
        grep -qx "apg train: $([ $want = 0 ] && echo no new tokens || echo new tokens: $want of user)" told || { cat told; return 1; }
        [ "$(apg inspect --json grown.apg | jq '.columns[0].ids')" -eq $((3 + want)) ]
    done
    # The rows are those of a log in which rare tokens are some other unknown one.
    apg train -q --from old.apg --epochs 3 --holdout 0 -o grown.apg next.csv
    sed 's/,[yc]$/,zzz/' next.csv > other.csv
    sed -i 's/zzz/aaa1/;' other.csv
    sed 's/aaa1/bbb2/' other.csv > other2.csv
    sed -i '5s/aaa1/bbb2/' other.csv # each comes once
    apg train -q --from old.apg --epochs 3 --holdout 0 -o other.apg other.csv
    cmp <(printf 'user\na\nb\nx\nnone\n' | apg predict -q --logit -m grown.apg) <(printf 'user\na\nb\nx\nnone\n' | apg predict -q --logit -m other.apg)
}

@test "train: rows encoded for the old model mean the same to the grown one, and not the other way round" {
    apg train "${base[@]}" -o first.apg logs.csv
    apg encode -q --encoder first.apg -o logs.apgf logs.csv
    apg train -q --from first.apg --epochs 1 -o grown.apg later.csv
    cmp <(scores grown.apg logs.csv) <(scores grown.apg logs.apgf)
    # They can validate, and be trained on: without tokens nothing grows.
    apg train -q --from first.apg --epochs 1 --valid logs.apgf -o x.apg later.csv
    apg train -q --from first.apg --epochs 1 --valid logs.csv -o y.apg later.csv
    cmp <(scores x.apg later.csv) <(scores y.apg later.csv)
    apg encode -q --encoder first.apg -o later.apgf later.csv
    run --separate-stderr -0 apg train --from first.apg --epochs 1 -o z.apg later.apgf
    [[ "$stderr" == *"apg train: rows that are encoded already have no tokens: "* ]]
    [ "$(ids z.apg)" = "$(ids first.apg)" ]
    apg encode -q --encoder grown.apg -o later.apgf later.csv
    run --separate-stderr -1 apg predict -q -m first.apg later.apgf
    [[ "$stderr" == *"encoded"* ]]
    # Another order of tokens is another meaning.
    tac <(tail -n +2 logs.csv) | cat <(head -n 1 logs.csv) - > turned.csv
    apg train "${base[@]}" -o turned.apg turned.csv
    run --separate-stderr -1 apg predict -q -m turned.apg logs.apgf
}

@test "train: --no-grow without --from, and what counts new tokens with it, are refused" {
    run --separate-stderr -2 apg train --no-grow -o none.apg logs.csv
    [[ "$stderr" == "apg train: --no-grow is for --from: "* ]]
    for option in --min-count --cross-min-count; do
        run --separate-stderr -2 apg train --from m.apg --no-grow $option 2 -o none.apg logs.csv
        [[ "$stderr" == "apg train: $option: rows are read as --from's model reads them"* ]]
    done
    run --separate-stderr -2 apg train --from m.apg --hash-bits 4 -o none.apg logs.csv
    [ ! -e none.apg ]
    apg train -q --multi genres --hash-bits 8 --epochs 1 --hidden 4 -o hashed.apg logs.csv
    run --separate-stderr -0 apg train --from hashed.apg --epochs 1 -o more.apg later.csv
    [[ "$stderr" == *"apg train: no new tokens"* ]]
    { cat later.csv; echo ragged; } > bad.csv
    run --separate-stderr -1 apg train -q --from m.apg -o none.apg bad.csv
    [ "$stderr" = "apg train: bad.csv:2002: 1 columns where the header has 7" ]
    apg train -q --from m.apg --on-error skip --epochs 1 -o skipped.apg bad.csv 2> /dev/null
    apg train -q --from m.apg --epochs 1 -o whole.apg later.csv
    cmp <(scores skipped.apg later.csv) <(scores whole.apg later.csv)
}
