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

# layers LINE...: the first line of output of tools/check-layers, which must refuse
layers() {
    run -1 "$ROOT/tools/check-layers"
    [ "${lines[0]}" = "$1" ] || { echo "$output"; return 1; }
}

@test "check-layers: what it allows and what not" {
    mkdir -p lib/low lib/high cmd/common
    printf '%s\n' "low:" "high: low  # a note" > lib/LAYERS
    touch lib/low/b.h lib/high/x.h lib/apg.h cmd/common/y.h
    echo '#include "low/b.h"' > lib/low/a.h
    printf '%s\n' '#include "low/a.h"' '#include "apg.h"' '#include <csv.h>' > lib/high/x.c
    printf '%s\n' '#include "high/x.h"' '#include "apg.h"' > lib/apg.c
    printf '%s\n' '#include "high/x.h"' '#include "common/y.h"' > cmd/x.c
    run -0 "$ROOT/tools/check-layers"
    [ -z "$output" ]

    echo '#  include "high/x.h"' > lib/low/b.h
    layers "lib/low/b.h:1: low includes high/x.h, which lib/LAYERS does not allow"
    echo '#include "common/y.h"' > lib/low/b.h
    layers "lib/low/b.h:1: includes common/y.h, which is no room/file.h of the library"
    echo '#include "a.h"' > lib/low/b.h
    layers "lib/low/b.h:1: includes a.h, which is no room/file.h of the library"
    : > lib/low/b.h
    echo '#include "../lib/low/b.h"' > cmd/x.c
    run -1 "$ROOT/tools/check-layers"
    [[ "$output" == "cmd/x.c:1: includes ../lib/low/b.h: "* ]]
    : > cmd/x.c
    mkdir lib/new
    echo '#include "low/b.h"' > lib/new/n.c
    layers "lib/new/n.c:1: new has no line in lib/LAYERS"
    rm -r lib/new
    sed -i 's/^low:/low: high/' lib/LAYERS
    layers "lib/LAYERS:1: low names high, which has no line before it"
}

@test "check-layers: files of one room in a circle" {
    mkdir -p lib/low
    echo "low:" > lib/LAYERS
    echo '#include "low/b.h"' > lib/low/a.c
    echo '#include "low/c.h"' > lib/low/b.h
    touch lib/low/a.h lib/low/c.h
    run -0 "$ROOT/tools/check-layers"
    echo '#include "low/a.h"' > lib/low/c.c
    run -1 "$ROOT/tools/check-layers"
    [[ "$output" == *"lib/low/a -> low/b -> low/c -> low/a: a circle of includes"* ]]
}

@test "check-headers: a header that needs another one before it is refused" {
    mkdir -p lib/room cmd
    echo 'typedef int number;' > lib/room/a.h
    echo 'extern int x;' > cmd/b.h
    run -0 "$ROOT/tools/check-headers" "${CC:-cc}"
    echo 'number y(void);' > cmd/b.h
    run -1 "$ROOT/tools/check-headers" "${CC:-cc}"
    [[ "$output" == *"number"* ]]
}

@test "check-programs: a program that nothing brings is refused by file and line, wherever a script calls it" {
    for call in 'bc' 'x=1 bc <<< 2' 'echo 1 | bc' 'if ! bc; then :; fi' 'echo "$(echo 2 | bc)"' 'cmp - <(bc)' 'run -1 bc' \
        'env A=b xargs -n 1 bc' "bash -c 'echo; bc'" "trap 'bc' EXIT" '/usr/bin/bc' 'case x in a|b) bc ;; esac' 'x=`bc`' \
        '[[ a == "((" ]] && bc' '(bc)' '2> x bc' 'f() { bc; }'; do
        printf '%s\n' '#!/bin/sh' 'cat <<END' 'bc' 'END' "$call" > script
        run -1 "$ROOT/tools/check-programs" script
        [ "$output" = "script:5: calls bc, which neither an essential package nor tools/deps brings" ] || { echo "$call: $output"; return 1; }
    done
    printf '%s\n' 'X = $(shell bc) # bc' 'all:' '	@echo $$(bc) $(bc) \' '	; bc' > Makefile
    run -1 "$ROOT/tools/check-programs" Makefile
    [ "${#lines[@]}" -eq 3 ]
    [[ "${lines[0]}" == "Makefile:1: "* && "${lines[1]}" == "Makefile:3: "* && "${lines[2]}" == "Makefile:4: "* ]]
}

@test "check-programs: a word that is no command is none; a function is one of its own file" {
    printf '%s\n' '# bc' 'echo bc "bc" '"'bc' \\" 'bc' 'x=(bc bc)' 'case $x in bc|a) ;; esac' 'for bc in bc; do :; done' \
        'command -v bc || echo ${x:-bc} > bc' "awk '{ bc }'" '[[ bc && x ]] || (( bc ))' 'dc() { :; }' 'dc' > script
    run -0 "$ROOT/tools/check-programs" script
    [ -z "$output" ]
    echo dc > other
    run -1 "$ROOT/tools/check-programs" script other
    [[ "$output" == "other:1: calls dc,"* ]]
    echo 'echo "not closed' > script
    run -1 "$ROOT/tools/check-programs" script
    [[ "$output" == "script: cannot be read: "* ]]
}

