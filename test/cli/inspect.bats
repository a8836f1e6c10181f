# SPDX-License-Identifier: MIT
# inspect: models, feature files, and what is neither.
bats_require_minimum_version 1.5.0
load small_model

@test "inspect: a model as text, by name and from a pipe" {
    run --separate-stderr -0 apg inspect m.apg
    [ -z "$stderr" ]
    [ "${lines[0]}" = 'kind: "model"' ]
    grep -qx "bytes: $(stat -c %s m.apg)" <<< "$output"
    grep -q '^  name "genres", kind "multi", ids [0-9]*$' <<< "$output"
    grep -qx 'collapsed: false' <<< "$output"
    cat m.apg | apg inspect | diff - <(echo "$output")
}

@test "inspect: --json: the tensors add up to the numbers; a collapsed model says so" {
    apg inspect --json m.apg | jq -e '(.tensors | length > 0) and .collapsed == false and
        (.architecture | type == "object") and .embedding_numbers > 0 and .other_numbers > 0 and
        ([.tensors[] | select(.dtype == "F32" and (.shape | length == 2)) | .shape[0] * .shape[1]] | add)
            == .embedding_numbers + .other_numbers'
    apg collapse -q m.apg | apg inspect --json | jq -e '.collapsed'
}

@test "inspect: a feature file has the model's columns and no tensors" {
    apg encode -q --multi genres -o logs.apgf logs.csv
    diff <(apg inspect --json logs.apgf | jq .columns) <(apg inspect --json m.apg | jq .columns)
    apg inspect --json < logs.apgf | jq -e '.kind == "features" and has("tensors") == false'
    grep -qx 'kind: "features"' <(apg inspect logs.apgf)
}

@test "inspect: a feature file through a pipe is the same, but for its size" {
    apg encode -q --multi genres -o logs.apgf logs.csv
    apg inspect --json <(cat logs.apgf) > piped
    diff <(apg inspect --json logs.apgf | jq 'del(.bytes)') <(jq 'del(.bytes)' piped)
    jq -e '.bytes == null' piped
    jq -e ".bytes == $(stat -c %s logs.apgf)" <(apg inspect --json - < logs.apgf)
    apg inspect --json <(cat m.apg) | diff - <(apg inspect --json m.apg)
    run --separate-stderr -1 apg inspect <(head -c 1000 logs.apgf)
    [[ "$stderr" == "apg inspect: "*": truncated"* ]]
}

# numbers FILE TENSOR: of the tensor, one a line, found as docs/files.md says, without apg
numbers() {
    local n from to
    n=$(od -A n -t u8 -N 8 "$1")
    read -r from to <<< "$(head -c $((8 + n)) "$1" | tail -c +9 | jq -r --arg name "$2" '.[$name].data_offsets | "\(.[0]) \(.[1])"')"
    od -A n -v -w4 -t f4 -j $((8 + n + from)) -N $((to - from)) "$1"
}

@test "inspect: jq reads a model's header, od its numbers, and both agree with it" {
    n=$(od -A n -t u8 -N 8 m.apg)
    [ $(((8 + n) % 64)) -eq 0 ]
    head -c $((8 + n)) m.apg | tail -c +9 > header.json
    apg inspect --json m.apg > m.json
    diff <(jq -S '.__metadata__.model | fromjson' header.json) <(jq -S .architecture m.json)
    diff <(jq -S 'del(.__metadata__) | to_entries | map(select(.key | startswith("pad.") | not) |
            {name: .key, dtype: .value.dtype, shape: .value.shape}) | sort_by(.name)' header.json) \
        <(jq -S '.tensors | sort_by(.name)' m.json)
    diff <(jq -r '.tensors[] | select(.dtype == "F32") | .name' m.json | sort) - << END
edges.price
embedding
hidden.0.S.bias
hidden.0.S.weight
hidden.0.U_l
hidden.0.U_r
hidden.0.V_l
hidden.0.V_r
hidden.0.bias
hidden.1.S.bias
hidden.1.S.weight
hidden.1.U_l
hidden.1.U_r
hidden.1.V_l
hidden.1.V_r
hidden.1.bias
linear
out.bias
out.weight
END
    jq -r '.tensors[] | select(.dtype == "F32") | "\(.name) \(.shape[0] * (.shape[1] // 1))"' m.json > sizes
    while read -r name size; do
        [ "$(numbers m.apg "$name" | grep -cE '^ *-?[0-9.]+(e[-+][0-9]+)?$')" -eq "$size" ]
    done < sizes
}

