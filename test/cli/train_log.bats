# SPDX-License-Identifier: MIT
# train --log: the course of training as lines of JSON.
bats_require_minimum_version 1.5.0
load small_model
few=(--multi genres --hidden 16,8 --batch-size 256)

# has EVENT CONDITION: the log has such lines, and the condition of jq holds for all of them
has() {
    jq -es --arg event "$1" "map(select(.event == \$event)) | length > 0 and all($2)" log > /dev/null || { echo "$1: $2"; cat log; return 1; }
}

@test "train: --log has a line of JSON for each event, with the figures that are shown; the model is the same" {
    apg train -q "${few[@]}" --epochs 3 --valid new.csv -o without.apg logs.csv
    echo '{"event": "old"}' > log
    run --separate-stderr -0 apg train "${few[@]}" --epochs 3 --valid new.csv --log log -o with.apg logs.csv
    cmp with.apg without.apg
    [ "$(jq -r .event log | tr '\n' ' ')" = "start inferred model epoch epoch epoch advice end " ]
    jq -es 'all(.seconds >= 0) and ([.[].seconds] | . == sort)' log
    has start '.version != "" and .seed == 1 and .from == null and
        .options == ["multi=genres", "hidden=16,8", "batch-size=256", "epochs=3"]'
    has model '.rows == 6000 and .held == 0 and .label == "label" and .weight == null and .taken_numbers == 0
        and (.columns | length) == 6 and .columns[5] == {"name": "genres", "kind": "multi"}'
    grep -qF "$(jq -r 'select(.event == "model") | ", \(.embedding_numbers) numbers in embeddings, \(.other_numbers) outside"' log)" <<< "$stderr"
    awk '/^ +[0-9]+ +[0-9]+ / { print $1, $2, $3, $4, $5, /best$/ }' <<< "$stderr" > shown
    jq -r 'def five: . * 1e5 | round / 1e5; select(.event == "epoch") | "\(.epoch) \(.rows) \(.loss | five) \(.valid_auc | five) \(.valid_loss | five) \(if .better then 1 else 0 end)"' log |
        paste -d ' ' shown - | awk '{ for (i = 1; i <= 6; i++) if (($i - $(i + 6)) ^ 2 > 1e-9) exit 1 } END { exit NR != 3 }'
    jq -es '(map(select(.better)) | last) as $best | last | .event == "end" and .why == "epochs" and .error == null and .written == "with.apg"
        and .best_epoch == $best.epoch and .valid_auc == $best.valid_auc' log
    [ "$(jq -r 'select(.event == "end") | "\(.slope) \(.offset)"' log)" = "$(apg inspect --json with.apg | jq -r '.calibration | "\(.slope) \(.offset)"')" ]
    # Every event is in the manual, as every name in it is.
    jq -r 'paths(scalars) | map(strings) | last' log | sort -u | while read -r name; do
        grep -qE "^\.(It )?Cm (.* )?$name( |\$)" "$ROOT/man/apg-train.1" || [ "$name" = event ] || { echo "$name"; return 1; }
    done
}

@test "train: --log can be followed while training goes on, and says why it ended" {
    rm -f log
    apg train -q "${few[@]}" --epochs 100000 --patience 0 --log log -o m.apg logs.csv 2> told &
    wait_for grep -qs '"epoch":2' log
    kill -TERM $!
    code=0
    wait $! || code=$?
    [ "$code" -eq 143 ]
    tail -n 1 log | jq -e '.event == "end" and .why == "signal" and .written == "m.apg" and .error == null'
    apg train -q "${few[@]}" --patience 1 --lr 0.01 --log - -o m.apg logs.csv | tail -n 1 | jq -e '.why == "patience"'
    run -1 apg train -q "${few[@]}" --log log -o m.apg nowhere.csv
    tail -n 1 log | jq -e '.why == "error" and .error == "nowhere.csv: No such file or directory" and .written == null'
    apg train -q --from m.apg --holdout 0 --epochs 1 --log log -o n.apg logs.csv
    has epoch '.valid_auc == null and .better'
    has start '.from == "m.apg"'
    has model '.taken_numbers == .embedding_numbers + .other_numbers'
}

@test "train: --log of a search has its candidates; what is warned of is there" {
    apg train -q "${few[@]}" --epochs 2 --tune=6 --log log -o m.apg logs.csv
    jq -es '[.[] | select(.event == "trial")] | length >= 3 and .[0].options == "--layer dense" and .[0].best and all(.work > 0)' log
    jq -es '[.[] | select(.event == "tuned")] | length == 1 and (.[0].options | startswith("--"))' log
    apg train -q "${few[@]}" --epochs 2 --condition auto --auto-budget 20 --log log -o m.apg logs.csv
    jq -es '[.[] | select(.event == "round")][0].candidates | length > 1 and all(.condition != "")' log
    jq -es '[.[] | select(.event == "choice")] | length == 1 and (.[0].best.condition != "") and (.[0].adaptive | type) == "boolean"' log
    tail -n 1 log | jq -e '.why == "chosen" and (has("best_epoch") | not)'
    awk -F, 'NR == 1 || ($1 == 1 && n++ < 50)' logs.csv > ones.csv
    { cat logs.csv; echo $'\xff,2,3,4,5,6,7'; } > bad.csv
    apg train -q "${few[@]}" --epochs 1 --valid ones.csv --on-error skip --log log -o m.apg bad.csv 2> told
    jq -es 'map(select(.event == "warning").text) | index("the validation rows have one label only: they cannot judge a model") != null' log
    has bad_row '.text | startswith("bad.csv:6002: ")'
    has epoch '.valid_auc == null and .valid_loss > 0'
}

@test "train: --log that cannot be written" {
    run --separate-stderr -1 apg train -q "${few[@]}" --log no/where -o none.apg logs.csv
    [ "$stderr" = "apg train: no/where: No such file or directory" ]
    [ ! -e none.apg ]
    run --separate-stderr -0 apg train -q "${few[@]}" --epochs 1 --log /dev/full -o m.apg logs.csv
    [ "$stderr" = "apg train: /dev/full: No space left on device; training goes on without its log" ]
    run --separate-stderr -2 apg train -q --log - logs.csv
    [[ "$stderr" == "apg train: --log -: standard output gets the model: give it a file with -o"* ]]
}

@test "train: --log replaces the log of a training, and nothing else" {
    for mistake in logs.csv m.apg; do
        cp $mistake kept
        run --separate-stderr -1 apg train -q --log $mistake -o n.apg < logs.csv
        [ "$stderr" = "apg train: $mistake: --log would replace it, and it is not the log of a training (rows to train on are given without --log)" ]
        cmp $mistake kept
    done
    run --separate-stderr -2 apg train -q --log n.apg -o n.apg logs.csv
    [ "$stderr" = "apg train: --log and --output are the same file (see 'apg train --help')" ]
    run --separate-stderr -1 apg train -q --log log.gz -o n.apg logs.csv
    [ "$stderr" = "apg train: log.gz: this output is not compressed: a name without .gz" ]
    run --separate-stderr -1 apg train -q --checkpoint best.xz -o n.apg logs.csv
    [ "$stderr" = "apg train: best.xz: this output is not compressed: a name without .xz" ]
    [ ! -e n.apg ] && [ ! -e log.gz ]
    : > log # as a training leaves it that ends at once
    apg train -q "${few[@]}" --epochs 1 --log log -o n.apg logs.csv
    apg train -q "${few[@]}" --epochs 1 --log log -o n.apg logs.csv
    [ "$(jq -r .event log | grep -c start)" -eq 1 ]
}
