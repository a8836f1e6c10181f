# SPDX-License-Identifier: MIT
# train, and what it makes in collapse and predict.
bats_require_minimum_version 1.5.0
load small_model
load page
plain=(-q --multi genres --epochs 1 --hidden 16,8 --batch-size 256)
small=("${plain[@]}" --rank 4 --overparam 8)

@test "train: the same seed gives the same bytes with 1 and with 2 threads, another seed others" {
    apg train "${small[@]}" --threads 1 logs.csv > 1.apg
    apg train "${small[@]}" --threads 2 logs.csv > 2.apg
    cmp 1.apg 2.apg
    apg train "${small[@]}" --seed 2 logs.csv > 3.apg
    run cmp -s 1.apg 3.apg
    [ "$status" -eq 1 ]
    for threads in 1 3; do # a batch of more than 4096 rows has more slots
        apg train "${small[@]}" --batch-size 5000 --threads $threads logs.csv > $threads.apg
    done
    cmp 1.apg 3.apg
}

@test "train: from a pipe, a file and a feature file: the same model; also when rows go to a temporary file" {
    apg train "${small[@]}" logs.csv > file.apg
    cat logs.csv | apg train "${small[@]}" > pipe.apg
    apg encode -q --multi genres logs.csv > logs.apgf
    apg train "${small[@]}" logs.apgf > features.apg
    apg train "${small[@]}" --memory 0 logs.csv > spooled.apg
    cmp file.apg pipe.apg
    cmp file.apg features.apg
    cmp file.apg spooled.apg
}

@test "train: feature files that were encoded alike are one log, in their order" {
    apg simulate --rows 20000 --seed 4 > long.csv
    apg encode -q --multi genres long.csv > all.apgf
    for part in "1 300" "301 17000" "17001 20000"; do # the rows of each; blocks have 8192
        # shellcheck disable=SC2086
        set -- $part
        { head -1 long.csv; tail -n +2 long.csv | sed -n "$1,$2p"; } | apg encode -q -e all.apgf > "from$1.apgf"
    done
    for options in "--holdout-last .2 --cross user_id,scenario" "--valid from301.apgf" ""; do
        # shellcheck disable=SC2086
        apg train "${small[@]}" $options all.apgf > all.apg
        # shellcheck disable=SC2086
        apg train "${small[@]}" $options from1.apgf from301.apgf from17001.apgf > parts.apg
        cmp all.apg parts.apg || { echo "$options"; return 1; }
    done
    apg train "${small[@]}" from1.apgf - from17001.apgf < <(cat from301.apgf) > parts.apg
    cmp all.apg parts.apg
    apg train "${small[@]}" from301.apgf from1.apgf from17001.apgf > parts.apg
    ! cmp -s all.apg parts.apg
    apg encode -q --multi genres --drop scenario logs.csv > other.apgf
    run apg train "${small[@]}" all.apgf other.apgf -o refused.apg
    [ "$status" -eq 2 ] && [ "$output" = "apg train: other.apgf: encoded otherwise than the first of the feature files (apg encode --encoder)" ]
    run apg train "${small[@]}" logs.csv all.apgf -o refused.apg
    [ "$status" -eq 2 ] && [ "$output" = "apg train: logs.csv: feature files and CSV do not go together" ]
    [ ! -e refused.apg ]
}

@test "train: every backbone, layer, form, bias and condition trains, collapses and predicts the same" {
    for backbone in dnn deepfm; do
        for layer in "--layer dense --batch-norm" "--form shared --rank 4" \
            "--form overparam --rank 4 --overparam 8 --bias generated" "--form overparam --rank 4 --bias none --init paper --batch-norm" \
            "--layer ppnet --condition group:user_id,genres --condition-embedding own --generator-hidden 5" \
            "--layer ppnet --condition group:scenario --condition-gradient stopped --batch-norm" \
            "--rank 4 --condition group:user_id" "--layer star --domain scenario --batch-norm" \
            "--rank 4 --condition group:user_id,genres --generator-hidden 8 --optimizer adagrad" \
            "--rank 4 --embedding-moments row"; do
            # shellcheck disable=SC2086
            apg train "${plain[@]}" --backbone $backbone $layer --dropout 0.1 -o x.apg logs.csv
            apg collapse -q < x.apg > y.apg
            apg predict -q --logit -m x.apg new.csv > x.txt
            apg predict -q --logit -m y.apg new.csv > y.txt
            paste x.txt y.txt | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5 || $1 != $1 + 0) exit 1 } END { exit NR != 2000 }'
        done
    done
}

@test "train: star: a column that gives a row no id, or several, is no domain; its memory is said" {
    for column in genres:multi price:numeric nobody:"no column"; do
        run --separate-stderr -2 apg train -q --multi genres --layer star --domain "${column%%:*}" -o none.apg logs.csv
        [[ "$stderr" == "apg train: --domain: '${column%%:*}' is ${column#*:}"* ]] || { echo "$stderr"; return 1; }
        [ ! -e none.apg ]
    done
    run --separate-stderr -0 apg train --multi genres --layer star --domain scenario --hidden 16,8 --epochs 1 -o s.apg logs.csv
    [[ "$stderr" == *"domains of --layer star take "*" MB"* ]]
}

@test "train: star: domains of few rows, also of one, with and without normalization" {
    # Every third row has a domain of its own; of the others the batch has many.
    awk -F, -v OFS=, 'NR == 1 { print $0, "domain"; next } { print $0, NR % 3 ? NR % 2 : "own" NR }' logs.csv > domains.csv
    awk -F, -v OFS=, 'NR == 1 { print $0, "domain"; next } { print $0, NR % 3 ? NR % 2 : "new" }' new.csv > domains-new.csv
    for options in "" --batch-norm "--partition-rows 0" "--batch-norm --partition-rows 2"; do
        for threads in 1 2; do
            # shellcheck disable=SC2086
            apg train "${plain[@]}" --layer star --domain domain $options --threads $threads -o $threads.apg domains.csv
        done
        cmp 1.apg 2.apg
        apg predict -q -m 1.apg domains-new.csv > scores
        [ "$(wc -l < scores)" -eq 2000 ]
        run -1 grep -i nan scores
        # A row is scored alone as among others.
        head -n 2 domains-new.csv | apg predict -q -m 1.apg | cmp - <(head -n 1 scores)
    done
}

@test "train: learns: the validation AUC is far from chance, and the shown line says so" {
    run --separate-stderr -0 apg train --multi genres --epochs 2 --valid new.csv -o learned.apg logs.csv
    [ -z "$output" ]
    awk '/best$/ { found = 1; if ($4 < 0.6) exit 1 } END { exit !found }' <<< "$stderr"
}

@test "train: bad rows are named by file, line and column, and no model appears" {
    { head -n 3 logs.csv; echo 1,2; } > ragged.csv
    run --separate-stderr -1 apg train -o none.apg ragged.csv
    [[ "${stderr_lines[-1]}" == "apg train: ragged.csv:4: "* ]]
    [ ! -e none.apg ]
    run --separate-stderr -1 apg train -o none.apg /dev/null
    [[ "$stderr" == "apg train: "* ]]
    run --separate-stderr -2 apg train --rank 5000 logs.csv
    [[ "$stderr" == *"takes integers from 0 to 4096"* ]]
    run --separate-stderr -2 apg train -q --condition group:nobody -o none.apg logs.csv
    [[ "$stderr" == *"nobody"* ]]
    [ ! -e none.apg ]
}

@test "train, collapse, predict: a full disk is an error" {
    run --separate-stderr -1 apg train "${small[@]}" -o /dev/full logs.csv
    [[ "$stderr" == *"No space left on device"* ]]
    run --separate-stderr -1 apg collapse -q -o /dev/full m.apg
    [[ "$stderr" == *"No space left on device"* ]]
    run --separate-stderr -1 bash -c 'apg predict -q -m m.apg new.csv > /dev/full'
    [[ "$stderr" == *"No space left on device"* ]]
}

@test "train: an option of one backbone is refused with another; heads divide an embedding" {
    run --separate-stderr -2 apg train --heads 4 logs.csv
    [[ "$stderr" == "apg train: --heads is of --backbone autoint|difm, not of deepfm"* ]]
    run --separate-stderr -2 apg train --backbone xdeepfm --attention-layers 1 logs.csv
    run --separate-stderr -2 apg train --backbone autoint --cin 4 logs.csv
    run --separate-stderr -2 apg train --backbone xdeepfm --cin "" logs.csv
    run --separate-stderr -2 apg train --backbone autoint --embedding-dim 6 --heads 4 logs.csv
    [[ "$stderr" == "apg train: --embedding-dim 6 cannot be cut into --heads 4"* ]]
}

@test "train: heads, attention layers and maps are the model's size, and saved with it" {
    apg train "${plain[@]}" --backbone autoint --layer dense --embedding-dim 6 --heads 3 --attention-layers 3 -o a.apg logs.csv
    apg inspect a.apg | grep -F attention.2.weight
    apg predict -q -m a.apg new.csv > a.txt
    apg train "${plain[@]}" --backbone xdeepfm --layer dense --cin 5,4,3 -o x.apg logs.csv
    apg inspect x.apg | grep -F cin.2.weight
    apg predict -q -m x.apg new.csv > x.txt
    apg predict -q --threads 1 -m x.apg < new.csv | cmp - x.txt
}

@test "train: a feature file without labels is refused by row" {
    cut -d, -f2- logs.csv | apg encode -q --encoder m.apg > unlabelled.apgf
    run --separate-stderr -1 apg train -q -o none.apg unlabelled.apgf
    [ "$stderr" = "apg train: unlabelled.apgf: row 1: no label" ]
    [ ! -e none.apg ]
}

@test "train: rows are held out for validation unless there is --valid; --holdout 0 trains on all" {
    run --separate-stderr -0 apg train --multi genres --epochs 1 --hidden 8 --rank 2 -o held.apg logs.csv
    awk '$1 == 1 && $2 == 5400 && /best$/ { found = 1 } END { exit !found }' <<< "$stderr"
    run --separate-stderr -0 apg train --multi genres --epochs 1 --hidden 8 --rank 2 --holdout 0 -o all.apg logs.csv
    awk '$1 == 1 && $2 == 6000 && !/best$/ { found = 1 } END { exit !found }' <<< "$stderr"
    run --separate-stderr -2 apg train --valid new.csv --holdout 0.2 logs.csv
    [[ "$stderr" == "apg train: --holdout is for training without --valid"* ]]
}

