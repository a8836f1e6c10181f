# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper
load page

setup_file() {
    (small_model)
    apg collapse -q -o "$BATS_FILE_TMPDIR/c.apg" "$BATS_FILE_TMPDIR/m.apg"
}
setup() {
    set -o pipefail
    cd "$BATS_TEST_TMPDIR" || return
    M=$BATS_FILE_TMPDIR/m.apg C=$BATS_FILE_TMPDIR/c.apg
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
    apg complexity --mlp 5,7 --condition-dim 3 --rank 2 --overparam 4 --gate-hidden 2 --domains 6 --batch-size 10 --csv > out.csv
    diff out.csv - <<'END'
form,version,generation,forward,batch_generation,per_instance,numbers,generated
dense,,0,35,0,35,35,0
full,v1,105,35,0,140,105,35
lowrank,v2,174,35,0,209,84,28
decomposed,v3,84,28,0,112,84,28
shared,v4,12,28,0,40,36,4
overparam,v5,12,28,96,49.600000000000001,76,4
collapsed,v5,12,28,0,40,36,4
residual,,12,63,0,75,71,4
star,,0,35,210,56,245,0
ppnet,,26,35,0,61,61,5
END
}

@test "complexity: an MLP is the sum of its layers; JSON and CSV agree" {
    for layer in 5,7 7,2; do
        apg complexity --mlp "$layer" --json
    done | jq -s '[.[].forms | map(select(.form != "ppnet").numbers)] | transpose | map(add)' > sums # its X is the first width
    apg complexity --mlp 5,7,2 --json > mlp.json
    jq -e --slurpfile s sums '(.forms | map(select(.form != "ppnet").numbers)) == $s[0]' mlp.json
    jq -r '.forms[] | [.form, .version, .generation, .forward, .batch_generation, .numbers] | join(",")' mlp.json > json
    apg complexity --mlp 5,7,2 --csv | sed 1d | cut -d, -f1-5,7 | diff - json
    jq -e 'has("paper") | not' mlp.json
    [[ "$(apg complexity --mlp 5,7,2)" != *paper* ]]
}

@test "complexity: of a model: ops add up to the total, and to the numbers that inspect sees" {
    apg complexity -m "$M" --batch-size 10 --json > m.json
    jq -e '.form == "overparam" and .batch_size == 10 and [.forms[].form] == ["dense", "full", "lowrank", "decomposed", "shared", "overparam", "collapsed", "residual"]' m.json
    jq -e '.total as $t | .ops as $ops | $t | del(.per_instance) | to_entries
        | all(.value > 0 and .value == (.key as $k | [$ops[][$k]] | add))' m.json
    jq -e '.total | .per_instance == .generation + .forward + .batch_generation / 10' m.json
    jq -e '.total as $t | .forms[] | select(.form == "overparam") | del(.form, .version) == $t' m.json
    apg inspect --json "$M" | jq -e --slurpfile m m.json '$m[0].total as $t
        | .embedding_numbers == $t.tables and .other_numbers == $t.numbers + $t.biases'
}

