# SPDX-License-Identifier: MIT
# train is asked to end: by the first signal with what it has, by the second at once.
bats_require_minimum_version 1.5.0
load small_model
endless=(--multi genres --hidden 16,8 --rank 4 --batch-size 256 --epochs 100000 --patience 0)

# In the background, into a new file `told`: what an earlier one told is not taken for its words.
# What a script starts in the background ignores INT: not here.
train() {
    rm -f told
    env --default-signal "$APG" train "$@" 2> told &
}

# ended PID CODE: it ends, with that code
ended() {
    code=0
    wait "$1" || code=$?
    echo "code $code"
    [ "$code" -eq "$2" ]
}

# writing PID: it has opened the file that will take the output's place, which has no name yet
writing() {
    # shellcheck disable=SC2010 # a folder of links to descriptors
    ls -l "/proc/$1/fd" | grep -q '(deleted)'
}

@test "train: the first INT or TERM writes the best so far, says so, and exits 128 + its number" {
    for quiet in "" -q; do
        for signal in INT TERM; do
            rm -f m.apg best.apg
            # shellcheck disable=SC2086
            train "${endless[@]}" $quiet --valid new.csv --checkpoint best.apg -o m.apg logs.csv
            wait_for test -e best.apg
            kill -s $signal $!
            ended $! $((128 + $(kill -l $signal)))
            cmp <(apg predict -q -m m.apg new.csv) <(apg predict -q -m best.apg new.csv)
            line="^apg train: stopped by SIG$signal; m\.apg has the best model so far, of epoch [0-9]+: validation AUC 0\.[0-9]{5}, log loss [0-9.]+$"
            [[ "$(tail -n 1 told)" =~ $line ]] || { cat told; return 1; }
        done
    done
    # Of the epoch that it names: that many epochs give the same model, whatever the threads.
    best=$(sed -n 's/.*, of epoch \([0-9]*\): .*/\1/p' told)
    apg train -q "${endless[@]}" --valid new.csv --epochs "$best" --threads 1 -o same.apg logs.csv
    cmp m.apg same.apg
}

@test "train: stopped without validation rows, or to standard output" {
    train "${endless[@]}" --holdout 0 logs.csv > m.apg
    wait_for grep -qs '^ *2 ' told
    kill -TERM $!
    ended $! 143
    line='^apg train: stopped by SIGTERM; standard output has the best model so far, of epoch [0-9]+$'
    [[ "$(tail -n 1 told)" =~ $line ]] || { cat told; return 1; }
    apg predict -q -m m.apg new.csv > /dev/null
}

@test "train: stopped before an epoch is over: nothing is written, and it says so; the old file stays" {
    echo old > m.apg
    train --multi genres --form full --batch-size 8 --holdout 0 -o m.apg logs.csv
    wait_for grep -qs '^epoch ' told
    kill -TERM $!
    ended $! 143
    [ "$(tail -n 1 told)" = "apg train: stopped by SIGTERM before an epoch was over: nothing is written" ]
    [ "$(cat m.apg)" = old ]
}

@test "train: a signal while rows are read ends it as it ends others; an ignored one is none" {
    mkfifo rows
    exec 7<> rows
    train "${endless[@]}" -o pipe.apg rows
    head -n 100 logs.csv >&7
    wait_for writing $!
    kill -TERM $!
    ended $! 143
    exec 7>&-
    [ ! -s told ] && [ ! -e pipe.apg ]
    rm told
    (trap '' INT && exec "$APG" train "${endless[@]}" --epochs 40 --valid new.csv -o m.apg logs.csv 2> told) &
    wait_for grep -qs '^ *1 ' told
    kill -INT $!
    ended $! 0
}

@test "train: the second signal ends it at once, and leaves no file" {
    mkdir second
    mkfifo out
    exec 7<> out # nobody reads, so it waits when the pipe is full
    train "${endless[@]}" --embedding-dim 64 --checkpoint second/best.apg > out logs.csv
    wait_for test -e second/best.apg
    tries=0
    while kill -TERM $! 2> no; do
        sleep 0.1
        [ $((tries++)) -lt 100 ]
    done
    ended $! 143
    exec 7>&-
    [ "$(ls -A second)" = best.apg ]
    [ "$tries" -gt 1 ]
    run grep stopped told
    [ "$status" -eq 1 ]
}

@test "train: --tune that is stopped writes the best candidate that ended; --condition auto the static model" {
    apg simulate --rows 20000 --seed 3 > more.csv
    options=(--multi genres --hidden 16 --epochs 12 --batch-size 128)
    train "${options[@]}" --tune=100 -o tuned.apg more.csv
    wait_for grep -qs '/.* --' told
    kill -TERM $!
    ended $! 143
    grep -q "; tuned.apg has the best candidate so far, of epoch " told
    found=$(sed -n 's/.*: the same model by \(.*\) in place of --tune$/\1/p' told)
    # shellcheck disable=SC2086
    apg train -q "${options[@]}" $found -o same.apg more.csv
    cmp tuned.apg same.apg

    train "${options[@]}" --condition auto --rank 8 --auto-budget 100 --generator-l2 1 -o auto.apg more.csv
    wait_for grep -qs '^condition ' told
    kill -TERM $!
    ended $! 143
    grep -q "; auto.apg has the static model, of epoch " told
    apg train -q "${options[@]}" --layer dense -o same.apg more.csv
    cmp <(apg predict -q -m auto.apg new.csv) <(apg predict -q -m same.apg new.csv)
    # What made it makes it again.
    apg inspect --json auto.apg | jq -e '.made.settings | .layer == "dense" and (has("condition") or has("rank") or has("auto-budget") | not)'
    eval "apg train -q $(apg inspect --json auto.apg | jq -r .made.options) -o again.apg more.csv"
    cmp <(apg predict -q -m auto.apg new.csv) <(apg predict -q -m again.apg new.csv)
}