@test "train: options that would do nothing are refused; a choice that defeats the method is said" {
    run --separate-stderr -2 apg train --layer dense --rank 8 logs.csv
    [[ "$stderr" == "apg train: --rank is of --layer apg, not of dense"* ]]
    run --separate-stderr -2 apg train --form shared --overparam 8 logs.csv
    [[ "$stderr" == "apg train: --overparam is of --form overparam and residual"* ]]
    run --separate-stderr -2 apg train --form full --rank 8 logs.csv
    [[ "$stderr" == "apg train: --form full has no rank"* ]]
    run --separate-stderr -2 apg train --aggregate output-sum logs.csv
    [[ "$stderr" == "apg train: --aggregate is of --condition mix:"* ]]
    run --separate-stderr -2 apg train --condition-embedding own logs.csv
    [[ "$stderr" == "apg train: --condition self is no embedding"* ]]
    run --separate-stderr -2 apg train --condition mix:user_id logs.csv
    [[ "$stderr" == "apg train: --condition mix: needs two columns or more"* ]]
    run --separate-stderr -2 apg train -o none.apg --condition group:scenario,user_id,scenario logs.csv
    [[ "$stderr" == "apg train: --condition has the column 'scenario' twice"* ]]
    for twice in valid from; do
        run --separate-stderr -2 apg train "--$twice" one "--$twice" two logs.csv
        [[ "$stderr" == "apg train: --$twice is given twice: it takes one file"* ]]
    done
    run --separate-stderr -2 apg train --rank 8,8,8,8 logs.csv
    [[ "$stderr" == *"at most a number for each of 3 hidden layers"* ]]
    run --separate-stderr -2 apg train --layer dense --generator-l2 1 logs.csv
    [[ "$stderr" == "apg train: --generator-l2 is of --layer apg, not of dense"* ]]
    run --separate-stderr -2 apg train --layer star logs.csv
    [[ "$stderr" == "apg train: --layer star needs --domain"* ]]
    run --separate-stderr -2 apg train --domain user_id logs.csv
    [[ "$stderr" == "apg train: --domain is of --layer star, not of apg"* ]]
    run --separate-stderr -2 apg train --layer star --domain user_id --rank 8 logs.csv
    [[ "$stderr" == "apg train: --rank is of --layer apg, not of star"* ]]
    run --separate-stderr -2 apg train --layer star --domain user_id --partition-rows 1 logs.csv
    [[ "$stderr" == "apg train: --partition-rows takes 0, or 2 and more"* ]]
    for condition in "" "--condition self" "--condition mix:user_id,item_id"; do
        # shellcheck disable=SC2086
        run --separate-stderr -2 apg train --layer ppnet $condition logs.csv
        [[ "$stderr" == "apg train: --layer ppnet needs --condition group:"* ]]
    done
    run --separate-stderr -2 apg train --layer ppnet --condition group:user_id --bias none logs.csv
    [[ "$stderr" == "apg train: --bias is of --layer apg, not of ppnet"* ]]
    run --separate-stderr -0 apg train --multi genres --epochs 1 --hidden 8 --rank 2 --bias generated --generator-rank 0 -o g.apg logs.csv
    [[ "$stderr" == *"dense layer in disguise: 768 weights"* ]]
    run --separate-stderr -0 apg train --multi genres --epochs 1 --hidden 8 --rank 2 --bias generated --generator-rank 2 -o g.apg logs.csv
    [[ "$stderr" != *"disguise"* ]]
}

@test "train: --form full and lowrank say what they make for a batch, by the sizes of their layers" {
    # 6 columns of 16: N M numbers of two layers, a weight and its gradient of 4 bytes, 1000 rows; lowrank: G + N (K + M)
    run --separate-stderr -0 apg train --multi genres --epochs 1 --batch-size 1000 --hidden 300,8 --form full -o v.apg logs.csv
    [[ "$stderr" == *"--form full makes $(awk 'BEGIN { printf "%.3g", (96 * 300 + 300 * 8) * 8 * 1000 / 1e6 }') MB of weights for a batch of 1000"* ]]
    run --separate-stderr -0 apg train --multi genres --epochs 1 --batch-size 1000 --hidden 8 --form lowrank --rank 2 -o v.apg logs.csv
    [[ "$stderr" == *"--form lowrank makes $(awk 'BEGIN { printf "%.3g", (96 * 2 + 4 + 2 * 8 + 96 * (2 + 8)) * 8 * 1000 / 1e6 }') MB of weights for a batch of 1000"* ]]
}

@test "train: killed half-way leaves no model and no temporary file; the old one stays" {
    mkdir killed
    echo old > killed/m.apg
    apg train --multi genres --epochs 100000 --patience 0 -o killed/m.apg logs.csv 2> passes &
    wait_for grep -qs '^ *1 ' passes
    kill -USR1 $! # what nohup started ignores HUP
    run wait $!
    [ "$(cat killed/m.apg)" = old ]
    [ "$(ls killed)" = m.apg ]
    apg train --multi genres --epochs 100000 --patience 0 -o killed/m.apg logs.csv 2> passes2 &
    wait_for grep -qs '^ *1 ' passes2
    kill -KILL $!
    run wait $!
    [ "$(cat killed/m.apg)" = old ]
}

@test "train: a backbone of pairs of fields needs two of them" {
    printf 'click,a\n1,x\n0,y\n' > one.csv
    run --separate-stderr -1 apg train -q --holdout 0 --backbone pnn -o never.apg one.csv
    [ "$stderr" = "apg train: backbone pnn needs more fields than 1" ]
    [ ! -e never.apg ]
    apg train -q --holdout 0 --backbone wdl --epochs 1 -o one.apg one.csv
}

@test "train: cross layers, their rank and the sort of bilinear matrices are the model's size, and saved with it" {
    for shape in 'dcn --cross-layers 2 --cross-rank 3=cross.1.U", dtype "F32", shape [96, 3]' \
        'dcn --cross-layers 4=cross.3.weight", dtype "F32", shape [96, 96]' \
        'fibinet --bilinear all=bilinear.weight", dtype "F32", shape [16, 16]' \
        'fibinet --bilinear each=bilinear.weight", dtype "F32", shape [16, 80]' \
        'fibinet --bilinear interaction=bilinear.weight", dtype "F32", shape [16, 240]'; do
        # shellcheck disable=SC2086
        apg train "${plain[@]}" --layer dense --backbone ${shape%=*} -o shape.apg logs.csv
        apg inspect shape.apg | grep -F "${shape#*=}"
        apg predict -q -m shape.apg new.csv > shape.txt
        apg predict -q --threads 1 -m shape.apg < new.csv | cmp - shape.txt
    done
    run --separate-stderr -2 apg train --cross-rank 4 logs.csv
    [[ "$stderr" == "apg train: --cross-rank is of --backbone dcn, not of deepfm"* ]]
    run --separate-stderr -2 apg train --backbone dcn --bilinear all logs.csv
    [[ "$stderr" == "apg train: --bilinear is of --backbone fibinet, not of dcn"* ]]
}

# The options that --tune found, from what it said.
found() {
    sed -n 's/.*: the same model by \(.*\) in place of --tune$/\1/p' <<< "$stderr"
}

@test "train: --tune says which options it found, these give the same model, and it keeps to its budget" {
    apg simulate --rows 3000 --users 200 --items 100 > small.csv
    tune=(--multi genres --hidden 16 --epochs 12 --batch-size 128 --valid logs.csv)
    for budget in 3 10; do
        run --separate-stderr -0 apg train "${tune[@]}" --threads 1 --tune=$budget -o 1.apg small.csv
        [[ "$stderr" == *"--layer dense --embedding-prior 300"* ]]
        work=$(sed -n 's/.* trainings, \(.*\) times the work of one.*/\1/p' <<< "$stderr")
        awk -v w="$work" -v b=$budget 'BEGIN { exit !(w > 1 && w <= b + 0.01) }'
        options=$(found)
        # shellcheck disable=SC2086
        apg train -q "${tune[@]}" $options -o again.apg small.csv
        cmp again.apg 1.apg
        echo "$options" > found.txt
        apg train -q "${tune[@]}" @found.txt -o again.apg small.csv
        cmp 1.apg again.apg
    done
    [ "$(grep -c '^ *[0-9.]* *[0-9]*/[0-9]* .*  --.*$' <<< "$stderr")" -ge 5 ]
    # What the rows of logs.csv leave open is judged by others too.
    awk -v n="$(($(wc -l < logs.csv) - 1))" '$7 ~ /^[0-9]+$/ && $7 > n { more++ } $7 == n { as_many++ } END { exit !(more && as_many) }' <<< "$stderr"
    run --separate-stderr -0 apg train -q "${tune[@]}" --threads 2 --tune -o 2.apg small.csv
    [ "$stderr" = "" ]
    cmp 1.apg 2.apg
    # What is held out here is held out there.
    run --separate-stderr -0 apg train --multi genres --hidden 16 --epochs 4 --tune=4 -o 1.apg small.csv
    # shellcheck disable=SC2046
    apg train -q --multi genres --hidden 16 --epochs 4 $(found) -o again.apg small.csv
    cmp 1.apg again.apg
    # Rows in the order of time have no other part like the last.
    run --separate-stderr -0 apg train --multi genres --hidden 16 --epochs 4 --holdout-last 0.2 --tune=4 -o 1.apg small.csv
    awk '$7 ~ /^[0-9]+$/ { rows++; bad += $7 != 600 } END { exit !rows || bad }' <<< "$stderr"
}