@test "complexity: of a model: its generated layers cost what the formulas say" {
    for model in "$M" "$C"; do
        apg complexity -m "$model" --csv > ops.csv
        form=$(awk -F, '$1 == "total" { print $2; exit }' ops.csv)
        for layer in hidden.0 hidden.1; do
            grep "^$layer\." ops.csv > layer
            IFS=, read -r n k p < <(awk -F, '$1 ~ /U$/ && $2 == "product" { p = $7 }
                $1 ~ /U$/ && $2 == "dense" { n = $3; k = $4 } END { print n "," k "," p + 0 }' layer)
            IFS=, read -r d m < <(awk -F, '$2 == "generated" { d = $5 } $1 ~ /V$/ && $2 == "dense" { m = $4 } END { print d "," m }' layer)
            apg complexity --mlp "$n,$m" --condition-dim "$d" --rank "$k" --overparam "$((p ? p : 1))" --csv > formula.csv
            awk -F, -v OFS=, '{ for (i = 8; i <= 13; i++) s[i] += $i } END { print s[8], s[9], s[10], s[12], s[13] }' layer > cost
            awk -F, -v OFS=, -v f="$form" '$1 == f { print $3, $4, $5, $7, $8 }' formula.csv | diff - cost
        done
    done
}

@test "complexity: of a model: collapsed and dense, foretold and made" {
    apg complexity -m "$M" --json | jq '.forms[] | select(.form == "collapsed")' > foretold
    apg complexity -m - --json < "$C" | jq '.forms[] | select(.form == "collapsed")' | diff foretold -
    apg complexity -m "$C" --json | jq -e '.form == "collapsed" and ([.forms[].form] == ["dense", "full", "lowrank", "decomposed", "shared", "collapsed", "residual"])
        and .total.batch_generation == 0'
    apg train -q --multi genres --layer dense --hidden 16,8 --epochs 1 -o dense.apg "$BATS_FILE_TMPDIR/logs.csv"
    apg complexity -m dense.apg --json > dense.json
    jq -e '.form == "dense" and (.forms | length == 1) and all(.ops[]; .generation == 0)' dense.json
    apg complexity -m "$M" --json | jq '.forms[] | select(.form == "dense")' | diff - <(jq '.forms[]' dense.json)
}

@test "complexity: of a model: star costs what the formula says, for all its domains" {
    apg train -q --multi genres --layer star --domain scenario --hidden 16,8 --epochs 1 -o s.apg "$BATS_FILE_TMPDIR/logs.csv"
    apg complexity -m s.apg --json > s.json
    domains=$(apg inspect --json s.apg | jq '.tensors[] | select(.name == "hidden.0.domain.weight").shape[0]')
    apg complexity --mlp 96,16,8 --domains "$domains" --batch-size 1000 --json | jq '.forms[] | select(.form == "star")
        | [.forward, .batch_generation, .numbers]' > formula
    jq '[.ops[] | select(.op == "star")] | [map(.forward), map(.batch_generation), map(.numbers)] | map(add)' s.json | diff formula -
    jq -e '.form == "star" and [.forms[].form] == ["dense", "star"]' s.json
}

@test "complexity: of a model: ppnet costs what the formula says" {
    apg train -q --multi genres --layer ppnet --condition group:user_id --generator-hidden 7 --hidden 16,8 --epochs 1 \
        -o p.apg "$BATS_FILE_TMPDIR/logs.csv"
    apg complexity --mlp 96,16,8 --condition-dim 16 --gate-hidden 7 --json | jq '.forms[] | select(.form == "ppnet")
        | [.generation, .numbers, .generated]' > formula
    apg complexity -m p.apg --json > p.json
    jq '[.ops[] | select(.op == "gate" or (.layer | startswith("hidden.")))]
        | [map(.generation), map(.numbers), map(.generated)] | map(add)' p.json | diff formula -
    jq -e '.form == "ppnet" and [.forms[].form] == ["dense", "ppnet"]' p.json
}

@test "complexity: of a model: text, CSV and JSON agree" {
    apg complexity -m "$M" > text
    apg complexity -m "$M" --csv > csv
    jq -nr '(input | .ops[], (.total + {layer: "total", op: .form})) | [.layer, .op, .N, .M, .D, .K, .P, .generation,
        .forward, .batch_generation, .numbers, .biases, .tables, .generated] | map(if . == 0 or . == null or . == ""
        then "-" else . end) | join(" ")' <(apg complexity -m "$M" --json) > json
    sed -n '/^layer/,/^total/p' text | sed 1d | tr -s ' ' | diff json -
    sed '/^total,/{/^total,overparam/!d}; 1d' csv |
        awk -F, -v OFS=' ' '{ for (i = 1; i <= NF; i++) if ($i == "" || $i == "0") $i = "-"
            print $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $12, $14, $15, $13 }' | diff json -
    grep -q '^hidden.0.S *generated ' text
    grep -q '^v5 collapsed ' text
    [ "$(wc -L < text)" -le 125 ]
}

@test "complexity: what is no model is one clear line" {
    run --separate-stderr -1 apg complexity -m "$BATS_FILE_TMPDIR/logs.csv" -o out
    [[ "$stderr" == "apg complexity: "*"logs.csv: "* ]]
    [[ "$stderr" != *$'\n'* ]]
    run --separate-stderr -1 apg complexity -m none.apg -o out
    [ "$stderr" = "apg complexity: none.apg: No such file or directory" ]
    [ ! -e out ]
}

# What must hold of any measurement of $forms, by --json.
measured='.peak > 1e6 and .threads == 1 and ([.forms[] | select(.measured) | .form] == $forms) and all(.forms[].measured; . == null or
    (.rows >= 1 and .rows <= 256 and .rounds >= 3 and .prediction.of_peak < 1.2 and all(.step // empty, .prediction;
    .seconds > 0 and .bytes > 0 and .multiply_adds > 0 and .of_peak > 0)))
    and all(.forms[] | select(.measured); (.measured.step == null) == (.form == "collapsed")
        and (.form == "collapsed" or (.measured.step.bytes > .measured.prediction.bytes and .measured.step.of_peak < 1.2
            and .measured.step.multiply_adds == 3 * .measured.prediction.multiply_adds)))'

@test "complexity: --measure has every form, with figures that can be" {
    options="--measure --seconds 0.1 --threads 1 --batch-size 256 --mlp 40,30,20 --condition-dim 6 --rank 4"
    # shellcheck disable=SC2086
    apg complexity $options --json > json
    jq -e --argjson forms '["dense", "full", "lowrank", "decomposed", "shared", "overparam", "collapsed", "residual", "star", "ppnet"]' "$measured" json
    # shellcheck disable=SC2086
    apg complexity $options --csv > csv
    [ "$(cut -d, -f-8 csv)" = "$(apg complexity --mlp 40,30,20 --condition-dim 6 --rank 4 --batch-size 256 --csv)" ]
    awk -F, 'NF != 15 { exit 1 } NR > 1 && !($9 >= 1 && $13 > 0 && $14 > 0 && $15 > 0) { exit 1 }
        NR > 1 && ($10 == "") != ($1 == "collapsed") { exit 1 }' csv
    # shellcheck disable=SC2086
    run --separate-stderr -0 apg complexity $options
    [ -z "$stderr" ]
    for form in "   dense" "v1 full" "v2 lowrank" "v3 decomposed" "v4 shared" "v5 overparam" "v5 collapsed" "   residual" "   star" "   ppnet"; do
        grep -A20 '^measured: 1 threads' <<< "$output" | grep -q "^$form .*%" || { echo "no $form"; return 1; }
    done
    [[ "$output" != *"the paper"* ]]
}

