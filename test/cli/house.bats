# SPDX-License-Identifier: MIT
# The tools that judge the rest: each must be able to say no.
bats_require_minimum_version 1.5.0
load helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# tap MODE SCRIPT: the result line of a test that is SCRIPT
tap() {
    "$ROOT/tools/tap" "$1" out name sh -c "$2" > report
    tail -n 1 out
}

@test "tap: counts passed, failed and skipped tests" {
    [ "$(tap run 'echo 1..4; echo ok 1; echo not ok 2; echo "ok 3 # skip"; echo "not ok 4 # SKIP x"; exit 1')" = "# result 1 1 2" ]
    grep -q "1 passed, 1 FAILED, 2 skipped" report
    grep -q "not ok 2" report
    run -1 "$ROOT/tools/tap" sum out
    [ "$output" = "1 passed, 1 failed, 2 skipped" ]
}

@test "tap: a crash, a leak, silence and a missing result are failures" {
    [ "$(tap run 'echo 1..3; echo ok 1; kill -SEGV $$')" = "# result 1 2 0" ]
    [ "$(tap run 'echo 1..1; echo ok 1; exit 23')" = "# result 1 1 0" ]
    [ "$(tap run true)" = "# result 0 1 0" ]
    run -1 "$ROOT/tools/tap" sum out none
    [ "$output" = "0 passed, 2 failed" ]
}

@test "tap: a command without TAP is one test" {
    [ "$(tap one 'echo ok said')" = "# result 1 0 0" ]
    run -0 "$ROOT/tools/tap" sum out
    [ "$output" = "1 passed, 0 failed" ]
    [ "$(tap one 'echo why >&2; exit 3')" = "# result 0 1 0" ]
    grep -q "# why" report
}

@test "check-layers: what it allows and what not" {
    mkdir lib cmd
    printf '%s\n' "low:" "op_*: low" "high: low op_*  # a note" > lib/LAYERS
    touch lib/low.h lib/op_a.h
    echo '#include "low.h"' > lib/op_a.c
    printf '%s\n' '#include "op_a.h"' '#include <csv.h>' > lib/high.c
    printf '%s\n' '#include "../lib/high.h"' '#include "cmd.h"' > cmd/x.c
    touch lib/high.h cmd/cmd.h
    run -0 "$ROOT/tools/check-layers"
    [ -z "$output" ]

    echo '#  include "high.h"' > lib/low.h
    run -1 "$ROOT/tools/check-layers"
    [ "$output" = "lib/low.h:1: low includes high, which lib/LAYERS does not allow" ]
    echo '#include "../cmd/cmd.h"' > lib/low.h
    run -1 "$ROOT/tools/check-layers"
    [[ "$output" == "lib/low.h:1: includes ../cmd/cmd.h: "* ]]
    : > lib/low.h
    echo '#include "low.h"' > lib/new.c
    run -1 "$ROOT/tools/check-layers"
    [ "$output" = "lib/new.c:1: new has no line in lib/LAYERS" ]
    rm lib/new.c
    sed -i 's/^low:/low: high/' lib/LAYERS
    run -1 "$ROOT/tools/check-layers"
    [ "$output" = "lib/LAYERS:1: low names high, which has no line before it" ]
}

@test "check-headers: a header that needs another one before it is refused" {
    mkdir lib cmd
    echo 'typedef int number;' > lib/a.h
    echo 'extern int x;' > cmd/b.h
    run -0 "$ROOT/tools/check-headers" "${CC:-cc}"
    echo 'number y(void);' > cmd/b.h
    run -1 "$ROOT/tools/check-headers" "${CC:-cc}"
    [[ "$output" == *"number"* ]]
}

@test "deps: nothing is missing where the tests run, and it says nothing" {
    run --separate-stderr -0 "$ROOT/tools/deps"
    [ -z "$output$stderr" ]
}

@test "deps: without the programs it names their packages" {
    mkdir bin
    ln -s "$(command -v sh)" "$(command -v awk)" bin
    PATH=$PWD/bin run -1 "$ROOT/tools/deps" --list
    [ "$output" = " gcc libc6-dev make pkg-config libcsv-dev libopenblas-dev libjansson-dev libxxhash-dev libcmocka-dev bats jq mandoc" ]
}

@test "check-fixtures: a folder that was asked for and holds no fixture is a failure" {
    fixtures=${APG%/*}/double/test/unit/double_fixtures
    [ -x "$fixtures" ] || skip "built by make check"
    mkdir empty
    FIXTURES=empty run ! "$fixtures"
    [[ "$output" == *"empty: no fixtures there"* ]]
    FIXTURES='' run -0 "$fixtures"
}

@test "house: standard input cannot be two inputs at once" {
    cd "$BATS_TEST_TMPDIR"
    apg simulate --rows 500 --seed 3 > logs.csv
    apg train -q --multi genres --hidden 4 --epochs 1 -o m.apg logs.csv
    for command in "predict -m -" "encode --encoder -" "train --from -" "train --multi genres --valid -"; do
        input=m.apg
        [ "${command##* --}" != "valid -" ] || input=logs.csv
        # shellcheck disable=SC2086
        run --separate-stderr -1 apg $command < $input
        [[ "$stderr" == *"apg ${command%% *}: standard input cannot be two inputs at once: give one as a file" ]] || { echo "$command: $stderr"; return 1; }
    done
    apg train -q --from - --epochs 1 -o on.apg logs.csv < m.apg
    apg predict -q -m - logs.csv < on.apg > /dev/null
}