@test "train: --tune finds what the truth adapts to, and says where static is as good" {
    apg simulate --rows 30000 --auc 0.9 --group-by scenario --scenarios 20 --zipf 0 --users 20 --items 20 --adaptive 1 |
        sed '1 s/scenario/"the,scenario"/' > groups.csv
    tune=(--multi genres --lr 5e-3 --hidden 16 --embedding-prior 0 --dropout 0 --embedding-lr 2e-2 --batch-size 256 --epochs 6)
    run --separate-stderr -0 apg train "${tune[@]}" --valid groups.csv --tune -o tuned.apg groups.csv
    # The usual layers take the place of static ones, and the group that of theirs.
    [[ "$stderr" == *"  as given  best"* && "$stderr" == *"another condition is better: +0."* ]] || { echo "$stderr"; return 1; }
    [[ "$(found)" == "--condition 'group:\"the,scenario\"'"* ]]
    eval "apg train -q ${tune[*]} --valid groups.csv $(found) -o again.apg groups.csv"
    cmp tuned.apg again.apg
    for wrong in 'group:the,scenario' 'group:"the,scenario' 'group:,user_id'; do
        run --separate-stderr -2 apg train -q --condition "$wrong" -o none.apg groups.csv
        [[ "$stderr" == "apg train: --condition: "*column* ]]
    done
    apg simulate --rows 5000 --adaptive 0 --group-by scenario --zipf 0 --users 20 --items 20 > same.csv
    run --separate-stderr -0 apg train "${tune[@]}" --tune --seed 2 -o tuned.apg same.csv
    [[ "$stderr" == *"static is as good: "* ]] || { echo "$stderr"; return 1; }
    [ "$(apg inspect --json tuned.apg | jq -r .architecture.layer)" = dense ]
    # By another seed the usual layers have a lower loss, and no condition is surely better than they are.
    run --separate-stderr -0 apg train "${tune[@]}" --tune -o tuned.apg same.csv
    [[ "$stderr" == *"no other condition is better: "*"the same model without --tune"* ]] || { echo "$stderr"; return 1; }
    apg train -q "${tune[@]}" -o again.apg same.csv
    cmp tuned.apg again.apg
}

@test "train: --tune leaves what is given as it is" {
    given=(--multi genres --epochs 2 --hidden 8 --dropout 0.1 --lr 2e-3)
    run --separate-stderr -0 apg train "${given[@]}" --tune -o tuned.apg logs.csv
    stderr=$(grep -v ' may help$' <<< "$stderr") # which names options too
    [[ "$stderr" != *"--dropout "* && "$stderr" != *"--lr "* && "$stderr" == *"--embedding-prior "* ]]
    [ "$(apg inspect --json tuned.apg | jq .architecture.dropout)" = 0.1 ]
    # A layer that is given is the one that is tuned.
    run --separate-stderr -0 apg train "${given[@]}" --layer ppnet --condition group:user_id --tune=3 -o tuned.apg logs.csv
    [[ "$stderr" == *"  as given"* && "$stderr" != *"--layer "* && "$stderr" != *" is as good"* ]]
    [ "$(apg inspect --json tuned.apg | jq -r .architecture.layer)" = ppnet ]
    run --separate-stderr -0 apg train "${given[@]}" --rank 4 --tune=3 -o tuned.apg logs.csv
    [ "$(apg inspect --json tuned.apg | jq -r .architecture.layer)" = apg ]
}

@test "train: --tune of too little, or with what it cannot go with, is refused; a budget that ends is told" {
    for refused in "--tune=1=--tune takes a number from 2 to 10000, not '1'" "--tune=some=--tune takes a number" \
        "--tune --holdout 0=--tune chooses by validation rows: not with --holdout 0" \
        "--tune --condition auto=--tune chooses the condition too: not with --condition auto" \
        "--tune --checkpoint best.apg=--tune writes one model, at its end: not with --checkpoint" \
        "--tune --from whole.apg=--tune starts with models of its own: not with --from"; do
        [ -e whole.apg ] || apg train -q --multi genres --epochs 1 -o whole.apg logs.csv
        # shellcheck disable=SC2086
        run --separate-stderr -2 apg train ${refused%=--tune *} -o none.apg logs.csv
        [[ "$stderr" == "apg train: --tune ${refused##*=--tune }"* ]] || { echo "$stderr"; return 1; }
        [ ! -e none.apg ]
    done
    run --separate-stderr -2 apg train --tune 10 -o none.apg logs.csv
    [[ "$stderr" == "apg train: no file '10'; a value goes behind '=': --tune=10 (see"* ]]
    cp logs.csv 10 # a log may have the name
    apg train -q --multi genres --hidden 4 --layer dense --epochs 1 --tune 10 -o tuned.apg
    run --separate-stderr -0 apg train --multi genres --hidden 64 --rank 2 --epochs 3 --tune=2 -o tuned.apg logs.csv
    [[ "$stderr" == *"the budget ended before "*" of the settings were tried out"* ]] || { echo "$stderr"; return 1; }
    # The first training must not diverge; a candidate may.
    run --separate-stderr -1 apg train -q --multi genres --epochs 1 --tune --embedding-lr 1000 --lr 1000 -o none.apg logs.csv
    [ ! -e none.apg ]
}

@test "train: --condition auto finds what the truth adapts to, the same with 1 and 2 threads, within its budget" {
    apg simulate --rows 60000 --auc 0.9 --group-by scenario --scenarios 30 --zipf 0 --users 20 --items 20 --adaptive 1 > groups.csv
    auto=(--multi genres --condition auto --hidden 16 --lr 5e-3 --batch-size 512 --epochs 8 --valid groups.csv)
    run --separate-stderr -0 apg train "${auto[@]}" --threads 1 -o 1.apg groups.csv
    [[ "$stderr" == *"adaptive is better: the best of "*" candidates, group:scenario rank "* ]] || { echo "$stderr"; return 1; }
    awk '/times the static model/ { for (i = 1; i < NF; i++) if ($(i + 1) == "times") work = $i } END { exit !(work > 1 && work <= 4.01) }' <<< "$stderr"
    run --separate-stderr -0 apg train -q "${auto[@]}" --threads 2 -o 2.apg groups.csv
    [ "$stderr" = "" ]
    cmp 1.apg 2.apg
    [ "$(apg inspect --json 1.apg | jq -r '.architecture.layer + " " + .architecture.form')" = "apg residual" ]
    apg collapse -q < 1.apg | apg predict -q -m /dev/stdin groups.csv > collapsed.txt
    [ "$(wc -l < collapsed.txt)" -eq 60000 ]
}

@test "train: --condition auto says where the static model is as good, and writes it" {
    apg simulate --rows 20000 --adaptive 0 --group-by scenario --zipf 0 --users 20 --items 20 > same.csv
    run --separate-stderr -0 apg train --multi genres --condition auto --hidden 16 --epochs 4 -o same.apg same.csv
    [[ "$stderr" == *"static is as good: the best of "*" of AUC (95 % "* ]] || { echo "$stderr"; return 1; }
    [ "$(apg inspect --json same.apg | jq -r .architecture.layer)" = dense ]
    # The least budget: a candidate, and no other rank than the one given.
    run --separate-stderr -0 apg train --multi genres --condition auto --auto-budget 1 --rank 3 --epochs 1 -o same.apg same.csv
    grep -qE "the best of 1 candidate, self, .*; (0\.9|1\.0).* times the static model's work" <<< "$stderr" || { echo "$stderr"; return 1; }
    [[ "$stderr" == *"columns were not tried for want of --auto-budget"* ]]
}

@test "train: --condition auto does not go with what it cannot start at the static model, or without validation" {
    for refused in "--form shared=only --form residual can" "--bias none=its --bias is static" "--rank 0=needs a layer with a --rank" \
        "--aggregate output-sum=--aggregate is of --condition mix:" "--layer dense=--condition is of --layer apg|ppnet, not of dense" \
        "--holdout 0=chooses by validation rows" "--layer ppnet=--layer ppnet needs --condition group:"; do
        # shellcheck disable=SC2086
        run --separate-stderr -2 apg train --condition auto ${refused%%=*} -o none.apg logs.csv
        [[ "$stderr" == "apg train: "*"${refused#*=}"* ]] || { echo "$stderr"; return 1; }
        [ ! -e none.apg ]
    done
    run --separate-stderr -2 apg train --auto-budget 2 logs.csv
    [[ "$stderr" == "apg train: --auto-budget is of --condition auto"* ]]
}

# of a model's tensor: the sum of its squares
squares() {
    local header
    header=$(od -An -tu8 -N8 "$1")
    read -r from to < <(head -c $((8 + header)) "$1" | tail -c "$header" | jq -r ".[\"$2\"].data_offsets | @tsv")
    od -An -v -w4 -tf4 -j $((8 + header + from)) -N $((to - from)) "$1" | awk '{ s += $1 * $1 } END { print s }'
}

@test "train: --generator-l2 draws the generator to nothing, and has a default of the residual form" {
    last=0
    for l2 in 1e6 1e3 0; do
        apg train "${plain[@]}" --rank 4 --generator-l2 $l2 -o x.apg logs.csv
        now=$(squares x.apg hidden.0.S.weight)
        awk "BEGIN { exit !($now > $last) }"
        last=$now
    done
    apg train "${plain[@]}" -o default.apg logs.csv
    apg train "${plain[@]}" --rank 32,0 --generator-l2 80 --generator-rank 64 -o given.apg logs.csv
    cmp default.apg given.apg
    rows=$(($(wc -l < logs.csv) - 1))
    apg train "${plain[@]}" --embedding-l2 0.5 -o default.apg logs.csv
    apg train "${plain[@]}" --embedding-l2 0.5 --generator-l2 "$(awk "BEGIN { print 0.25 * $rows }")" -o given.apg logs.csv
    cmp default.apg given.apg
    apg train "${small[@]}" --form overparam -o default.apg logs.csv
    apg train "${small[@]}" --form overparam --generator-l2 0 -o given.apg logs.csv
    cmp default.apg given.apg
    apg train "${small[@]}" --form overparam --generator-l2 1e3 -o other.apg logs.csv
    run cmp -s default.apg other.apg
    [ "$status" -eq 1 ]
}