@test "complexity: --measure of a model, in each form it is counted in, and of a dense one" {
    apg complexity -m "$M" --measure --seconds 0.1 --threads 1 --batch-size 256 --json > json
    jq -e '.form == "overparam" and [.forms[].form] == [.forms[] | select(.measured) | .form]' json
    jq -e --argjson forms "$(jq -c '[.forms[].form]' json)" "$measured" json
    [ "$(apg complexity -m "$M" --measure --seconds 0.1 --csv | awk -F, 'NR > 1 { print ($1 == "total") == ($16 != "") }' | sort -u)" = 1 ]
    [[ "$(apg complexity -m "$M" --measure --seconds 0.1)" == *"measured: "*"v5 overparam"*"%"* ]]
    apg train -q --multi genres --layer dense --hidden 16,8 --epochs 1 -o dense.apg "$BATS_FILE_TMPDIR/logs.csv"
    apg complexity -m dense.apg --measure --seconds 0.05 --threads 1 --batch-size 256 --json > json
    jq -e --argjson forms '["dense"]' "$measured" json
    grep -q '^ *dense .*%' <(apg complexity -m dense.apg --measure --seconds 0.05)
}

@test "complexity: --measure leaves out what takes more than --memory, and says so" {
    apg complexity --mlp 40,30 --measure --seconds 0.05 --memory 300K --batch-size 64 > text
    grep -q '^v1 full .*more than --memory allows' text
    grep -q '^v4 shared .*%' text
    apg complexity --mlp 40,30 --measure --seconds 0.05 --memory 300K --batch-size 64 --json |
        jq -e '[.forms[] | select(.measured == null) | .form] | contains(["full"])'
}

@test "complexity: numbers for domains, by hand" {
    apg complexity --mlp 5,7,2 --condition-dim 1 --rank 1 --experts 3 --domains 4,10 --json > json
    jq -e '.experts == 3 and .domains == 4 and .kept == [
        {domains: 4, star: (49 * 5), mmoe: (3 * 49 + 4 * (5 * 3 + 2)), apg: (1 + 5 + 7 + 1 + 7 + 2)},
        {domains: 10, star: (49 * 11), mmoe: (3 * 49 + 10 * (5 * 3 + 2)), apg: 23}]' json
    jq -e '.forms[] | select(.form == "star").numbers == 245' json
    [[ "$(apg complexity --domains 10,1000000)" == *"domains"*"star"*"mmoe"*"apg, v4"*$'\n'*" 1000000 "* ]]
    apg complexity --json | jq -e 'has("kept") | not'
}

@test "complexity: wrong options are usage errors" {
    wrong() { # EXPECTED OPTION...
        local want=$1
        shift
        run --separate-stderr -2 apg complexity "$@"
        [ -z "$output" ]
        [[ "$stderr" == "apg complexity: "*"$want"* ]] || { echo "$stderr"; return 1; }
    }
    wrong "--mlp is of a shape" -m "$M" --mlp 5,6
    wrong "--rank is of a shape" -m "$M" --rank 4
    wrong "--experts is of a shape" -m "$M" --experts 4
    wrong "--seconds is of --measure" --seconds 4
    wrong "--threads is of --measure" -m "$M" --threads 1
    wrong "--seconds" --measure --seconds nan
    wrong "at least one number" --domains ""
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
    for form in "" --csv --json "-m $M" "-m $M --csv" "-m $M --json"; do
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

@test "complexity --plot: cost against rank and width, a drawing that stands alone; the table is as without it" {
    need_gnuplot
    cd "$BATS_TEST_TMPDIR"
    apg complexity --mlp 64,32,8 --plot plot.svg | cmp - <(apg complexity --mlp 64,32,8)
    stands_alone plot.svg
    grep -q 'rank K, of an MLP of 64 > 32 > 8<' plot.svg
    for form in "v1 full" "v4 shared" dense residual; do grep -q ">$form<" plot.svg; done
    shows_both "$PWD/plot.svg"
}

@test "complexity --plot: what goes wrong" {
    cd "$BATS_TEST_TMPDIR"
    run --separate-stderr -1 env PATH="$(without_gnuplot)" "$APG" complexity --plot plot.svg
    [ "$stderr" = "apg complexity: plots are drawn by gnuplot, which is not there: apt-get install gnuplot-nox" ]
    [ -z "$output" ]
    [ ! -e plot.svg ]
    run --separate-stderr -2 apg complexity --plot -
    run --separate-stderr -2 apg complexity --plot plot.svg -m any.apg
}
