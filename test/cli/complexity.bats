# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper

setup() {
    set -o pipefail
    cd "$BATS_TEST_TMPDIR" || return
}

@test "complexity: alone it is the paper's MLP beside the paper's figures" {
    run --separate-stderr -0 apg complexity
    [ -z "$stderr" ]
    [[ "${lines[0]}" == "the paper's MLP 393 > 1024 > 512 > 256; D 32, K 8,"* ]]
    for figure in 13.04 12.91 1462.78 419.11 11.23 3.22 7.99 0.44 "STAR 3784" "MMoE 123" "APG 0.24"; do
        [[ "$output" == *"$figure"* ]] || { echo "no $figure"; return 1; }
    done
    [ "$(printf '%s\n' "${lines[@]}" | wc -L)" -le 115 ]
    apg complexity --json | jq -e '.mlp == [393, 1024, 512, 256] and .paper.forms.shared == {mb: 0.44, epoch_seconds: 7.99}
        and .paper.movielens_mb == {STAR: 3784, MMoE: 123, APG: 0.24}'
}

@test "complexity: how near the paper's figures are is as the manual says" {
    # difference RANK FORM: in percent
    difference() {
        apg complexity --rank "$1" --condition-dim 32 | awk -v form="$2" '/^the paper.s figures/ { on = 1 } on && $0 ~ form { print $(NF - 1) }'
    }
    [ "$(difference 8 dense)" = -1.7 ]
    [ "$(difference 8 full)" = -3.1 ]
    [ "$(difference 8 shared)" = -2.1 ]
    [ "$(difference 8 decomposed)" = +257.3 ]
    [ "$(difference 2 decomposed)" = -11.1 ]
}

@test "complexity: a single layer, by hand" {
    # NM 35; NK + KM 24; K^2 4; D 3
    apg complexity --input 5 --output 7 --condition-dim 3 --rank 2 --overparam 4 --domains 6 --batch-size 10 --csv > out.csv
    diff out.csv - <<'END'
form,version,generation,forward,batch_generation,per_instance,numbers
dense,,0,35,0,35,35
full,v1,105,35,0,140,105
lowrank,v2,174,35,0,209,84
decomposed,v3,84,28,0,112,84
shared,v4,12,28,0,40,36
overparam,v5,12,28,96,49.600000000000001,76
collapsed,v5,12,28,0,40,36
star,,0,35,210,56,245
END
}

@test "complexity: an MLP is the sum of its layers; JSON and CSV agree" {
    for layer in "5 7" "7 2"; do
        # shellcheck disable=SC2086
        set -- $layer
        apg complexity --input "$1" --output "$2" --json
    done | jq -s '[.[].forms | map(.numbers)] | transpose | map(add)' > sums
    apg complexity --mlp 5,7,2 --json > mlp.json
    jq -e --slurpfile s sums '(.forms | map(.numbers)) == $s[0]' mlp.json
    jq -r '.forms[] | [.form, .version, .generation, .forward, .batch_generation, .numbers] | join(",")' mlp.json > json
    apg complexity --mlp 5,7,2 --csv | sed 1d | cut -d, -f1-5,7 | diff - json
    jq -e 'has("paper") | not' mlp.json
    [[ "$(apg complexity --mlp 5,7,2)" != *paper* ]]
}

@test "complexity: wrong options are usage errors" {
    wrong() { # EXPECTED OPTION...
        local want=$1
        shift
        run --separate-stderr -2 apg complexity "$@"
        [ -z "$output" ]
        [[ "$stderr" == "apg complexity: "*"$want"* ]] || { echo "$stderr"; return 1; }
    }
    wrong "given together" --input 5
    wrong "given together" --output 5
    wrong "exclude each other" --mlp 5,6 --input 5 --output 6
    wrong "exclude each other" --csv --json
    wrong "at least two" --mlp 5
    wrong "'log.csv'" log.csv
    wrong "--rank takes an integer from 1 to 65536, not '0'" --rank 0
    wrong "--mlp" --mlp 5,0
}

@test "complexity: the largest shape does not overflow" {
    mlp=65536$(printf ',65536%.0s' $(seq 63))
    apg complexity --mlp "$mlp" --condition-dim 65536 --rank 65536 --overparam 65536 --domains 16777216 --json \
        --batch-size 1000000000 > big.json
    jq -e '.forms | all(.generation >= 0 and .forward > 0 and .batch_generation >= 0 and .numbers > 0)' big.json
    [ "$(apg complexity --mlp "$mlp" --condition-dim 65536 --csv | awk -F, '$1 == "full" { print $3 }')" = 17732923532771328 ]
}

@test "complexity: a file appears whole or not at all; a full disk is an error" {
    for form in "" --csv --json; do
        # shellcheck disable=SC2086
        apg complexity $form -o out
        # shellcheck disable=SC2086
        apg complexity $form | cmp - out
        run --separate-stderr -1 bash -c "\"\$APG\" complexity $form > /dev/full"
        [ "$stderr" = "apg complexity: standard output: No space left on device" ]
    done
    run --separate-stderr -1 apg complexity -o none/out
    [ ! -e none ]
}