@test "train: the last rank is that of the layers that follow; 0 is dense" {
    apg train "${plain[@]}" --hidden 16,8,4 --rank 4,0 -o short.apg logs.csv
    apg train "${plain[@]}" --hidden 16,8,4 --rank 4,0,0 -o long.apg logs.csv
    cmp short.apg long.apg
    apg complexity -m short.apg --json > cost.json
    jq -e '[.ops[] | select(.op == "generated").layer] == ["hidden.0.S"]' cost.json
}

@test "train: the default starts as the very static model of its seed, so that what differs is what adapts" {
    still=("${plain[@]}" --lr 1e-12 --embedding-lr 1e-12 --average 0)
    apg train "${still[@]}" -o adaptive.apg logs.csv
    apg train "${still[@]}" --layer dense -o dense.apg logs.csv
    apg train "${still[@]}" --layer dense --seed 2 -o other.apg logs.csv
    for m in adaptive dense other; do apg predict -q --logit -m $m.apg new.csv > $m.txt; done
    [ "$(paste adaptive.txt dense.txt | awk '{ d = $1 - $2; if (d * d > 1e-12) n++ } END { print n + 0 }')" -eq 0 ]
    [ "$(paste other.txt dense.txt | awk '{ d = $1 - $2; if (d * d > 1e-12) n++ } END { print n + 0 }')" -gt 1900 ]
}

@test "train: --average: another model, and the mean of all steps another still; 0 and 1 are its bounds" {
    apg train "${small[@]}" -o half.apg logs.csv
    apg train "${small[@]}" --average 0 -o last.apg logs.csv
    apg train "${small[@]}" --average 1 -o all.apg logs.csv
    for pair in "half last" "half all" "last all"; do
        run cmp -s "${pair% *}.apg" "${pair#* }.apg"
        [ "$status" -eq 1 ]
    done
    run --separate-stderr -2 apg train --average 1.5 logs.csv
    [[ "$stderr" == *"--average"* ]]
}

@test "train: passes: until validation says so, or 10 where there is none" {
    head -n 400 logs.csv > few.csv
    run --separate-stderr -0 apg train --multi genres --hidden 4 --layer dense --holdout 0 -o few.apg few.csv
    [ "$(grep -cE '^ +[0-9]+ ' <<< "$stderr")" -eq 10 ] || { echo "$stderr"; return 1; }
    run --separate-stderr -0 apg train --multi genres --hidden 4 --layer dense --holdout 0 --epochs 12 -o few.apg few.csv
    [ "$(grep -cE '^ +[0-9]+ ' <<< "$stderr")" -eq 12 ] || { echo "$stderr"; return 1; }
    run --separate-stderr -0 apg train --multi genres --hidden 4 --layer dense --patience 0 -o few.apg few.csv
    [ "$(grep -cE '^ +[0-9]+ ' <<< "$stderr")" -eq 40 ] || { echo "$stderr"; return 1; }
}

@test "train: a model that is surely worse than a constant is no model, unless --force says so" {
    rm -f wild.apg
    for quiet in "" -q; do
        # shellcheck disable=SC2086
        run --separate-stderr -1 apg train "${plain[@]:1}" $quiet --lr 100 --embedding-lr 100 -o wild.apg logs.csv
        [[ "${stderr_lines[-1]}" == "apg train: the kept weights are worse than predicting the mean label: "*"; --force writes"* ]]
        [ ! -e wild.apg ]
    done
    run --separate-stderr -0 apg train "${plain[@]}" --lr 100 --embedding-lr 100 --force -o wild.apg logs.csv
    [[ "$stderr" == "apg train: the kept weights are worse than "* ]] && [ "${#stderr_lines[@]}" -eq 1 ]
    apg inspect wild.apg > /dev/null
    # Nor does it take the place of a checkpoint.
    echo mine > check.apg
    run --separate-stderr -1 apg train "${plain[@]}" --lr 100 --embedding-lr 100 --checkpoint check.apg -o no.apg logs.csv
    [ "$(cat check.apg)" = mine ]
    # Also with --condition auto, with rows of its own to validate on, and of a model that goes on.
    run --separate-stderr -1 apg train "${plain[@]}" --lr 100 --embedding-lr 100 --valid new.csv -o no.apg logs.csv
    run --separate-stderr -1 apg train -q --multi genres --epochs 1 --condition auto --auto-budget 1 --embedding-lr 1000 --lr 1000 -o no.apg logs.csv
    run --separate-stderr -0 apg train "${plain[@]:1}" --epochs 8 -o tame.apg logs.csv
    [[ "$stderr" != *"kept weights"* ]]
}

@test "train: labels that cannot be learned make a warning that -q does not hide" {
    { echo label,a,b; awk 'BEGIN {srand(4); for (i = 0; i < 4000; i++) printf "%d,a%d,b%d\n", rand() < .3, 40 * rand(), 9 * rand()}'; } > noise.csv
    for seed in 1 2 3; do
        run --separate-stderr -0 apg train -q --stop-on logloss --seed $seed -o noise.apg noise.csv
        [ -z "$stderr" ] || [[ "$stderr" = "apg train: the kept weights are no better than predicting the mean label: "* ]]
        warned=${warned:-}$stderr
        apg inspect noise.apg > /dev/null
    done
    [ -n "$warned" ]
}

@test "train: scores are calibrated on the validation rows, and the order of rows stays" {
    grow=(--multi genres --hidden 32 --epochs 25 --patience 0 --valid new.csv --stop-on auc --lr 0.01)
    apg train "${grow[@]}" -o cal.apg logs.csv 2> cal.err
    apg train -q "${grow[@]}" --no-calibrate -o raw.apg logs.csv
    line=$(tail -n 1 cal.err)
    [[ "$line" =~ ^calibrated:\ logit\ \*\ ([0-9.]+)\ [-+]\ [0-9.]+\;\ validation\ log\ loss\ ([0-9.]+),\ before\ ([0-9.]+)$ ]]
    after=${BASH_REMATCH[2]} before=${BASH_REMATCH[3]}
    apg evaluate --json -m cal.apg new.csv > cal.json
    apg evaluate --json -m raw.apg new.csv > raw.json
    jq -n --argjson after "$after" --argjson before "$before" --slurpfile c cal.json --slurpfile r raw.json '
        def near(a; b): a - b | . < 2e-5 and . > -2e-5;
        $c[0].auc == $r[0].auc and near($c[0].log_loss; $after) and near($r[0].log_loss; $before) and $after < $before
        and ($c[0].calibration - 1 | . < .02 and . > -.02)' | grep -qx true
    # It is the one thing that differs, whatever reads the model.
    apg inspect --json cal.apg | jq -r '.calibration | "\(.slope) \(.offset)"' > pair
    paste -d ' ' <(apg predict -q --logit -m cal.apg new.csv) <(apg predict -q --logit -m raw.apg new.csv) |
        awk 'NR == FNR {s = $1; o = $2; next} {d = $1 - (s * $2 + o); if (d * d > 1e-12 * (1 + $1 * $1)) exit 1}' pair -
    apg inspect --json raw.apg | jq -e '.calibration == null'
    apg collapse -q -o cal.c.apg cal.apg
    paste -d ' ' <(apg predict -q --logit -m cal.apg new.csv) <(apg predict -q --logit -m cal.c.apg new.csv) |
        awk '{d = $1 - $2; if (d * d > 1e-8) exit 1}'
    # The checkpoint is of the same epoch.
    apg train -q "${grow[@]}" --checkpoint check.apg -o same.apg logs.csv
    cmp cal.apg same.apg
    cmp check.apg same.apg
    # Without validation rows, or with few, there is nothing to calibrate by.
    head -n 200 new.csv > few.csv
    for none in "--holdout 0" "--valid few.csv"; do
        # shellcheck disable=SC2086
        apg train --multi genres --epochs 1 --hidden 4 $none -o without.apg logs.csv 2> without.err
        run grep calibrated without.err
        [ "$status" -eq 1 ]
    done
    # Where nothing validates, a model that goes on keeps what it had; the rate of negatives too.
    still=(--lr 1e-12 --embedding-lr 1e-12 --average 0 --epochs 1 --holdout 0)
    apg train -q --from cal.apg "${still[@]}" -o on.apg logs.csv
    paste -d ' ' <(apg predict -q --logit -m on.apg new.csv) <(apg predict -q --logit -m cal.apg new.csv) > pairs
    awk '{d = $1 - $2; if (d * d > 1e-8 * (1 + $1 * $1)) exit 1}' pairs
    apg train -q --from cal.apg "${still[@]}" --negative-rate .5 -o half.apg logs.csv
    apg train -q --from half.apg "${still[@]}" -o on.apg logs.csv
    [ "$(apg inspect --json on.apg | jq .calibration.negative_rate)" = 0.5 ]
    paste -d ' ' <(apg predict -q --logit -m on.apg new.csv) <(apg predict -q --logit -m cal.apg new.csv) |
        awk '{d = $1 - $2 - log(.5); if (d * d > 1e-8 * (1 + $1 * $1)) exit 1}'
}

@test "train: validation that was best at the first epoch, or at the last, is told" {
    apg train "${plain[@]:1}" --epochs 2 --lr 1e-4 -o x.apg logs.csv 2> last.err
    grep -qx 'apg train: validation was still getting better at the last epoch: more --epochs may help' last.err
    awk -F, -v OFS=, 'NR > 1 {$1 = 1 - $1} 1' new.csv > turned.csv
    apg train --multi genres --hidden 16,8 --valid turned.csv -o x.apg logs.csv 2> first.err
    grep -q '^apg train: validation was best after the first epoch: ' first.err
    apg train -q --multi genres --hidden 16,8 --valid turned.csv -o x.apg logs.csv 2> quiet.err
    run grep 'first epoch' quiet.err
    [ "$status" -eq 1 ]
    apg train "${plain[@]:1}" -o x.apg logs.csv 2>&1 | tee one.err | cat > /dev/null
    run grep 'validation was' one.err
    [ "$status" -eq 1 ]
}

