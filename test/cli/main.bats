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
}

@test "apg: an unknown command is a usage error; its name cannot drive the terminal" {
    run --separate-stderr -2 apg trian
    [ -z "$output" ]
    [ "$stderr" = "apg: no command 'trian' (see 'apg --help')" ]
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

@test "apg: a signal leaves the old file as it was, and ends it as signals do" {
    scratch
    echo old > out
    for signal in INT TERM HUP; do
        # What a script starts in the background ignores INT, what nohup starts HUP: not here. And whatever goes
        # wrong, it ends at 50 MB.
        (ulimit -f 100000 && exec env --default-signal "$APG" simulate --rows 1000000000 -o out) &
        pid=$!
        wait_for compgen -G 'out.*.tmp'
        kill -s $signal $pid
        code=0
        wait $pid || code=$?
        echo "signal $signal, code $code"
        [ $code -eq $((128 + $(kill -l $signal))) ]
        [ "$(cat out)" = old ]
        [ "$(ls)" = out ]
    done
}
