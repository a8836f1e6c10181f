# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper

setup() {
    set -o pipefail
}

@test "simulate: the header, then one line a row, and no more" {
    run --separate-stderr -0 apg simulate --rows 3
    [ "${#lines[@]}" -eq 4 ]
    [ "${lines[0]}" = label,user_id,item_id,scenario,hour,price,genres ]
    [ -z "$stderr" ]
    [ "$(apg simulate --rows 3 --no-header | wc -l)" -eq 3 ]
    [ "$(apg simulate --rows 0 | wc -l)" -eq 1 ]
}

@test "simulate: the same bytes as ever" {
    run -0 bash -c '"$APG" simulate --rows 2000 --seed 7 --categorical 3 --numeric 3 --truth p | cksum'
    [ "$output" = "948905108 160179" ]
}

@test "simulate: another seed is another log, and another model" {
    apg simulate --rows 500 --seed 1 > "$BATS_TEST_TMPDIR/1"
    apg simulate --rows 500 --seed 1 > "$BATS_TEST_TMPDIR/again"
    apg simulate --rows 500 --seed 2 > "$BATS_TEST_TMPDIR/2"
    cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/again"
    run -1 cmp -s "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/2"
}

@test "simulate: threads do not show" {
    for t in 1 2 5; do
        apg simulate --rows 30000 --numeric 2 --threads $t | cksum
    done | uniq > "$BATS_TEST_TMPDIR/sums"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/sums")" -eq 1 ]
}

@test "simulate: --skip continues the log" {
    apg simulate --rows 5000 --truth p | tail -n 2000 > "$BATS_TEST_TMPDIR/tail"
    apg simulate --rows 2000 --skip 3000 --truth p --no-header | cmp - "$BATS_TEST_TMPDIR/tail"
}

@test "simulate: the truth has the click rate and the AUC asked for" {
    for ask in "0.2 0.8" "0.05 0.75" "0.5 0.9"; do
        read -r ctr auc <<< "$ask"
        apg simulate --rows 50000 --ctr "$ctr" --auc "$auc" --truth p | apg evaluate --score p --json |
            jq -e --argjson ctr "$ctr" --argjson auc "$auc" '
                def near(x; d): (. - x) | fabs < d;
                (.mean_label | near($ctr; 0.01)) and (.auc | near($auc; 0.015)) and (.calibration | near(1; 0.03))'
    done
}

@test "simulate: the truth is calibrated in every part, with noise too" {
    apg simulate --rows 100000 --noise 0.3 --truth p | apg evaluate --score p --json |
        jq -e '[.by_score[] | .mean_score - .mean_label | fabs] | max < 0.012'
    plain=$(apg simulate --rows 50000 --truth p | apg evaluate --score p --json | jq .auc)
    noisy=$(apg simulate --rows 50000 --noise 0.5 --truth p | apg evaluate --score p --json | jq .auc)
    jq -ne "$plain > $noisy + 0.05"
}

@test "simulate: tokens stay in their ranges and are as unequal as --zipf says" {
    apg simulate --rows 40000 --users 50 --items 7 --scenarios 3 --zipf 1 --no-header |
        awk -F, '$1 !~ /^[01]$/ || $2 < 1 || $2 > 50 || $3 < 1 || $3 > 7 || $4 !~ /^s[123]$/ || $5 < 0 || $5 > 23 ||
            $6 !~ /^([0-9]+\.[0-9][0-9])?$/ || $7 !~ /^[a-z-]+(\|[a-z-]+)*$/ { print; exit 1 }
            { user[$2]++; empty += $6 == "" }
            END { exit !(length(user) == 50 && user[1] > 15 * user[40] && user[1] < 90 * user[40] &&
                empty > 1600 && empty < 2400) }'
    apg simulate --rows 40000 --users 10 --zipf 0 --no-header |
        awk -F, '{ n[$2]++ } END { for (u in n) if (n[u] < 3700 || n[u] > 4300) exit 1; exit length(n) != 10 }'
}

@test "simulate: an item has its genres wherever it is shown" {
    apg simulate --rows 20000 --items 40 --no-header | cut -d, -f3,7 | sort -u > "$BATS_TEST_TMPDIR/pairs"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/pairs")" -eq 40 ]
}