@test "train: --holdout-last validates on the last rows, and train says so" {
    # The last rows have the opposite labels: what was learned of the others is wrong for them.
    awk -F, -v OFS=, 'NR > 5401 {$1 = 1 - $1} 1' logs.csv > turned.csv
    best() { awk '/best$/ {auc = $4} END {print auc}' "$1"; }
    apg train "${plain[@]:1}" --epochs 3 --holdout-last 0.1 -o last.apg logs.csv 2> last.err
    grep -qx '600 of the rows validate: the last' last.err
    apg train "${plain[@]:1}" --epochs 3 --holdout-last 0.1 -o turned.apg turned.csv 2> turned.err
    apg train "${plain[@]:1}" --epochs 3 -o random.apg turned.csv 2> random.err
    awk -v last="$(best last.err)" -v turned="$(best turned.err)" -v random="$(best random.err)" \
        'BEGIN {exit !(last > .55 && turned < .45 && random > .5)}'
    grep -qx '600 of the rows validate: drawn at random' random.err
    head -n 50 logs.csv > few.csv
    run --separate-stderr -0 apg train -q --hidden 4 --epochs 1 --holdout-last 0.001 -o few.apg few.csv
    [ "$stderr" = "apg train: that share of so few rows is less than a row: nothing validates the model" ]
    run --separate-stderr -2 apg train -q --holdout 0.1 --holdout-last 0.1 -o no.apg logs.csv
    run --separate-stderr -2 apg train -q --valid new.csv --holdout-last 0.1 -o no.apg logs.csv
}

@test "train: --negative-rate gives scores for all rows from a log with a tenth of the negatives" {
    apg simulate --rows 40000 --seed 8 > all.csv
    awk -F, 'BEGIN {srand(2)} NR == 1 || $1 == 1 || rand() < .1' all.csv > sampled.csv
    apg simulate --rows 20000 --seed 8 --skip 40000 > later.csv
    for valid in "--holdout 0.2" "--holdout 0 --epochs 3"; do
        # shellcheck disable=SC2086
        apg train -q --hidden 8 --layer dense $valid --negative-rate 0.1 -o rate.apg sampled.csv
        apg evaluate --json -m rate.apg later.csv | jq -e '.calibration > .85 and .calibration < 1.2'
        # shellcheck disable=SC2086
        apg train -q --hidden 8 --layer dense $valid -o no-rate.apg sampled.csv
        apg evaluate --json -m no-rate.apg later.csv | jq -e '.calibration > 2'
    done
    for wrong in 0 1.1 -1 x; do
        run --separate-stderr -2 apg train -q --negative-rate $wrong -o no.apg sampled.csv
    done
}

# weigh EXPRESSION FILE: with a column w behind the others, an awk expression of the row
weigh() { awk -F, "NR == 1 { print \$0 \",w\"; next } { print \$0 \",\" $1 }" "$2"; }

@test "train: weights undo a sampling: rows that stand for ten count as ten" {
    apg simulate --rows 40000 --seed 8 > all.csv
    awk -F, 'BEGIN {srand(2)} NR == 1 {print $0 ",w"} NR > 1 && $1 == 1 {print $0 ",1"}
        NR > 1 && $1 == 0 && rand() < .1 {print $0 ",10"}' all.csv > sampled.csv
    apg simulate --rows 20000 --seed 8 --skip 40000 > later.csv
    for valid in "--holdout 0.2" "--holdout 0 --epochs 3" "--holdout 0.2 --no-calibrate"; do
        # shellcheck disable=SC2086
        apg train -q --hidden 8 --layer dense --weight w $valid -o w.apg sampled.csv
        apg evaluate --json -m w.apg later.csv 2> /dev/null | jq -e '.calibration > .8 and .calibration < 1.25'
        # shellcheck disable=SC2086
        apg train -q --hidden 8 --layer dense --drop w $valid -o unweighted.apg sampled.csv
        apg evaluate --json -m unweighted.apg later.csv | jq -e '.calibration > 2'
    done
}

@test "train: weights are counted by their ratio: where all are alike, the model is that of none" {
    scores() { apg predict -q -m "$1" new.csv; }
    apg train "${plain[@]}" -o unweighted.apg logs.csv
    for w in 1 5 0.1; do
        weigh $w logs.csv > alike.csv
        apg train "${plain[@]}" --weight w -o "$w.apg" alike.csv
        cmp 1.apg "$w.apg"
    done
    cmp <(scores unweighted.apg) <(scores 1.apg)
    weigh 'NR % 4' logs.csv > w.csv
    weigh '8 * (NR % 4)' logs.csv > w8.csv
    apg train "${plain[@]}" --weight w --threads 1 -o w.apg w.csv
    apg train "${plain[@]}" --weight w --threads 3 w8.csv | cmp - w.apg
    run cmp -s <(scores unweighted.apg) <(scores w.apg)
    [ "$status" -eq 1 ]
    # from features too, and wherever the column stands
    apg encode -q --multi genres --weight w w.csv > w.apgf
    apg train "${plain[@]}" w.apgf | cmp - w.apg
    awk -F, -v OFS=, '{ w = $NF; $NF = ""; sub(/,$/, ""); print w, $0 }' w.csv > first.csv
    apg train "${plain[@]}" --weight w first.csv | cmp - w.apg
    run --separate-stderr -0 apg train "${plain[@]:1}" --weight w -o w.apg w.csv
    grep -qE '^6000 rows, weighted by w, [0-9]+ fields' <<< "$stderr"
    [ "$(apg inspect w.apg | sed -n 4p)" = 'weight: "w"' ]
}

@test "train: weights count where the best epoch is chosen, and rows of weight 0 do not" {
    # The rows of weight 0 have the opposite labels.
    weigh '(NR % 3 != 0)' logs.csv | awk -F, -v OFS=, 'NR > 1 && $NF == 0 {$1 = 1 - $1} 1' > turned.csv
    awk -F, 'NR == 1 || $NF == 1' turned.csv > good.csv
    apg train "${plain[@]}" --epochs 3 --weight w --valid turned.csv -o turned.apg turned.csv
    apg train "${plain[@]}" --epochs 3 --weight w --valid good.csv -o good.apg good.csv
    apg evaluate --json -m turned.apg turned.csv > a
    apg evaluate --json -m turned.apg good.csv | jq '{auc, log_loss}' | diff - <(jq '{auc, log_loss}' a)
    jq -e '.auc > .6' a
    # what the column says of validation is what evaluate says
    run --separate-stderr -0 apg train "${plain[@]:1}" --no-calibrate --weight w --valid turned.csv -o turned.apg turned.csv
    auc=$(awk '/best$/ {print $4}' <<< "$stderr")
    apg evaluate --json -m turned.apg turned.csv | jq -e --argjson auc "$auc" '(.auc * 1e5 | round) == ($auc * 1e5 | round)'
    # auto chooses by them as well
    run --separate-stderr -0 apg train --multi genres --weight w --epochs 2 --hidden 8 --condition auto -o auto.apg turned.csv
}

@test "train: --from keeps the column of weights, takes another, or none" {
    weigh 'NR % 4' logs.csv > w.csv
    apg train "${plain[@]}" --weight w -o w.apg w.csv
    apg train "${plain[@]}" -o unweighted.apg logs.csv
    apg train -q --from w.apg --epochs 1 -o more.apg w.csv
    apg inspect --json more.apg | jq -e '.weight == "w"'
    run --separate-stderr -1 apg train -q --from w.apg -o cannot.apg logs.csv
    [[ "$stderr" == "apg train: logs.csv:1: no column 'w', the weight; there are: label,"* ]]
    apg train -q --from w.apg --weight '' --epochs 1 -o plain.apg logs.csv
    apg inspect --json plain.apg | jq -e 'has("weight") | not'
    apg train -q --from unweighted.apg --weight w --epochs 1 -o weighted.apg w.csv
    apg inspect --json weighted.apg | jq -e '.weight == "w"'
    run --separate-stderr -1 apg train -q --from unweighted.apg --weight label -o cannot.apg w.csv
    [ "$stderr" = "apg train: --weight label: it is the label" ]
    run --separate-stderr -2 apg train -q --from unweighted.apg --drop w -o cannot.apg w.csv
    apg collapse -q w.apg | apg inspect --json | jq -e '.weight == "w"'
}

@test "train: weights that cannot be" {
    weigh 'NR % 4' logs.csv > w.csv
    weigh 0 logs.csv > zero.csv
    no() { run --separate-stderr -1 apg "$@"; }
    no train -q --weight nope -o cannot.apg w.csv
    [[ "$stderr" == "apg train: w.csv:1: no column --weight nope; there are: label,"* ]]
    no encode -q --weight nope -o cannot.apgf w.csv
    [[ "$stderr" == "apg encode: w.csv:1: no column --weight nope; there are: label,"* ]]
    no train -q --weight label -o cannot.apg w.csv
    [ "$stderr" = "apg train: --weight label: it is the label" ]
    no train -q --weight w --label w -o cannot.apg w.csv
    [ "$stderr" = "apg train: --weight w: it is the label" ]
    for kind in numeric categorical multi bucket drop; do
        no train -q --weight w --$kind w -o cannot.apg w.csv
        [ "$stderr" = "apg train: --$kind w: it is the weight" ]
    done
    no train -q --weight w -o cannot.apg zero.csv
    [ "$stderr" = "apg train: --weight: all rows to train on have the weight 0" ]
    no train -q --weight w --valid zero.csv -o cannot.apg w.csv
    [ "$stderr" = "apg train: --weight: all rows to validate on have the weight 0" ]
    weigh '(NR < 5000)' logs.csv > old.csv
    no train -q --weight w --holdout-last 0.1 -o cannot.apg old.csv
    [ "$stderr" = "apg train: --weight: all rows to validate on have the weight 0" ]
    no train -q --weight w --valid logs.csv -o cannot.apg w.csv
    [[ "$stderr" == "apg train: logs.csv:1: no column 'w', the weight; there are: label,"* ]]
    sed '1s/$/,w/; 1!s/$/,1/' w.csv > twice.csv
    no train -q --weight w -o cannot.apg twice.csv
    [[ "$stderr" == "apg train: twice.csv:1: two columns are named 'w'" ]]
    apg train "${plain[@]}" --weight w -o w.apg w.csv
    apg encode -q --encoder w.apg -o without.apgf logs.csv # which can be scored
    apg predict -q -m w.apg without.apgf | cmp - <(apg predict -q -m w.apg w.csv)
    no train -q -o cannot.apg without.apgf
    [ "$stderr" = "apg train: without.apgf: row 1: no weight" ]
    apg encode -q --multi genres --weight w -o w.apgf w.csv
    no train -q --weight v -o cannot.apg w.apgf
    [ "$stderr" = "apg train: w.apgf: --weight 'v': a feature file has the weights it was encoded with" ]
    apg encode -q --multi genres -o unweighted.apgf logs.csv
    no train -q --valid unweighted.apgf -o cannot.apg w.apgf
    [[ "$stderr" == "apg train: unweighted.apgf: encoded otherwise than the training rows"* ]]
    run --separate-stderr -2 apg encode -q --encoder w.apg --weight w -o cannot.apgf w.csv
    [ ! -e cannot.apg ]
}

