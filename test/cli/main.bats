# SPDX-License-Identifier: MIT
# apg itself: finding the command, help, and what becomes of its output. The option tables are in opt.bats.
bats_require_minimum_version 1.5.0
load helper

# An empty folder: bats keeps files of its own in $BATS_TEST_TMPDIR.
scratch() {
    mkdir "$BATS_TEST_TMPDIR/scratch"
    cd "$BATS_TEST_TMPDIR/scratch" || return
}

@test "apg: alone it prints its usage on standard error, as an error" {
    run --separate-stderr -2 apg
    [ -z "$output" ]
    [[ "$stderr" == "Usage: apg COMMAND"* ]]
}

@test "apg: --help, -h and help print the usage, which has every command" {
    for word in --help -h help; do
        run --separate-stderr -0 apg $word
        [ -z "$stderr" ]
        for command in $(apg --list-commands); do
            grep -q "^  $command  *[a-z]" <<< "$output"
        done
    done
}

@test "apg: help COMMAND is COMMAND --help" {
    for command in $(apg --list-commands); do
        [ "$(apg help "$command")" = "$(apg "$command" --help)" ]
    done
    run --separate-stderr -2 apg help nothing
    [ "$stderr" = "apg: no command 'nothing' (see 'apg --help')" ]
}

