# SPDX-License-Identifier: MIT
# train --online: one pass in order, each row scored before it is learned.
bats_require_minimum_version 1.5.0
load small_model
online=(--online --multi genres --hidden 16,8)

# told FILE: the loss and the AUC that train told
told() {
    sed -nE 's/^each row scored before it was learned: log loss ([0-9.]+), AUC ([0-9.]+)$/\1 \2/p' "$1"
}

# near A B: pairs of numbers, alike to their five digits
near() {
    echo "$1 $2" | awk '{ print; exit !(NF == 4 && ($1 - $3) ^ 2 < 1e-10 && ($2 - $4) ^ 2 < 1e-10) }'
}

@test "train: --online: the figures are those of each batch by the model of the rows before it" {
    # Hashed tokens alone, no prior and static layers: then a part of the log makes the model of that part.
    cut -d, -f1-5,7 logs.csv | sed -n 1,1401p > three.csv
    few=(-q --online --categorical user_id,item_id,scenario,hour --multi genres --hash-bits 10 --layer dense --hidden 8 --batch-size 500
        --embedding-prior 0 --no-calibrate --embedding-lr 0.05)
    apg train "${few[@]:1}" -o all.apg three.csv 2> err
    sed '1s/$/,score/; 2,$s/$/,0.5/' three.csv | sed -n 1,501p > scored.csv # nearly: its weights start near zero
    for n in 500 1000; do
        head -n $((n + 1)) three.csv | apg train "${few[@]}" -o part.apg
        { head -n 1 three.csv; tail -n +$((n + 2)) three.csv | sed -n 1,500p; } > next.csv
        apg predict -q --append --score score -m part.apg next.csv > part.csv
        tail -n +2 part.csv >> scored.csv
    done
    # The last batch, rows 1001 to 1400, has a line of its own.
    apg evaluate --json --score score part.csv | jq .log_loss > last
    awk '$1 == 1400 && NF == 4 { print $3 }' err | paste -d ' ' - last | awk '{ print; exit !(($1 - $2) ^ 2 < 1e-9) }'
    apg evaluate --json --score score scored.csv | jq -r '"\(.log_loss) \(.auc)"' > all
    echo "$(told err) $(cat all)" | awk '{ print; exit !(($1 - $3) ^ 2 < 1e-7 && ($2 - $4) ^ 2 < 1e-5) }'
}

@test "train: --online: the same bytes for 1 and 2 threads, from a pipe, features and a temporary file; the order counts" {
    apg train -q "${online[@]}" --threads 1 -o 1.apg logs.csv
    apg train -q "${online[@]}" --threads 2 --memory 0 -o 2.apg < logs.csv
    cmp 1.apg 2.apg
    apg encode -q --multi genres -o logs.apgf logs.csv
    apg train -q --online --hidden 16,8 -o features.apg logs.apgf
    cmp <(apg predict -q -m 1.apg new.csv) <(apg predict -q -m features.apg new.csv)
    { head -n 1 logs.csv; tail -n +2 logs.csv | tac; } > turned.csv
    apg train -q "${online[@]}" -o turned.apg turned.csv
    run cmp -s <(apg predict -q -m 1.apg new.csv) <(apg predict -q -m turned.apg new.csv)
    [ "$status" -eq 1 ]
}

@test "train: --online: lines at 1,000 rows and each time twice as many, whose means fit together; it learns" {
    apg simulate --rows 20000 --seed 3 > more.csv
    apg train "${online[@]}" --batch-size 100 -o m.apg more.csv 2> err
    [ "$(awk '$1 ~ /^[0-9]+$/ && NF == 4 { printf "%s ", $1 }' err)" = "1000 2000 4000 8000 16000 20000 " ]
    awk '$1 ~ /^[0-9]+$/ && NF == 4 { since = ($2 * $1 - loss * rows) / ($1 - rows); if ((since - $3) ^ 2 > 1e-7) exit 1
        loss = $2; rows = $1; last = $3; first = first ? first : $3 } END { exit !(last < first) }' err
    told err | tee figures | awk -v loss="$(awk '$1 == 20000 && NF == 4 { print $2 }' err)" '{ exit !($1 == loss && $2 > .6) }' || { cat err; return 1; }
    apg evaluate --json -m m.apg new.csv | jq -e '.auc > .65 and .calibration > .8 and .calibration < 1.2'
    run grep -E 'epoch|validate|best|still' err
    [ "$status" -eq 1 ]
    apg train -q "${online[@]}" --batch-size 100 --log log -o m.apg more.csv
    jq -r 'def five: . * 1e5 | round / 1e5; select(.event == "mark") | "\(.rows) \(.loss | five) \(.loss_since | five)"' log |
        paste -d ' ' <(awk '$1 ~ /^[0-9]+$/ && NF == 4 { print $1, $2, $3 }' err) - |
        awk '{ for (i = 1; i <= 3; i++) if (($i - $(i + 3)) ^ 2 > 1e-9) exit 1 } END { exit NR != 6 }'
    jq -r 'paths(scalars) | map(strings) | last' log | sort -u | while read -r name; do
        grep -qE "^\.(It )?Cm (.* )?$name( |\$)" "$ROOT/man/apg-train.1" || [ "$name" = event ] || { echo "$name"; return 1; }
    done
    jq -es 'map(select(.event == "epoch")) | length == 1 and .[0].rows == 20000 and .[0].valid_auc > .62' log
    tail -n 1 log | jq -e '.why == "epochs" and .slope != 1'
    # What made it makes it again.
    apg inspect --json m.apg | jq -e '.made.settings.online'
}