@test "simulate: extra columns" {
    run -0 apg simulate --rows 20 --categorical 2 --vocabulary 6 --numeric 2 --truth prob
    [ "${lines[0]}" = label,user_id,item_id,scenario,hour,price,genres,c1,c2,n1,n2,prob ]
    apg simulate --rows 2000 --categorical 2 --vocabulary 8 --numeric 2 --truth prob --no-header |
        awk -F, 'NF != 12 || length($8) != 8 || $8 ~ /[^0-9a-f]/ || $10 ~ /[^0-9]/ ||
            length($12) != 11 || $12 !~ /^0\.[0-9]+$/ { print; exit 1 }
            { a[$8]; b[$9] } END { exit !(length(a) == 3 && length(b) == 5) }'
}

@test "simulate: --shape criteo is 39 columns, and its flags may differ" {
    [ "$(apg simulate --shape criteo --rows 0 | tr , '\n' | wc -l)" -eq 40 ]
    [ "$(apg simulate --shape criteo --numeric 1 --rows 0 | tr , '\n' | wc -l)" -eq 29 ]
}

@test "simulate: delimiters" {
    apg simulate --rows 100 | tr , '\t' > "$BATS_TEST_TMPDIR/tabs"
    apg simulate --rows 100 --delimiter tab | cmp - "$BATS_TEST_TMPDIR/tabs"
    run --separate-stderr -2 apg simulate --delimiter '|'
    [[ "$stderr" == *"delimiter"* ]]
}

@test "simulate: with --adaptive the best order of items differs by user, without it does not" {
    # Two users, nine out of ten times the same item order or not: the spread of (user, item) rates beyond user + item.
    for adaptive in 0 1; do
        apg simulate --rows 60000 --users 4 --items 6 --scenarios 1 --zipf 0 --auc 0.9 --adaptive $adaptive --truth p \
            --no-header | awk -F, '{ p = $8; z = log(p / (1 - p)); n[$2 "," $3]++; s[$2 "," $3] += z; all += z
                nu[$2]++; su[$2] += z; ni[$3]++; si[$3] += z }
                END { for (c in n) { split(c, k, ","); d = s[c] / n[c] - su[k[1]] / nu[k[1]] - si[k[2]] / ni[k[2]] + all / NR
                    t += d * d }; printf "%.6f\n", t / 24 }'
    done > "$BATS_TEST_TMPDIR/spread"
    awk 'NR == 1 { a = $1 } NR == 2 { exit !($1 > 10 * a) }' "$BATS_TEST_TMPDIR/spread"
}

@test "simulate: wrong flags are usage errors that name the flag" {
    for bad in "--rows -1" "--rows x" "--ctr 0" "--ctr nan" "--auc 1" "--adaptive 2" "--users 0" "--noise 1.5" \
        "--group-by hour" "--zipf -1" "--threads 0"; do
        # shellcheck disable=SC2086
        run --separate-stderr -2 apg simulate $bad
        [[ "$stderr" == *"${bad%% *}"* ]]
        [ -z "$output" ]
    done
    run --separate-stderr -2 apg simulate --no-such
    run --separate-stderr -2 apg simulate file.csv
    [[ "$stderr" == *file.csv* ]]
    run --separate-stderr -2 apg simulate --categorical 10 --vocabulary 29
    [[ "$stderr" == *30* ]]
    run --separate-stderr -2 apg simulate --truth a,b
    [[ "$stderr" == *a,b* ]]
}

@test "simulate: a full disk is an error; a file appears whole or not at all" {
    run --separate-stderr -1 bash -c '"$APG" simulate --rows 100000 > /dev/full'
    [[ "$stderr" == "apg simulate: "*"No space left"* ]]
    run --separate-stderr -1 apg simulate --rows 10 -o /dev/full
    run --separate-stderr -1 apg simulate -o "$BATS_TEST_TMPDIR/none/log.csv"
    [[ "$stderr" == *none/log.csv* ]]
    mkdir "$BATS_TEST_TMPDIR/out"
    apg simulate --rows 10 -o "$BATS_TEST_TMPDIR/out/log.csv"
    apg simulate --rows 10 | cmp - "$BATS_TEST_TMPDIR/out/log.csv"
    [ "$(ls -A "$BATS_TEST_TMPDIR/out")" = log.csv ]
}

@test "simulate: a reader that leaves ends it" {
    [ "$(apg simulate --rows 1000000000 | head -n 1 | cut -d, -f1)" = label ]
}