@test "apg: --version is one line" {
    run --separate-stderr -0 apg --version
    [[ "$output" =~ ^apg\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    [ "$(apg -V)" = "$output" ]
}

@test "apg: an unknown command is a usage error; its name cannot drive the terminal" {
    run --separate-stderr -2 apg trian
    [ -z "$output" ]
    [ "$stderr" = "apg: no command 'trian'; did you mean 'train'? (see 'apg --help')" ]
    run --separate-stderr -2 apg help Predcit
    [ "$stderr" = "apg: no command 'Predcit'; did you mean 'predict'? (see 'apg --help')" ]
    run --separate-stderr -2 apg score
    [ "$stderr" = "apg: no command 'score' (see 'apg --help')" ]
    run --separate-stderr -2 apg $'a\e[2Jb'
    [ "$stderr" = "apg: no command 'a?[2Jb' (see 'apg --help')" ]
}

@test "apg: every command is a file, a page and a test, and none is forgotten in the list" {
    apg --list-commands > "$BATS_TEST_TMPDIR/listed"
    sort -c "$BATS_TEST_TMPDIR/listed"
    sed -n 's/^int cmd_\([a-z]*\)(int argc, char \*\*argv);$/\1/p' "$ROOT/cmd/cmd.h" > "$BATS_TEST_TMPDIR/declared"
    diff "$BATS_TEST_TMPDIR/declared" "$BATS_TEST_TMPDIR/listed"
    while read -r command; do
        [ -e "$ROOT/cmd/$command.c" ]
        [ -e "$ROOT/man/apg-$command.1" ]
        [ -e "$ROOT/test/cli/$command.bats" ]
    done < "$BATS_TEST_TMPDIR/listed"
}

@test "apg: a late write error is an error" {
    for words in --help --version --list-commands "simulate --help" "simulate --list-options" "simulate --rows 2"; do
        run --separate-stderr -1 bash -c "\"\$APG\" $words > /dev/full"
        [[ "$stderr" == *": standard output: No space left on device" ]]
        [[ "$stderr" != *$'\n'* ]]
    done
}

@test "apg: a reader that has gone ends it quietly" {
    run --separate-stderr -0 bash -c 'trap - PIPE; "$APG" simulate --rows 1000000 | head -n 1; exit $((PIPESTATUS[0] != 141))'
    [ -z "$stderr" ]
}

@test "apg: closed standard streams do not become the output file" {
    scratch
    apg simulate --rows 5 > expected
    apg simulate --rows 5 -o out <&- >&- 2>&-
    cmp expected out
    run --separate-stderr -1 bash -c '"$APG" simulate --rows 5 >&-'
    [ "$stderr" = "apg simulate: standard output: Bad file descriptor" ]
    apg simulate --rows 5 --wrong 2>&- > out || [ $? -eq 2 ]
    [ ! -s out ]
}

# --- output files (common/output.c) ---

@test "apg: -o FILE appears whole, and replaces what was there, mode and link kept" {
    scratch
    apg simulate --rows 5 > expected
    (umask 027 && apg simulate --rows 5 -o new)
    cmp expected new
    [ "$(stat -c %a new)" = 640 ]
    echo old > old
    chmod 604 old
    ln -s old link
    apg simulate --rows 5 -o link
    [ -L link ]
    cmp expected old
    [ "$(stat -c %a old)" = 604 ]
    apg simulate --rows 5 -o - | cmp - expected
    [ "$(ls)" = $'expected\nlink\nnew\nold' ]
}

@test "apg: -o FILE that cannot be written is named, and nothing is left behind" {
    scratch
    mkdir dir
    run --separate-stderr -1 apg simulate --rows 5 -o none/x
    [ "$stderr" = "apg simulate: none/x: No such file or directory" ]
    run --separate-stderr -1 apg simulate --rows 5 -o dir
    [ "$stderr" = "apg simulate: dir: Is a directory" ]
    run --separate-stderr -1 apg simulate --rows 5 -o /dev/full
    [ "$stderr" = "apg simulate: /dev/full: No space left on device" ]
    [ "$(ls)" = dir ]
}

@test "apg: -o to a fifo writes into it" {
    scratch
    mkfifo pipe
    apg simulate --rows 5 -o pipe &
    apg simulate --rows 5 | cmp - pipe
    wait $!
    [ -p pipe ]
}

@test "apg: a disk that fills up leaves the old file as it was" {
    scratch
    echo old > out
    # a limit on the size of files: SIGXFSZ is ignored, so the write fails
    run --separate-stderr -1 bash -c 'trap "" XFSZ; ulimit -f 16; "$APG" simulate --rows 100000 -o out'
    [ "$stderr" = "apg simulate: out: File too large" ]
    [ "$(cat out)" = old ]
    [ "$(ls)" = out ]
}

# writing PID: it has opened the file that will take the output's place, which has no name yet
writing() {
    # shellcheck disable=SC2010 # a folder of links to descriptors
    ls -l "/proc/$1/fd" | grep -q '(deleted)'
}

@test "apg: a signal leaves the old file as it was, and ends it as signals do" {
    scratch
    ulimit -c 0
    echo old > out
    # A sanitizer would report a SEGV that is sent, instead of ending by it.
    export ASAN_OPTIONS="${ASAN_OPTIONS-}:handle_segv=0" TSAN_OPTIONS="${TSAN_OPTIONS-}:handle_segv=0"
    for signal in INT TERM HUP QUIT USR1 USR2 ALRM XCPU ABRT SEGV KILL; do
        # What a script starts in the background ignores INT, what nohup starts HUP: not here. And whatever goes
        # wrong, it ends at 50 MB.
        (ulimit -f 100000 && exec env --default-signal "$APG" simulate --rows 1000000000 -o out) &
        pid=$!
        wait_for writing $pid
        kill -s $signal $pid
        code=0
        wait $pid || code=$?
        echo "signal $signal, code $code"
        [ $code -eq $((128 + $(kill -l $signal))) ]
        [ "$(cat out)" = old ]
        [ "$(ls -A)" = out ]
    done
}

@test "apg: -o to an open descriptor writes at its place, and replaces nothing" {
    scratch
    apg simulate --rows 5 > expected
    { echo first; cat expected; echo last; } > both
    for name in /dev/stdout /dev/fd/1 /proc/self/fd/1; do
        { echo first; apg simulate --rows 5 -o $name; echo last; } > out
        cmp both out
        echo first > log
        apg simulate --rows 5 -o $name >> log
        echo last >> log
        cmp both log
    done
    { echo first >&7; apg simulate --rows 5 -o /dev/fd/7; echo last >&7; } 7> seven
    cmp both seven
    ln -s /dev/stdout link
    apg simulate --rows 5 -o link | cmp - expected
    run --separate-stderr -1 apg simulate --rows 5 -o /dev/fd/77
    [[ "$stderr" == "apg simulate: /dev/fd/77: "* ]]
    run --separate-stderr -1 bash -c '"$APG" simulate --rows 5 -o /dev/fd/7 7< expected'
    [ "$stderr" = "apg simulate: /dev/fd/7: Bad file descriptor" ]
    rm link both log out seven expected
    [ -z "$(ls -A)" ]
}

@test "apg: -o to links that lead on, or nowhere yet, and to a name as long as names can be" {
    scratch
    mkdir folder
    ln -s folder/new one
    ln -s "$PWD/one" two
    apg simulate --rows 5 -o two
    [ -L two ] && [ -L one ] && [ -f folder/new ]
    apg simulate --rows 5 | cmp - folder/new
    ln -s loop loop
    run --separate-stderr -1 apg simulate --rows 5 -o loop
    [ "$stderr" = "apg simulate: loop: Too many levels of symbolic links" ]
    long=$(printf 'x%.0s' $(seq 255))
    apg simulate --rows 5 -o "$long"
    cmp folder/new "$long"
    [ "$(ls -A | wc -l)" -eq 5 ]
}

@test "apg: a limit on memory is no reason to hang" {
    case ${APG_CC:-} in *sanitize*) skip "a sanitizer needs terabytes of addresses" ;; esac
    scratch
    apg simulate --rows 2000 --seed 3 > logs.csv
    apg train -q --multi genres --hidden 4 --epochs 1 --threads 1 -o m.apg logs.csv
    for kilobytes in 40000 60000 80000 120000 180000; do
        for command in --version "predict -q -m m.apg logs.csv" "train -q --multi genres --hidden 4 --epochs 1 -o x.apg logs.csv"; do
            code=0
            # shellcheck disable=SC2086
            (ulimit -v $kilobytes && exec timeout 60 "$APG" $command) > out 2> err || code=$?
            echo "$kilobytes: apg $command: $code"
            [ $code -ne 124 ] && [ $code -lt 128 ]
        done
    done
    rm -f x.apg
    [ "$(ls -A)" = $'err\nlogs.csv\nm.apg\nout' ]
}

@test "apg: more inputs than a process may have open" {
    scratch
    apg simulate --rows 3000 --seed 3 > logs.csv
    head -n 3 logs.csv > few.csv
    mkdir many
    for i in $(seq 300); do ln few.csv many/$i.csv; done
    apg train -q --multi genres --hidden 4 --epochs 1 -o m.apg logs.csv
    (
        ulimit -n 32
        [ "$(apg predict -q -m m.apg many/*.csv | wc -l)" -eq 600 ]
        apg evaluate --json -m m.apg many/*.csv | jq -e '.rows == 600'
        apg encode -q --encoder m.apg -o many.apgf many/*.csv
        apg encode -q --encoder m.apg -o few.apgf few.csv
        for i in $(seq 300); do ln few.apgf many/$i.apgf; done
        [ "$(apg predict -q -m m.apg many/*.apgf | wc -l)" -eq 600 ]
        apg evaluate --json -m m.apg many/*.apgf | jq -e '.rows == 600'
        [ "$(apg encode --decode many/*.apgf | wc -l)" -eq 601 ]
        apg predict -q -m m.apg many/1.csv many/1.apgf many/2.csv - < few.apgf | cmp - <(for i in 1 2 3 4; do apg predict -q -m m.apg few.csv; done)
        rm many/*.apgf
        apg train -q --multi genres --hidden 4 --epochs 1 -o x.apg logs.csv many/*.csv
    )
    [ "$(apg predict -q -m m.apg many.apgf | wc -l)" -eq 600 ]
    run --separate-stderr -1 apg predict -q -m m.apg few.csv none.csv
    [ "$stderr" = "apg predict: none.csv: No such file or directory" ]
    [ -z "$output" ]
}