# absent FILE...: words of the files that are paths of this tree, by their first folder, and that are not there. A word in
# capitals (NAME, X) stands for any.
absent() {
    grep -noE '(^|[^A-Za-z0-9_./-])(lib|cmd|test|tools|bench|docs|man|examples|completions|packaging)/[A-Za-z0-9_.*/-]*' "$@" /dev/null |
        while IFS=: read -r file line path; do
            path=${path#[!a-z]}
            path=$(sed -E 's/\.+$//; s/(^|[^A-Za-z])(NAME|X)([^A-Za-z]|$)/\1*\3/g' <<< "$path")
            compgen -G "$ROOT/$path" > /dev/null || echo "${file##*/}:$line: $path"
        done
}

@test "house: the paths that the documents name are there" {
    printf '%s\n' "see lib/LAYERS, test/cli/NAME.bats." "(lib/nn/op_NAME.c) and docs/*.md, or ../docs/none.md" \
        'of `tools/none`, lib/gone/x.c.' 'test/unit/none_X.c' > made-up.md
    run absent made-up.md
    [ "$output" = "made-up.md:3: tools/none
made-up.md:3: lib/gone/x.c
made-up.md:4: test/unit/none_*.c" ] || { echo "$output"; return 1; }
    run absent "$ROOT"/*.md "$ROOT"/docs/*.md
    [ -z "$output" ] || { echo "$output"; return 1; }
}

# unproved FILE...: rows of their tables that name no test, and tests that are not there. A test is named as `train.bats: words of
# its name`, which no other test of that file has, or as `test_opt.c: function`.
unproved() {
    awk '/^\| / && !/^\| (input|event|file) / && !/`[a-z_]+\.(bats|c): [^`]+`/ { sub(".*/", "", FILENAME)
        print FILENAME ":" FNR ": no test" }' "$@"
    grep -noE '`[a-z_]+\.(bats|c): [^`]+`' "$@" /dev/null |
        while IFS=: read -r file line name; do
            name=${name//\`/}
            found=0
            case $name in
                *.bats:*) found=$(cat "$ROOT"/test/cli/"${name%%:*}" "$ROOT"/test/mpi/"${name%%:*}" 2> /dev/null | grep '^@test "' | grep -cF -- "${name#*: }") || true ;;
                *) found=$(grep -cF "cmocka_unit_test(${name#*: })" "$ROOT/test/unit/${name%%:*}") || true ;;
            esac
            [ "$found" = 1 ] || echo "${file##*/}:$line: $name"
        done 2> /dev/null
}

@test "house: docs/trust.md has a test for each row, all tests that it names are there, and so are the addresses of reports" {
    printf '%s\n' '| input | apg | test |' '|---|---|---|' '| a | b | `house.bats: paths that the doc`, `test_mem.c: mul_sees_overflow` |' \
        '| a | b | - |' '| a | b | `house.bats: no such words` |' '| a | b | `house.bats: house` |' '| a | b | `none.bats: x` |' \
        '| a | b | `test_mem.c: mul_sees` |' > made-up.md
    run unproved made-up.md
    [ "$output" = "made-up.md:4: no test
made-up.md:5: house.bats: no such words
made-up.md:6: house.bats: house
made-up.md:7: none.bats: x
made-up.md:8: test_mem.c: mul_sees" ] || { echo "$output"; return 1; }
    run unproved "$ROOT/docs/trust.md"
    [ -z "$output" ] || { echo "$output"; return 1; }
    [ "$(grep -c '^| ' "$ROOT/docs/trust.md")" -gt 80 ]
    grep -oE '\]\[[a-z0-9-]+\]' "$ROOT/docs/trust.md" | tr -d '][' | sort -u > cited
    sed -nE 's/^\[([a-z0-9-]+)\]: https:.*/\1/p' "$ROOT/docs/trust.md" | sort > given
    diff cited given
}

@test "deps: nothing is missing where the tests run, and it says nothing" {
    run --separate-stderr -0 "$ROOT/tools/deps"
    [ -z "$output$stderr" ]
}

@test "deps: without the programs it names their packages" {
    mkdir bin
    ln -s "$(command -v sh)" "$(command -v awk)" bin
    PATH=$PWD/bin run -1 "$ROOT/tools/deps" --list
    [ "$output" = " gcc libc6-dev make pkg-config libcsv-dev libopenblas-dev libjansson-dev libxxhash-dev libcmocka-dev bats jq mandoc python3" ]
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