@test "train: --online --from: the first scores are those of the model, calibrated" {
    apg train -q --multi genres --hidden 8 --epochs 4 -o first.apg logs.csv
    apg train --from first.apg --no-grow --online --batch-size 4096 -o next.apg new.csv 2> err
    near "$(told err)" "$(apg evaluate --json -m first.apg new.csv 2> /dev/null | jq -r '"\(.log_loss) \(.auc)"')"
    run cmp -s <(apg predict -q -m first.apg new.csv) <(apg predict -q -m next.apg new.csv)
    [ "$status" -eq 1 ]
}

@test "train: --online: labels of later rows are not known, not even their share" {
    awk -F, -v OFS=, 'NR > 65 { $1 = 1 } 1' logs.csv > ones.csv
    awk -F, -v OFS=, 'NR > 65 { $1 = 0 } 1' logs.csv > zeros.csv
    first() { apg train "${online[@]}" --log - -o x.apg --batch-size 64 "$1" 2> /dev/null | jq -r 'select(.event == "epoch").rows'; }
    for f in ones zeros; do
        head -n 129 $f.csv > part.csv
        apg train "${online[@]}" --categorical price --hash-bits 10 --embedding-prior 0 --force -o $f.apg part.csv 2> $f.err
    done
    # 64 rows at one half, then 64 by the same weights: the labels alone differ.
    echo "$(told ones.err) $(told zeros.err)" > both
    awk '{ a = 2 * $1 - log(2); b = 2 * $3 - log(2); p = exp(-a); q = 1 - exp(-b); print p, q; exit !(p - q < .1 && q - p < .1) }' both
}

@test "train: --online: what is of passes and validation is refused; --require-auc is of its scores" {
    for option in --holdout=0.1 --holdout-last=0.1 --epochs=2 --patience=1 --stop-on=auc --lr-decay=0.9 --average=0.5 --tune --valid=new.csv \
        "--condition=auto"; do
        run --separate-stderr -2 apg train "${online[@]}" "$option" -o none.apg logs.csv
        [[ "$stderr" == "apg train: ${option%%=*}"*" is of passes with a validation: not with --online"* ]] || { echo "$stderr"; return 1; }
    done
    run --separate-stderr -1 apg train -q "${online[@]}" --require-auc 0.9 -o none.apg logs.csv
    [[ "$stderr" == "apg train: --require-auc 0.9: "* ]]
    [ ! -e none.apg ]
    apg train -q "${online[@]}" --require-auc 0.5 -o some.apg logs.csv
    run --separate-stderr -1 apg train -q "${online[@]}" --lr 1000 --embedding-lr 1000 -o none.apg logs.csv
    [[ "$stderr" == "apg train: "* ]]
    [ ! -e none.apg ]
}

@test "train: --online that is stopped writes what it has learned" {
    apg simulate --rows 100000 --seed 3 > many.csv
    rm -f err # of earlier tests
    env --default-signal "$APG" train "${online[@]}" --batch-size 8 -o stopped.apg many.csv 2> err &
    wait_for grep -qs '^ *1000 ' err
    kill -TERM $!
    code=0
    wait $! || code=$?
    [ "$code" -eq 143 ]
    grep -q '^apg train: stopped by SIGTERM; stopped.apg has the model as it was then' err || { cat err; return 1; }
    apg predict -q -m stopped.apg new.csv > /dev/null
}