@test "inspect: U of the collapsed model is U_l U_r of the model, V likewise, number by number" {
    apg collapse -q -o collapsed.apg m.apg
    apg inspect --json m.apg > m.json
    for factor in hidden.0.U hidden.0.V hidden.1.U hidden.1.V; do
        read -r rows inner columns <<< "$(jq -r --arg f $factor '[.tensors[] | select(.name == $f + "_l", .name == $f + "_r")] |
            sort_by(.name) | "\(.[0].shape[0]) \(.[0].shape[1]) \(.[1].shape[1])"' m.json)"
        { numbers m.apg ${factor}_l; numbers m.apg ${factor}_r; numbers collapsed.apg $factor; } |
            awk -v n="$rows" -v p="$inner" -v m="$columns" '{ x[NR - 1] = $1 } END {
                for (i = 0; i < n; i++)
                    for (j = 0; j < m; j++) {
                        sum = 0
                        for (k = 0; k < p; k++)
                            sum += x[i * p + k] * x[n * p + k * m + j]
                        d = sum - x[(n + m) * p + i * m + j]
                        if (d > 1e-6 || d < -1e-6)
                            exit 1
                        size += sum * sum
                    }
                exit NR != (n + m) * p + n * m || size < 1e-3
            }'
    done
}

# options_of MODEL: what made it, for a shell
options_of() { apg inspect --json "$1" | jq -r .made.options; }

@test "inspect: what made a model: its options give the same bytes, from CSV and from features" {
    printf 'id%d\n' {1..6001} | paste -d , - logs.csv | sed '1s/^id1,/"it'"'"'s, an id",/' > ids.csv
    for options in "--multi genres" "--multi genres --drop hour --numeric-bins 4 --min-count 2 --holdout-last 0.2 --hidden 8,4 --rank 2,0 --lr 0.0012345678" \
        "--multi genres --cross scenario,hour --layer dense --hidden 4 --stop-on logloss --no-calibrate --seed 7 --threads 2" \
        "--multi genres --condition group:user_id --hidden 8 --holdout 0 --epochs 1"; do
        # shellcheck disable=SC2086
        apg train -q --epochs 2 $options -o 1.apg ids.csv
        eval "apg train -q $(options_of 1.apg) -o 2.apg ids.csv"
        cmp 1.apg 2.apg
    done
    [[ "$(options_of 1.apg)" == *" --drop '\"it'\\''s, an id\"' "* ]]
    apg encode -q --multi genres --drop hour --buckets 8 --bucket price -o 1.apgf logs.csv
    apg train -q --hidden 4 --epochs 1 -o 1.apg 1.apgf
    eval "apg train -q $(options_of 1.apg) -o 2.apg logs.csv"
    cmp 1.apg 2.apg
    [[ "$(options_of 1.apg)" == "--label label --categorical "*" --bucket price --multi genres --buckets 8 --drop hour --hidden 4 --epochs 1" ]]
    grep -qx "  options $(options_of 1.apg | sed 's/ --hidden.*//')" <(apg inspect 1.apgf)
}

