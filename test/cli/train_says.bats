# SPDX-License-Identifier: MIT
# What train says of a training beside its course, each only where it is so; and --require-auc.
bats_require_minimum_version 1.5.0
load small_model
few=(--multi genres --hidden 16,8 --batch-size 256)

@test "train: a rank that is held to the width of its layer is told, where it was given" {
    held="apg train: a --rank is held to the widths of its layer: it is"
    for form in residual shared overparam decomposed lowrank; do
        run --separate-stderr -0 apg train "${few[@]}" --epochs 1 --form $form --rank 20,4 -o x.apg logs.csv
        grep -qxF "$held 16 in hidden layer 1" <<< "$stderr" || { echo "$form: $stderr"; return 1; }
        run --separate-stderr -0 apg train "${few[@]}" --epochs 1 --form $form --rank 16,8 -o x.apg logs.csv
        [[ "$stderr" != *"is held to"* ]]
    done
    run --separate-stderr -0 apg train "${few[@]}" --epochs 1 --rank 20 --condition mix:user_id,item_id --aggregate output-sum -o x.apg logs.csv
    grep -qxF "$held 16 in hidden layer 1, 8 in hidden layer 2" <<< "$stderr" || { echo "$stderr"; return 1; }
    run --separate-stderr -0 apg train "${few[@]}" --epochs 1 -o x.apg logs.csv # the default of 32
    [[ "$stderr" != *"is held to"* ]]
    run --separate-stderr -0 apg train -q "${few[@]}" --epochs 1 --rank 20 -o x.apg logs.csv
    [ -z "$stderr" ]
}

@test "train: --from that brought nothing is told, and one that did is not" {
    apg train -q "${few[@]}" --epochs 3 --valid new.csv -o first.apg logs.csv
    none="apg train: no epoch was better than the model that training went on from: a lower --lr may help"
    run --separate-stderr -0 apg train --from first.apg --lr 1 --epochs 2 --valid new.csv -o x.apg logs.csv
    grep -qxF "$none" <<< "$stderr"
    apg train -q "${few[@]}" --epochs 1 --lr 1e-9 --embedding-lr 1e-9 --valid new.csv -o raw.apg logs.csv
    run --separate-stderr -0 apg train --from raw.apg --epochs 2 --valid new.csv -o x.apg logs.csv
    [[ "$stderr" != *"$none"* ]]
}

@test "train: --require-auc: below it no model, no checkpoint, exit 1, and the old file stays; at it a model" {
    run --separate-stderr -0 apg train "${few[@]}" --epochs 2 --valid new.csv -o free.apg logs.csv
    auc=$(awk '/best$/ { print $4 }' <<< "$stderr" | tail -n 1)
    below=$(awk "BEGIN { print $auc - 2e-5 }")
    apg train -q "${few[@]}" --epochs 2 --valid new.csv --require-auc "$below" --checkpoint best.apg -o x.apg logs.csv
    cmp x.apg free.apg
    cmp best.apg free.apg
    above=$(awk "BEGIN { print $auc + 2e-5 }")
    echo old > x.apg
    echo mine > best.apg
    for quiet in "" -q; do
        # shellcheck disable=SC2086
        run --separate-stderr -1 apg train $quiet "${few[@]}" --epochs 2 --valid new.csv --require-auc "$above" --checkpoint best.apg -o x.apg logs.csv
        [ "${stderr_lines[-1]}" = "apg train: --require-auc $above: the validation AUC of the best model is $auc" ]
        [ "$(cat x.apg best.apg)" = "$(printf 'old\nmine')" ]
    done
    # --force is of the other guard. With --condition auto and --tune it is the model that is chosen.
    run --separate-stderr -1 apg train -q "${few[@]}" --epochs 1 --force --require-auc 0.99 -o x.apg logs.csv
    run --separate-stderr -1 apg train -q "${few[@]}" --epochs 1 --condition auto --require-auc 0.99 -o x.apg logs.csv
    [[ "$stderr" == "apg train: --require-auc 0.99: "* ]]
    run --separate-stderr -1 apg train -q "${few[@]}" --epochs 1 --tune=2 --require-auc 0.99 -o x.apg logs.csv
    [[ "$stderr" == "apg train: --require-auc 0.99: "* ]]
    [ "$(cat x.apg)" = old ]
}

@test "train: --require-auc needs rows that can tell" {
    run --separate-stderr -2 apg train "${few[@]}" --holdout 0 --require-auc 0.6 -o none.apg logs.csv
    [[ "$stderr" == "apg train: --require-auc is of validation rows: not with --holdout 0"* ]]
    run --separate-stderr -2 apg train "${few[@]}" --require-auc 1.5 -o none.apg logs.csv
    awk -F, 'NR == 1 || ($1 == 1 && n++ < 50)' logs.csv > ones.csv
    run --separate-stderr -1 apg train -q "${few[@]}" --epochs 1 --valid ones.csv --require-auc 0.1 -o none.apg logs.csv
    [ "${stderr_lines[-1]}" = "apg train: --require-auc 0.1: the validation AUC is not defined" ]
    [ ! -e none.apg ]
}