@test "train: a model that knows nothing yet predicts the share of positives" {
    { echo label,a; for i in $(seq 2000); do echo "$((i % 20 == 0)),a$((i % 7))"; done; } > rare.csv
    apg train -q --epochs 1 --lr 1e-9 --embedding-lr 1e-9 --holdout 0 -o rare.apg rare.csv
    printf 'a\na1\na2\n' | apg predict -q -m rare.apg | awk '{if (($1 - .05) ^ 2 > 1e-6) exit 1}'
}

@test "train: --from goes on from a model: the same at first, as another one if it has all its weights, better on new rows" {
    base=(--multi genres --hidden 16,8 --batch-size 256)
    still=(--lr 1e-12 --embedding-lr 1e-12 --average 0 --epochs 1 --holdout 0)
    apg train -q "${base[@]}" --layer dense --epochs 3 --holdout 0 -o dense.apg logs.csv
    apg predict -q --logit -m dense.apg new.csv > dense.txt
    for more in "" "--layer apg --hidden 16,8" "--layer apg --hidden 16,8 --condition group:user_id --condition-embedding own"; do
        # shellcheck disable=SC2086
        apg train -q --from dense.apg "${still[@]}" $more -o on.apg logs.csv
        apg predict -q --logit -m on.apg new.csv > on.txt
        [ "$(paste dense.txt on.txt | awk '{ d = $1 - $2; if (d * d > 1e-10) n++ } END { print n + 0 }')" -eq 0 ] || { echo "$more"; return 1; }
    done
    apg train -q --from dense.apg "${still[@]}" -o same.apg logs.csv
    [ "$(apg inspect --json same.apg | jq -c .architecture)" = "$(apg inspect --json dense.apg | jq -c .architecture)" ]

    apg simulate --rows 20000 --seed 3 --skip 10000 > more.csv
    apg train -q --from dense.apg --no-grow --epochs 3 --holdout 0 -o later.apg more.csv
    auc() { apg predict -q -m "$1" --append new.csv | apg evaluate --json | jq .auc; }
    jq -en "$(auc later.apg) > $(auc dense.apg) + 0.01"
    apg encode --encoder dense.apg -o more.apgf more.csv
    apg train -q --from dense.apg --no-grow --epochs 3 --holdout 0 -o features.apg more.apgf
    cmp later.apg features.apg
}

@test "train: --from: the weights that it starts with are epoch 0, and kept if nothing is better" {
    apg train -q --multi genres --hidden 16,8 --batch-size 256 --epochs 3 --valid new.csv -o first.apg logs.csv
    apg predict -q --logit -m first.apg new.csv > first.txt
    run --separate-stderr -0 apg train --from first.apg --lr 1 --epochs 2 --valid new.csv -o second.apg logs.csv
    grep -qE '^ +0 +0 +0\.[0-9]+ +0\.[0-9]+ +best$' <<< "$stderr"
    grep -qE '^goes on from first.apg: [0-9]+ of [0-9]+ weights are its, 0 start anew$' <<< "$stderr"
    apg predict -q --logit -m second.apg new.csv | cmp first.txt
}

@test "train: --from: what does not fit, is collapsed or would be ignored is refused" {
    apg train -q --multi genres --hidden 16,8 --epochs 1 -o whole.apg logs.csv
    run --separate-stderr -1 apg train --from whole.apg --hidden 32,8 -o none.apg logs.csv
    [[ "$stderr" == *"apg train: whole.apg: its hidden.0."*" 16, that of this model "*" 32" ]] || { echo "$stderr"; return 1; }
    run --separate-stderr -1 apg train --from whole.apg --layer dense --hidden 16,8 -o none.apg logs.csv
    [[ "$stderr" == *"apg train: whole.apg: its hidden.0."*" has no place in this model" ]] || { echo "$stderr"; return 1; }
    apg collapse -q -o served.apg whole.apg
    run --separate-stderr -1 apg train --from served.apg -o none.apg logs.csv
    [[ "$stderr" == "apg train: served.apg: collapsed: "* ]]
    run --separate-stderr -2 apg train --from whole.apg --multi genres -o none.apg logs.csv
    [[ "$stderr" == "apg train: --multi: rows are read as --from's model reads them"* ]]
    run --separate-stderr -2 apg train --from whole.apg --condition auto -o none.apg logs.csv
    [[ "$stderr" == *"not with --from"* ]]
    run --separate-stderr -1 apg train --from logs.csv -o none.apg logs.csv
    [[ "$stderr" == "apg train: logs.csv: "* ]]
    apg encode -q --multi genres --min-count 3 -o other.apgf logs.csv
    run --separate-stderr -1 apg train --from whole.apg -o none.apg other.apgf
    [[ "$stderr" == "apg train: other.apgf: encoded otherwise than whole.apg "* ]]
    [ ! -e none.apg ]
}

@test "train: --checkpoint has the best so far, also when training is killed; that it cannot be written does not end it" {
    apg train "${plain[@]}" --epochs 3 --valid new.csv --checkpoint best.apg -o done.apg logs.csv
    cmp best.apg done.apg
    apg train "${plain[@]}" --epochs 2 --holdout 0 --checkpoint done.apg -o done.apg logs.csv
    apg train "${plain[@]}" --epochs 2 --holdout 0 -o alone.apg logs.csv
    cmp done.apg alone.apg

    mkdir killed2
    apg train "${plain[@]}" --epochs 100000 --holdout 0 --patience 0 --checkpoint killed2/m.apg logs.csv > /dev/null &
    wait_for test -e killed2/m.apg
    kill -KILL $!
    run wait $!
    apg train -q --from killed2/m.apg --epochs 1 --holdout 0 -o on.apg logs.csv

    run --separate-stderr -0 apg train "${plain[@]}" --checkpoint no/where.apg -o done.apg logs.csv
    [[ "$stderr" == "apg train: no/where.apg: "*"; training goes on"* ]]
    cmp done.apg <(apg train "${plain[@]}" logs.csv)
    run --separate-stderr -2 apg train --condition auto --checkpoint best.apg logs.csv
    [[ "$stderr" == *"not with --checkpoint"* ]]
}

@test "train: --help-all shows the defaults of the default form" {
    apg train --help-all | tr -s ' \n' ' ' > "$BATS_TEST_TMPDIR/help"
    grep -q -- ' --rank=K,... [^[]*\[32,0\]' "$BATS_TEST_TMPDIR/help"
    grep -q -- ' --generator-rank=R [^[]*\[64\]' "$BATS_TEST_TMPDIR/help"
    grep -q -- ' --generator-l2=X [^[]* --batch-size=B ' "$BATS_TEST_TMPDIR/help"
}

@test "train: more domains than a float can count are refused" {
    printf '%s\n' label,user 1,a 0,b > few.csv
    run --separate-stderr -2 apg train -q --layer star --domain user --backbone dnn --hash-bits 25 --categorical user -o star.apg few.csv
    [[ "$stderr" == "apg train: --domain: 'user' has 33554432 tokens, of which at most 16777216 can be domains"* ]]
    [ ! -e star.apg ]
}

@test "train: few rows are learned in small batches, so that an epoch has 50 steps" {
    apg simulate -n 6500 > rows.csv
    small=(-q --multi genres --hidden 8 --layer dense --epochs 1 --holdout 0)
    made() { # ROWS OUT [OPTION]...: the scores of a model that the first ROWS rows have made
        head -n $((1 + $1)) rows.csv | apg train "${small[@]}" "${@:3}" -o batch.apg
        apg predict -q -m batch.apg -o "$2" logs.csv
    }
    for rows_batch in 200:64 6399:64 6500:128; do
        made "${rows_batch%:*}" chosen
        made "${rows_batch%:*}" given --batch-size "${rows_batch#*:}"
        cmp chosen given
    done
    made 6500 given --batch-size 1024
    run -1 cmp -s chosen given
    # Adaptive layers are held back the more.
    small=(-q --multi genres --hidden 8 --epochs 1 --holdout 0)
    made 6500 chosen
    made 6500 given --batch-size 128 --generator-l2 640
    cmp chosen given
}

@test "train: batch norm over batches of one row is refused" {
    printf '%s\n' label,user 1,a 0,b 1,a 0,b > few.csv
    run --separate-stderr -2 apg train -q --batch-norm --batch-size 1 -o refused.apg few.csv
    [[ "$stderr" == "apg train: --batch-size 1: --batch-norm needs 2 rows in a batch or more"* ]]
    [ ! -e refused.apg ]
    apg train -q --batch-norm --batch-size 2 --hidden 4 --epochs 1 --holdout 0 -o batches-of-two.apg few.csv
    [ -s batches-of-two.apg ]
}

@test "train: validation rows of one label are warned of, also with -q, and show no NaN" {
    awk -F, 'NR == 1 || ($1 == 1 && n++ < 50)' logs.csv > ones.csv
    [ "$(cut -d, -f1 ones.csv | sort -u | tr '\n' ' ')" = "1 label " ]
    for stop in auc logloss; do
        run --separate-stderr -0 apg train "${plain[@]}" --epochs 1 --stop-on $stop --valid ones.csv -o ones.apg logs.csv
        [ "$stderr" = "apg train: the validation rows have one label only: they cannot judge a model" ]
    done
    run --separate-stderr -0 apg train --hidden 4 --epochs 1 --valid ones.csv -o ones.apg logs.csv
    [[ "$stderr" == *" undefined "* ]] && [[ "$stderr" != *nan* ]]
}

