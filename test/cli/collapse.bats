# SPDX-License-Identifier: MIT
# Factors multiplied for serving.
bats_require_minimum_version 1.5.0
load small_model

@test "collapse: of star: the weights of all go, the scores stay" {
    apg train -q --multi genres --layer star --domain scenario --hidden 16,8 --epochs 1 --batch-norm -o s.apg logs.csv
    run --separate-stderr -0 apg collapse -o c.apg s.apg
    # 6 columns of 16 numbers: (96 + 1) 16 + (16 + 1) 8
    [[ "$stderr" == *"($((1688 * 4)) bytes saved); largest logit difference 0"* ]] || { echo "$stderr"; return 1; }
    apg predict -q -m s.apg new.csv | cmp - <(apg predict -q -m c.apg new.csv)
    apg inspect c.apg | grep hidden.0.effective.weight > /dev/null
    run -1 grep -q hidden.0.domain <(apg inspect c.apg)
}

@test "collapse: says what was saved; twice is refused" {
    run --separate-stderr -0 apg collapse -o once.apg m.apg
    [[ "$stderr" == "apg collapse: "*"largest logit difference"* ]]
    [ "$(stat -c %s once.apg)" -lt "$(stat -c %s m.apg)" ]
    run --separate-stderr -1 apg collapse -o twice.apg once.apg
    [[ "$stderr" == "apg collapse: once.apg: already collapsed" ]]
}

# folds WORD OPTION...: a model with batch normalization and these collapses to one without, and predicts the same.
folds() {
    apg train -q --multi genres --batch-norm --hidden 12,8 --epochs 2 --batch-size 256 --embedding-std 0.2 "$@" -o n.apg logs.csv || return 1
    apg collapse -o c.apg n.apg 2> said || { echo "$*"; cat said; return 1; }
    grep -q '^apg collapse: norm: .* bytes saved); largest logit difference ' said || { echo "$*"; cat said; return 1; }
    run -1 grep -q 'norm\.' <(apg inspect --json c.apg | jq -r '.tensors[].name')
    apg inspect --json n.apg | jq -r '.tensors[].name' | grep 'norm\.' > /dev/null || { echo "$*: no normalization to begin with"; return 1; }
    paste -d, <(apg predict -q -m n.apg new.csv) <(apg predict -q -m c.apg new.csv) |
        awk -F, '{ d = $1 - $2; if (d > 2e-6 || d < -2e-6) exit 1 } END { if (NR != 2000) exit 1 }' || { echo "scores of $*"; return 1; }
}

@test "collapse: batch normalization goes into the weights before it, whatever makes them" {
    folds --layer dense
    folds --layer ppnet --condition group:user_id
    folds --layer star --domain scenario --partition-rows 0
    folds --form full --condition group:user_id
    for form in lowrank decomposed shared overparam residual; do
        for bias in static generated none; do
            folds --form $form --rank 3 --bias $bias --condition group:user_id
        done
    done
    for aggregate in output-mean output-sum output-attention; do
        folds --form decomposed --rank 3,0 --bias generated --condition mix:user_id,item_id --aggregate $aggregate
        folds --rank 3 --bias none --condition mix:user_id,item_id --aggregate $aggregate
    done
}

@test "collapse: partitioned normalization stays, and that is said" {
    apg train -q --multi genres --layer star --domain scenario --batch-norm --hidden 8 --epochs 1 -o p.apg logs.csv
    run --separate-stderr -0 apg collapse -o c.apg p.apg
    [[ "$stderr" == *"norm: partitioned normalization stays"* ]]
}

@test "collapse: where there is nothing to do, that is said, and the model is written" {
    apg train -q --multi genres --layer dense --hidden 8 --epochs 1 --dropout 0.5 -o d.apg logs.csv
    run --separate-stderr -0 apg collapse -o c.apg d.apg
    [ "$stderr" = "apg collapse: factors: no factors to multiply
apg collapse: norm: no batch normalization to fold" ]
    apg predict -q -m d.apg new.csv | cmp - <(apg predict -q -m c.apg new.csv)
    run --separate-stderr -0 apg collapse -q -o c.apg d.apg
    [ -z "$stderr" ]
}

@test "collapse: --embedding f16 halves the tables, and nothing else" {
    apg train -q --multi genres --epochs 2 --hidden 8 --condition group:genres,user_id --condition-embedding own -o o.apg logs.csv
    for model in m.apg o.apg; do
        apg collapse -q -o c.apg $model
        run --separate-stderr -0 apg collapse --embedding f16 -o h.apg $model
        tables=$(apg inspect --json $model | jq .embedding_numbers)
        [[ "$stderr" == *"embedding f16: "*"($((tables * 2)) bytes saved); largest logit difference "* ]]
        [ "$(apg inspect --json h.apg | jq -c '[.tensors[] | select(.dtype == "F16").name] | sort')" = \
            "$(apg inspect --json c.apg | jq -c '[.tensors[].name | select(. == "embedding" or . == "linear" or . == "condition")] | sort')" ]
        saved=$(($(stat -c %s c.apg) - $(stat -c %s h.apg)))
        [ $saved -gt $((tables * 2 - 1024)) ] && [ $saved -lt $((tables * 2 + 1024)) ]
        paste -d, <(apg predict -q -m c.apg new.csv) <(apg predict -q -m h.apg new.csv) | awk -F, '
            { d = $1 - $2; if (d < 0) d = -d; if (d > worst) worst = d } END { exit !(worst > 0 && worst < 2e-3) }'
        apg predict -q --threads 1 -m h.apg < new.csv | cmp - <(apg predict -q -m h.apg new.csv)
    done
}
