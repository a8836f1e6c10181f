# SPDX-License-Identifier: MIT
# CSV to a feature file and back.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    small_model
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}

@test "encode: from a pipe and from a file, with 1 and with 2 threads: the same bytes" {
    apg encode -q --multi genres --threads 1 logs.csv > 1.apgf
    apg encode -q --multi genres --threads 2 < logs.csv | cmp - 1.apgf
}

@test "encode: --decode gives tokens back, and they encode to the same rows" {
    apg encode -q --multi genres logs.csv > logs.apgf
    apg encode --decode < logs.apgf > back.csv
    [ "$(wc -l < back.csv)" -eq "$(wc -l < logs.csv)" ]
    column() { awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } { print $c }' "$1"; }
    for name in label user_id genres; do
        cmp <(column back.csv "$name") <(column logs.csv "$name")
    done
}

@test "encode: a file cut short or altered is refused" {
    apg encode -q --multi genres logs.csv > logs.apgf
    head -c -100 logs.apgf > cut.apgf
    run --separate-stderr -1 apg encode --decode cut.apgf
    [[ "$stderr" == "apg encode: cut.apgf: "* ]]
    cp logs.apgf altered.apgf
    printf X | dd of=altered.apgf bs=1 seek=$(($(stat -c %s logs.apgf) / 2)) conv=notrunc status=none
    run --separate-stderr -1 apg encode --decode altered.apgf
    [[ "$stderr" == "apg encode: altered.apgf: "* ]]
}

@test "encode: a ragged row and a full disk are errors, and no file appears" {
    { head -n 3 logs.csv; echo 1,2; } > ragged.csv
    run --separate-stderr -1 apg encode -q -o none.apgf ragged.csv
    [[ "$stderr" == "apg encode: ragged.csv:4: "* ]]
    [ ! -e none.apgf ]
    run --separate-stderr -1 apg encode -q -o /dev/full logs.csv
    [[ "$stderr" == *"No space left on device"* ]]
}