@test "train: a last step that leaves no finite score is an error, without validation rows too" {
    awk 'BEGIN { print "label,x,c"; for (i = 0; i < 60; i++) print i % 2 "," (i * 7919) % 1000 / 7 ",c" i % 5 }' > steep.csv
    for holdout in 0 .2; do
        run --separate-stderr -1 apg train -q --backbone dcn --cross-layers 8 --layer dense --hidden 8,8 --lr 1000 --embedding-lr 1000 --embedding-dim 32 --average 0 --holdout $holdout --batch-size 60 --epochs 1 -o steep.apg steep.csv
        [ "$stderr" = "apg train: training diverged: a logit is not finite; lower --lr" ]
        [ ! -e steep.apg ]
    done
}

# first_columns: a log of user, scenario and hour, and the last two joined, so that a cross has the ids of a column
joined() { awk -F, -v OFS=, '{print $1, $2, $4, $5, (NR == 1 ? "both" : $4 "_" $5)}' "$1"; }

@test "train: --cross A,B is as a column of joined cells, from CSV and from features, with 1 and with 2 threads" {
    joined logs.csv > joined.csv
    joined new.csv > joined-new.csv
    cut -d, -f1-4 joined.csv > apart.csv
    cut -d, -f1-4 joined-new.csv > apart-new.csv
    few=(-q --epochs 1 --hidden 16,8 --batch-size 256 --categorical scenario,hour)
    apg train "${few[@]}" --categorical both -o joined.apg joined.csv
    apg train "${few[@]}" --cross scenario,hour --cross-min-count 1 --threads 1 -o cross.apg apart.csv
    apg predict -q -m joined.apg joined-new.csv > want.txt
    apg predict -q -m cross.apg apart-new.csv | diff - want.txt
    [ "$(sort -u want.txt | wc -l)" -gt 500 ]

    apg encode -q --categorical scenario,hour apart.csv > apart.apgf
    apg train "${few[@]:0:7}" --cross scenario,hour --cross-min-count 1 --threads 2 -o features.apg apart.apgf
    cmp features.apg cross.apg
    apg encode -q --encoder cross.apg apart-new.csv > apart-new.apgf
    apg predict -q -m cross.apg apart-new.apgf | diff - want.txt
    apg train -q --from cross.apg --epochs 1 -o more.apg apart.apgf
    apg inspect --json more.apg | jq -e '.crosses == [{"a": "scenario", "b": "hour", "ids": 237}]'
    apg collapse -q < cross.apg | apg inspect --json | jq -e '.crosses | length == 1'
}

@test "train: crosses of a list, of numbers by their bins, and of rare pairs" {
    apg train "${small[@]}" --cross genres,user_id --cross price,scenario --cross-min-count 3 -o x.apg logs.csv
    apg inspect --json x.apg | jq -e '.crosses | length == 2'
    apg predict -q -m x.apg new.csv > x.txt
    apg collapse -q < x.apg > y.apg
    apg predict -q -m y.apg new.csv | paste x.txt - | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5) exit 1 } END { exit NR != 2000 }'
    few=$(apg inspect --json x.apg | jq '.crosses[0].ids')
    apg train "${small[@]}" --cross genres,user_id -o x.apg logs.csv
    [ "$(apg inspect --json x.apg | jq '.crosses[0].ids')" -gt "$few" ]
}

@test "train: crosses that cannot be are refused" {
    wrong() {
        run --separate-stderr apg train "${small[@]}" "${@:2}" -o none.apg logs.csv
        [ "$status" -eq 2 ]
        [[ "$stderr" == "apg train: $1"* ]]
        [ ! -e none.apg ]
    }
    wrong "--cross: 'nobody' is no column that the model reads" --cross user_id,nobody
    wrong "--cross: 'user_id' with itself" --cross user_id,user_id
    wrong "--cross takes two columns, A,B" --cross user_id
    wrong "--cross takes two columns, A,B" --cross user_id,hour,scenario
    wrong "--cross: 'hour' and 'user_id' twice" --cross user_id,hour --cross hour,user_id
    wrong "--cross: 'price' is a number without bins: too few rows, or --numeric-bins 0" --numeric-bins 0 --cross user_id,price
    wrong "--cross: 'genres' and 'hour' both hold lists" --multi hour --cross genres,hour
    wrong "--cross-min-count takes an integer from 1 to 4294967295, not '0'" --cross user_id,hour --cross-min-count 0
    run --separate-stderr apg train -q --from m.apg --cross user_id,hour -o none.apg logs.csv
    [ "$status" -eq 2 ]
    [[ "$stderr" == "apg train: --cross: rows are read as --from's model reads them"* ]]
}

# squares FILE: the sum of squares of the embeddings of a model
squares() {
    local n from to
    n=$(od -A n -t u8 -N 8 "$1")
    read -r from to <<< "$(head -c $((8 + n)) "$1" | tail -c +9 | jq -r '.embedding.data_offsets | "\(.[0]) \(.[1])"')"
    od -A n -v -w4 -t f4 -j $((8 + n + from)) -N $((to - from)) "$1" | awk '{s += $1 * $1} END {print s}'
}

@test "train: --embedding-prior keeps embeddings near zero, the more so the rarer their tokens are" {
    head -n 1001 logs.csv > part.csv
    for _ in 1 2 3 4 5 6; do tail -n +2 part.csv; done | cat <(head -n 1 part.csv) - > often.csv
    rows=(-q --multi genres --hidden 8 --holdout 0 --embedding-lr 0.01)
    apg train "${rows[@]}" --epochs 36 --embedding-prior 0 -o free.apg part.csv
    apg train "${rows[@]}" --epochs 36 --embedding-prior 30 -o held.apg part.csv
    apg train "${rows[@]}" --epochs 6 --embedding-prior 30 -o often.apg often.csv
    echo "$(squares free.apg) $(squares often.apg) $(squares held.apg)" | awk '{print; exit !($1 > 1.2 * $2 && $2 > 1.2 * $3)}'
    apg train "${small[@]}" --embedding-prior 30 --threads 1 -o 1.apg logs.csv
    apg train "${small[@]}" --embedding-prior 30 --threads 2 -o 2.apg logs.csv
    cmp 1.apg 2.apg
}

# Each pair of an a and a b has a rate of its own, which neither says alone.
@test "train: --tune finds columns that are worth a cross, and the options that it prints give the same model" {
    awk 'BEGIN { srand(5); print "label,a,b,c"; for (i = 0; i < 6000; i++) { a = int(rand() * 24); b = int(rand() * 24)
        p = (a * a * 7 + b * b * 5 + a * b * 3) % 11 < 5 ? .1 : .6; print (rand() < p) ",a" a ",b" b ",c" int(rand() * 9) } }' > pairs.csv
    few=(--hidden 4 --embedding-dim 2 --epochs 8 --layer dense --dropout 0 --lr 1e-3 --embedding-lr 4e-3 --embedding-prior 10)
    apg train "${few[@]}" --tune=8 --threads 1 -o tuned.apg pairs.csv 2> told
    grep -q -e '--cross a,b  best' told
    apg inspect --json tuned.apg | jq -e '.crosses == [{"a": "a", "b": "b", "ids": 576}]'
    read -r -a found <<< "$(sed -n 's/.*the same model by \(.*\) in place of --tune/\1/p' told)"
    apg train -q "${few[@]}" "${found[@]}" --threads 2 -o same.apg pairs.csv
    cmp tuned.apg same.apg
    apg train -q "${few[@]}" --cross a,c --tune=8 -o given.apg pairs.csv
    apg inspect --json given.apg | jq -e '.crosses | length == 1 and .[0].b == "c"'
}

@test "train: --tune looks for crosses by what rows weigh, and gives names back in quotes" {
    awk 'BEGIN { srand(6); print "label,w,\"a,1\",b,c,d"; for (i = 0; i < 9000; i++) { a = int(rand() * 24); b = int(rand() * 24)
        c = int(rand() * 24); d = int(rand() * 24); w = i % 2; x = w ? a : c; y = w ? b : d
        p = (x * x * 7 + y * y * 5 + x * y * 3) % 11 < 5 ? .1 : .6; print (rand() < p) "," w ",a" a ",b" b ",c" c ",d" d } }' > decoys.csv
    few=(--hidden 4 --embedding-dim 2 --epochs 8 --layer dense --dropout 0 --lr 1e-3 --embedding-lr 4e-3 --embedding-prior 10 --weight w)
    apg train "${few[@]}" --tune=8 -o tuned.apg decoys.csv 2> told
    grep -q "the same model by --cross '\"a,1\",b' in place of --tune" told
    apg train -q "${few[@]}" --cross '"a,1",b' -o same.apg decoys.csv
    cmp tuned.apg same.apg
}

@test "train: a list may be given any number of times, and what stands behind it is taken too" {
    head -n 300 logs.csv | awk -F, -v OFS=, '{ for (i = 0; i < 25; i++) $0 = $0 OFS (NR == 1 ? "f" i : $3 % (i + 2)); print }' > wide.csv
    crosses=()
    for i in {0..24}; do for j in {0..24}; do [ "$i" -ge "$j" ] || crosses+=(--cross "f$i,f$j"); done; done
    categorical=$(printf 'f%s,' {0..24})
    apg train -q --force --epochs 1 --hidden 4 --embedding-dim 2 --categorical "${categorical%,}" "${crosses[@]}" --backbone dnn --layer dense -o wide.apg wide.csv
    apg inspect --json wide.apg | jq -e '(.crosses | length) == 300 and .architecture.layer == "dense"'
}

@test "train: names and texts do not drive the terminal" {
    sed $'1s/user_id/us\033[31mer/' logs.csv | awk -F, -v OFS=, 'NR == 1 { print $0, "w\033x" } NR > 1 { print $0, 1 }' > escape.csv
    apg train "${plain[@]:1}" --weight $'w\033x' -o escape.apg escape.csv 2> told
    apg predict -m escape.apg escape.csv 2>> told > scored.txt
    apg evaluate -m escape.apg escape.csv >> told
    [ "$(LC_ALL=C grep -c $'\033' told)" -eq 0 ]
    grep -q 'weighted by w?x' told
}