@test "inspect: what made a model: rows, epoch and validation; no path, and nothing of what changes no weight" {
    apg train -q --multi genres --hidden 8 --epochs 2 --average 0.5 --threads 2 --memory 0 --valid new.csv --seed 3 -o v.apg logs.csv
    apg inspect --json v.apg > v.json
    jq -e '.made | .seed == 3 and .rows == 6000 and .validation.rows == 2000 and .validation.are == "a log of their own"
        and .settings.hidden == "8" and (.settings | has("threads") or has("memory") or has("average") | not)' v.json
    [ "$(jq -r .made.version v.json)" = "$(apg --version | cut -d ' ' -f 2)" ]
    apg evaluate --json -m v.apg new.csv | jq -e --slurpfile v v.json '
        def near(a; b): a - b | . < 2e-6 and . > -2e-6;
        near(.auc; $v[0].made.validation.auc) and near(.log_loss; $v[0].made.validation.log_loss)'
    [ "$(grep -caE 'new\.csv|logs\.csv|v\.apg' v.apg)" -eq 0 ]
    apg train -q --multi genres --hidden 8 --epochs 2 --holdout 0 -o n.apg logs.csv
    apg inspect --json n.apg | jq -e '.made | .epoch == 2 and (has("validation") | not)'
    # Columns and sizes come first, then what made it, then what it is made of.
    [ "$(apg inspect v.apg | grep -oE '^[a-z_]+' | tr '\n' ' ')" = \
        "kind bytes label columns embedding_numbers other_numbers collapsed calibration checksum made architecture tensors " ]
}

@test "inspect: what made a model is kept by collapse, which says what it did, and --from names what it went on from" {
    apg collapse -q --embedding f16 -o c.apg m.apg
    diff <(apg inspect --json m.apg | jq .made) <(apg inspect --json c.apg | jq '.made | del(.collapsed)')
    apg inspect --json c.apg | jq -e '.made.collapsed == ["factors", "embedding f16"]'
    apg train -q --from m.apg --epochs 1 --hidden 16,8 --form overparam --rank 4 --overparam 8 -o on.apg logs.csv
    diff <(apg inspect --json m.apg | jq .checksum) <(apg inspect --json on.apg | jq .made.from)
    eval "apg train -q --from m.apg $(options_of on.apg) -o again.apg logs.csv"
    cmp on.apg again.apg
    # Files of before say nothing of it.
    apg inspect --json "$BATS_TEST_DIRNAME/model-1.apg" | jq -e 'has("made") | not'
    apg collapse -q "$BATS_TEST_DIRNAME/model-1.apg" | apg inspect --json | jq -e '.made | keys == ["collapsed"]'
}

@test "inspect: garbage is one clear line, and so is a full disk" {
    run --separate-stderr -1 apg inspect logs.csv
    [ -z "$output" ]
    [[ "$stderr" == "apg inspect: logs.csv: "*"not a"* ]]
    [[ "$stderr" != *$'\n'* ]]
    apg inspect -m m.apg | cmp - <(apg inspect m.apg)
    run --separate-stderr -2 apg inspect -m m.apg m.apg
    [ "$stderr" = "apg inspect: one file at a time (see 'apg inspect --help')" ]
    run --separate-stderr -1 bash -c 'apg inspect m.apg > /dev/full'
    [ "$stderr" = "apg inspect: standard output: No space left on device" ]
}

@test "inspect --verify: the rows of a feature file are read, checked and counted" {
    apg encode -q --encoder m.apg logs.csv -o v.apgf
    apg inspect --json v.apgf | jq -e 'has("rows") | not'
    apg inspect --json --verify v.apgf > v.json
    [ "$(jq .rows v.json)" -eq "$(($(wc -l < logs.csv) - 1))" ]
    [ "$(jq .positives v.json)" -gt 0 ]
    cat v.apgf | apg inspect --verify | grep -qx "rows: $(jq .rows v.json)"
    apg inspect --verify m.apg | cmp - <(apg inspect m.apg)
    head -c -100 v.apgf > cut.apgf
    apg inspect cut.apgf > /dev/null
    run --separate-stderr -1 apg inspect --verify cut.apgf
    [[ "$stderr" == "apg inspect: cut.apgf: truncated: "* ]]
    [ -z "$output" ]
    { head -c -200 v.apgf; printf x; tail -c 199 v.apgf; } > bad.apgf
    run --separate-stderr -1 apg inspect --verify bad.apgf
    [[ "$stderr" == "apg inspect: bad.apgf: block "*": checksum does not match" ]]
}
