# SPDX-License-Identifier: MIT
# inspect: models, feature files, and what is neither.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    small_model
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}

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

@test "inspect: garbage is one clear line, and so is a full disk" {
    run --separate-stderr -1 apg inspect logs.csv
    [ -z "$output" ]
    [[ "$stderr" == "apg inspect: logs.csv: "*"not a"* ]]
    [[ "$stderr" != *$'\n'* ]]
    run --separate-stderr -1 bash -c 'apg inspect m.apg > /dev/full'
    [ "$stderr" = "apg inspect: standard output: No space left on device" ]
}
