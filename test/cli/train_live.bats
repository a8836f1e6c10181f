# SPDX-License-Identifier: MIT
# What train shows while it trains: a live line on a terminal, plain lines elsewhere.
bats_require_minimum_version 1.5.0
load small_model
many=(--multi genres --hidden 64 --batch-size 64 --epochs 3)

# screen COLUMNS OPTION...: what is on a terminal of so many columns behind it; the bytes are in raw
screen() {
    RAW=raw TERM=${TERM-} python3 "$ROOT/test/cli/terminal.py" "$1" "$APG" train "${@:2}" || return
}

# A chroot without /dev/pts has no terminals.
need_terminal() {
    python3 -c 'import pty; pty.openpty()' 2> no_terminal || skip "no pseudo-terminals"
}

# without_speed: the lines, but for the rows per second, which vary
without_speed() {
    sed -E '/^ +[0-9]+ +[0-9]+ /s/ +[0-9]+(  best)?$/\1/'
}

# live: the live lines that came, one a line
live() {
    tr '\r' '\n' < raw | grep '^\(candidate\|epoch [0-9]\)'
}

@test "train: on a terminal there is a live line, and in the end the lines that a file has" {
    need_terminal
    export TERM=xterm
    apg simulate --rows 40000 --seed 3 > more.csv
    apg train "${many[@]}" -o file.apg more.csv 2> file.err
    screen 200 "${many[@]}" -o x.apg more.csv > shown
    cmp x.apg file.apg
    diff <(without_speed < shown) <(without_speed < file.err)
    live > lines
    grep -qE '^epoch 1 of at most 3  \[#* *\]  +[0-9]+ %  [0-9]+ rows/s  loss 0\.[0-9]{5}  [0-9]+ s left of the epoch  at most [0-9]+ s in all *$' lines
    auc=$(awk '$1 == 1 { print $4 }' shown)
    grep -qE "^epoch 2 of at most 3 .*  valid AUC $auc  [0-9]+ s left of the epoch  at most" lines
    grep -qE '^epoch 3 of 3 .* [0-9]+ s left *$' lines
    # Bar, rows and time go on together, and the line is not rewritten for each of 563 steps of an epoch.
    awk '/^epoch 2/ { match($0, /\[#*/); bar = RLENGTH - 1; match($0, /[0-9]+ %/); part = substr($0, RSTART) + 0
        if (part < last || bar < int((part - .6) / 5) || bar > int((part + .6) / 5)) exit 1; last = part; n++ } END { exit !(n > 1 && n < 300) }' lines
    # Without validation the time left is that of all epochs.
    screen 200 "${many[@]}" --holdout 0 -o x.apg more.csv > shown
    live > lines
    grep -qE '^epoch 1 of 3  \[.* loss 0\.[0-9]+  [0-9]+ s left *$' lines
    run grep -E 'valid|at most' lines
    [ "$status" -eq 1 ]
}

@test "train: the live line keeps to the terminal's width" {
    need_terminal
    export TERM=xterm
    for columns in 80 40 20 10 3; do
        screen $columns "${many[@]}" -o x.apg logs.csv > shown
        tr '\r' '\n' < raw | awk -v columns=$columns '/^epoch [0-9]/ { n++; if (length($0) > columns - 4) exit 1 } END { exit columns > 20 && !n }'
    done
}

@test "train: no live line on a dumb terminal, with -q, or in a file" {
    need_terminal
    apg train "${many[@]}" -o file.apg logs.csv 2> file.err
    for term in dumb "" none; do
        export TERM=$term
        [ $term != none ] || unset TERM
        screen 100 "${many[@]}" -o x.apg logs.csv > shown
        diff <(without_speed < shown) <(without_speed < file.err)
        run live
        [ -z "$output" ]
    done
    export TERM=xterm
    screen 100 -q "${many[@]}" -o x.apg logs.csv > shown
    [ ! -s raw ]
    run grep $'\r' file.err
    [ "$status" -eq 1 ]
}

@test "train: messages are not written into the live line" {
    need_terminal
    export TERM=xterm
    screen 200 "${many[@]}" --checkpoint no/where.apg -o x.apg logs.csv > shown
    live > lines
    [ "$(grep -c '^apg train: no/where.apg: No such file or directory; training goes on$' shown)" -ge 1 ]
    run grep 'epoch [0-9]' shown
    [ "$status" -eq 1 ]
    # The one that ends training too.
    ! screen 200 "${many[@]}" --lr 1000 --embedding-lr 1000 --average 0 --epochs 40 -o no.apg logs.csv > shown
    [ "$(grep -c '^apg train: ' shown)" -eq 2 ]
    run grep 'epoch [0-9]' shown
    [ "$status" -eq 1 ]
}

@test "train: Ctrl-C on a terminal ends it with the best so far" {
    need_terminal
    export TERM=xterm
    code=0
    KEYS=$'\x03' screen 100 --multi genres --hidden 64 --batch-size 16 --patience 0 --epochs 10000 -o c.apg logs.csv > shown || code=$?
    [ "$code" -eq 130 ]
    grep -q '^apg train: stopped by SIGINT' shown || { cat shown; return 1; }
}

@test "train: --tune has a live line of each candidate" {
    need_terminal
    export TERM=xterm
    apg simulate --rows 20000 --seed 3 > long.csv # small batches: each candidate takes several times the .1 s between lines
    screen 200 "${many[@]}" --batch-size 4 --tune=2 -o x.apg long.csv > shown
    live > lines
    grep -qE '^candidate 1  epoch (1|2) of at most 3  ' lines
    grep -q '^candidate [2-9]  epoch ' lines
    run grep 'epoch [0-9]' shown
    [ "$status" -eq 1 ]
}