@test "train, predict, evaluate: --positive is for labels that are words, and is remembered" {
    awk -F, -v OFS=, 'NR > 1 { $1 = $1 ? " yes" : "no" } 1' logs.csv > words.csv
    awk -F, -v OFS=, 'NR > 1 { $1 = $1 ? " yes" : "no" } 1' new.csv > new-words.csv
    few=(-q --multi genres --epochs 1 --hidden 8)
    run --separate-stderr -1 apg train "${few[@]}" -o no.apg words.csv
    [ "$stderr" = "apg train: words.csv:2: label: neither 0 nor 1: 'no' (its values are 'no' and ' yes': --positive ' yes', if that is 1)" ] ||
        [ "$stderr" = "apg train: words.csv:2: label: neither 0 nor 1: ' yes' (its values are ' yes' and 'no': --positive ' yes', if that is 1)" ]
    apg train "${few[@]}" -o digits.apg logs.csv
    apg train "${few[@]}" --positive ' yes' -o blank.apg words.csv # as it is shown
    apg train "${few[@]}" --positive yes -o words.apg words.csv
    apg predict -q -m blank.apg new-words.csv | cmp - <(apg predict -q -m words.apg new-words.csv)
    [[ "$(apg inspect --json words.apg | jq -r .made.options)" == "--label label --positive yes --"* ]]
    apg train "${few[@]}" --positive yes,maybe --valid new-words.csv -o valid.apg words.csv
    apg predict -m digits.apg new.csv > want.txt 2> want.err
    apg predict -m words.apg new-words.csv 2> got.err | cmp - want.txt
    cmp want.err got.err # the same metrics
    apg evaluate --json -m digits.apg new.csv > want.json
    apg evaluate --json -m words.apg new-words.csv | diff want.json -
    apg predict -q -m words.apg --append new-words.csv > scored.csv
    run --separate-stderr -1 apg evaluate scored.csv
    [[ "$stderr" == "apg evaluate: scored.csv:2: label: a label is 0 or 1, not "*" (--positive names those that are 1)" ]]
    apg evaluate --json --positive yes scored.csv | diff want.json -
    apg compare --json --positive yes scored.csv scored.csv | jq -e '.auc.difference == 0 and .auc.a > .5'
    apg encode -q --multi genres --positive yes words.csv -o words.apgf
    apg encode -q --multi genres logs.csv | apg encode --decode | cmp - <(apg encode --decode words.apgf)
    apg encode --encoder words.apgf new-words.csv | apg evaluate --json -m words.apg | diff want.json -
    run --separate-stderr -1 apg train "${few[@]}" --positive YES -o no.apg words.csv
    [ "$stderr" = "apg train: words.csv: label: no label is one that --positive names" ]
    sed '5s/^[^,]*//' words.csv > hole.csv
    run --separate-stderr -1 apg train "${few[@]}" --positive yes -o no.apg hole.csv
    [ "$stderr" = "apg train: hole.csv:5: label: neither 0 nor 1: ''" ]
    run --separate-stderr -2 apg evaluate -m words.apg --positive yes new-words.csv
    printf '%s\n' label,x 1,a 2,b 3,a 4,b 5,b 2,a > stars.csv
    run --separate-stderr -1 apg train -q -o no.apg stars.csv
    [ "$stderr" = "apg train: stars.csv:3: label: neither 0 nor 1: '2' (its values are '1', '2', '3', '4' and others: --positive names those that are 1)" ]
    [ ! -e no.apg ]
}

@test "train --report: the learning curve on a page that stands alone; the model is as without it" {
    need_gnuplot
    apg train "${small[@]}" --epochs 3 --valid new.csv -o want.apg logs.csv
    apg train "${small[@]}" --epochs 3 --valid new.csv --report page.html -o got.apg logs.csv
    cmp want.apg got.apg
    stands_alone page.html
    grep -q '<h2>Log loss</h2>' page.html
    grep -q '<h2>Validation AUC</h2>' page.html
    for curve in training validation best; do grep -q ">$curve<" page.html; done
    grep -q "<dt>validation AUC</dt><dd>$(apg inspect --json got.apg | jq -r .made.validation.auc | cut -c 1-6)" page.html
    [ "$(grep -c '<svg' page.html)" -eq 2 ]
    # Without validation there is one curve; of --from there is an epoch 0; auto has several passes.
    apg train "${small[@]}" --epochs 2 --holdout 0 --report none.html -o none.apg logs.csv
    stands_alone none.html
    [ "$(grep -c '<svg' none.html)" -eq 1 ]
    apg train -q --from got.apg --epochs 1 --valid new.csv --report from.html -o from.apg logs.csv
    stands_alone from.html
    head -n 2001 logs.csv > few.csv
    apg train -q --multi genres --condition auto --hidden 8 --epochs 2 --report auto.html -o auto.apg few.csv
    stands_alone auto.html
    apg train -q --multi genres --tune=3 --hidden 8 --epochs 2 --report tune.html -o tune.apg few.csv
    stands_alone tune.html
    grep -q '<h2>Candidates of --tune: log loss</h2>' tune.html
    shows_both "$PWD/page.html"
}

@test "train --report: without gnuplot nothing is trained; when it fails at the end, the model is there" {
    run --separate-stderr -1 env PATH="$(without_gnuplot)" "$APG" train "${small[@]}" --report no.html -o no.apg logs.csv
    [ "$stderr" = "apg train: plots are drawn by gnuplot, which is not there: apt-get install gnuplot-nox" ]
    [ ! -e no.apg ]
    printf '%s\n' '#!/bin/sh' '[ "$2" = --version ] || exit 3' > empty/gnuplot
    chmod +x empty/gnuplot
    run --separate-stderr -1 env PATH="$PWD/empty" "$APG" train "${small[@]}" --report no.html -o yes.apg logs.csv
    [ "$stderr" = "apg train: gnuplot failed: it drew nothing; yes.apg is written" ]
    cmp yes.apg <(apg train "${small[@]}" logs.csv)
    [ ! -e no.html ]
    run --separate-stderr -2 apg train --report x.apg -o x.apg logs.csv
    run --separate-stderr -2 apg train --report - -o x.apg logs.csv
}

@test "train: a column that gives the label away is warned of by name, also with -q, and of features" {
    awk -F, -v OFS=, 'NR == 1 { print $0, "bought", "paid"; next } { print $0, $1 ? "yes" : "no", $1 ? NR % 90 + .5 : "" }' logs.csv > leak.csv
    few=(-q --multi genres --epochs 1 --hidden 4 -o leak.apg)
    run --separate-stderr -0 apg train "${few[@]}" leak.csv
    [ "${stderr_lines[0]}" = "apg train: paid alone tells the label (AUC 1.0000 on rows that it was not learned from): is it known beforehand? else --drop paid" ] ||
        [ "${stderr_lines[1]}" = "apg train: paid alone tells the label (AUC 1.0000 on rows that it was not learned from): is it known beforehand? else --drop paid" ]
    [[ "$stderr" == *"apg train: bought alone tells the label"* ]]
    run --separate-stderr -0 apg train "${few[@]}" --drop bought,paid leak.csv
    [[ "$stderr" != *"alone tells the label"* ]]
    apg encode -q --multi genres --drop paid leak.csv -o leak.apgf
    run --separate-stderr -0 apg train "${few[@]:0:1}" "${few[@]:3}" leak.apgf
    [[ "$stderr" == *"apg train: bought alone tells the label"* ]]
    # Also where labels take turns; what is to be typed is in quotes where a shell and a list need them.
    awk 'BEGIN { print "label,user,\"odd, one\""; for (i = 0; i < 400; i++) print i % 2 ",u" int(i / 7) % 9 ",v" i % 2 }' > turns.csv
    run --separate-stderr -0 apg train -q --force --epochs 1 --hidden 4 -o leak.apg turns.csv
    [[ "$stderr" == *"apg train: odd, one alone tells the label (AUC 1.0000 "*"else --drop '\"odd, one\"'"* ]]
}

@test "train: large embeddings have one moment each, and the best weights wait in a file" {
    head -n 2001 logs.csv > few.csv
    large=(--multi genres --hash-bits 16 --embedding-dim 64 --layer dense --hidden 4 --epochs 3 --patience 0 --seed 5)
    run --separate-stderr -0 apg train "${large[@]}" --log log -o auto.apg few.csv
    [[ "$stderr" =~ "takes about "([0-9]+)" MB of memory" ]]
    memory=${BASH_REMATCH[1]} # weights and their mean, four bytes each, and not three times more
    numbers=$(jq -r 'select(.event == "model") | .embedding_numbers' log)
    [ "$numbers" -gt 16777216 ]
    [ "$memory" -gt $((8 * numbers / 1000000)) ] && [ "$memory" -lt $((12 * numbers / 1000000)) ]
    [ "$(jq -r 'select(.event == "model") | .memory / 1e6 | round' log)" = "$memory" ]
    apg train -q "${large[@]}" --embedding-moments row --threads 1 -o row.apg few.csv
    cmp <(apg predict -q --logit -m auto.apg few.csv) <(apg predict -q --logit -m row.apg few.csv)
    run --separate-stderr -1 apg train -q "${large[@]}" --temp-dir /nonexistent -o no.apg few.csv
    [[ "$stderr" == "apg train: a temporary file in /nonexistent (--temp-dir names another place): No such file"* ]]
    [ ! -e no.apg ]
    # A small model is told nothing of its memory, and has two moments for each number unless it is told so.
    run --separate-stderr -0 apg train "${small[@]}" -o each.apg logs.csv
    [[ "$stderr" != *"of memory"* ]]
    for moments in each row; do
        apg train -q "${small[@]}" --embedding-moments $moments -o $moments.apg logs.csv
    done
    apg train -q "${small[@]}" -o auto.apg logs.csv
    cmp <(apg predict -q --logit -m auto.apg new.csv) <(apg predict -q --logit -m each.apg new.csv)
    ! cmp -s <(apg predict -q --logit -m auto.apg new.csv) <(apg predict -q --logit -m row.apg new.csv)
}
