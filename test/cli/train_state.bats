# SPDX-License-Identifier: MIT
# train --state and --resume: killed at any moment and started again, it ends in the bytes of one never interrupted.
bats_require_minimum_version 1.5.0
load small_model
small=(--multi genres --hidden 16,8 --rank 4 --batch-size 256)

# killed NAME N OPTION...: kill -9 a training N times, each time after a pause of another length, then let it end
killed() {
    name=$1 kills=$2
    shift 2
    rm -rf "$name"
    for ((i = 1; i <= kills; i++)); do
        rm -f "$name.apg"
        apg train -q --threads $((i % 2 + 1)) --state "$name" --resume --state-every 0 -o "$name.apg" "$@" &
        wait_for test -e "$name/current" -o -e "$name.apg"
        sleep "0.0$((i * 7 % 10))"
        kill -9 $! 2> /dev/null || true
        wait $! || true
    done
    apg train -q --state "$name" --resume -o "$name.apg" "$@"
    [ "$(find "$name" -type f | wc -l)" -eq 2 ]
}

@test "train: --resume: killed by kill -9 again and again, it ends in the bytes of one never interrupted" {
    apg train -q "${small[@]}" --epochs 4 -o whole.apg --valid new.csv --threads 2 logs.csv
    killed group 6 "${small[@]}" --epochs 4 --valid new.csv logs.csv
    cmp whole.apg group.apg
    apg train -q --online --multi genres --layer dense -o whole.apg logs.csv
    killed online 4 --online --multi genres --layer dense logs.csv
    cmp whole.apg online.apg
    apg train -q --from m.apg --epochs 3 --batch-size 256 -o whole.apg new.csv
    killed from 3 --from m.apg --epochs 3 --batch-size 256 new.csv
    cmp whole.apg from.apg
}

@test "train: --resume: the first signal saves too, and says how to go on; a pipe is read anew" {
    apg train -q "${small[@]}" --epochs 30 --patience 0 -o whole.apg logs.csv
    for signal in TERM INT; do
        rm -rf st told
        env --default-signal "$APG" train "${small[@]}" --epochs 30 --patience 0 --state st -o m2.apg < logs.csv 2> told &
        wait_for grep -qs '^ *1 ' told
        kill -s $signal $!
        code=0
        wait $! || code=$?
        [ "$code" -eq $((128 + $(kill -l $signal))) ]
        [ "$(tail -n 1 told)" = "apg train: --state st --resume goes on from there" ]
        apg train "${small[@]}" --epochs 30 --patience 0 --state st --resume --threads 1 -o m2.apg < logs.csv 2> again
        grep -q '^st/: goes on in epoch [0-9]*, behind [0-9]* of 5400 rows$' again
        cmp whole.apg m2.apg
        # The epochs are told as if there had been no end.
        [ "$(grep -c '^ *[0-9]* *5400 ' again)" -eq 30 ]
    done
}

@test "train: --resume: an ended training writes its model again, more --epochs go on, no state starts one" {
    rm -rf st p
    apg train -q "${small[@]}" --epochs 2 --state st --resume -o two.apg logs.csv
    for log in --log=again.json --report=again.html; do
        [ "$log" = --log=again.json ] || command -v gnuplot > /dev/null || continue
        : > st/7.0-of-1
        apg train "${small[@]}" --epochs 2 --state st --resume $log --threads 2 -o again.apg logs.csv 2> err
        grep -qx 'st/: training was over' err
        cmp two.apg again.apg
        [ ! -e st/7.0-of-1 ] # as a kill could have left it
    done
    [ "$(jq -r 'select(.event == "resumed") | .ended' again.json)" = true ]
    [ "$(jq -c 'select(.event == "epoch") | .epoch' again.json | paste -sd,)" = 1,2 ]
    apg train -q "${small[@]}" --epochs 5 -o five.apg logs.csv
    apg train -q "${small[@]}" --epochs 5 --state st/ --resume -o again.apg logs.csv
    cmp five.apg again.apg
    # --patience has ended a training that 40 epochs would not: they go no further.
    apg train -q "${small[@]}" --lr .01 --epochs 20 --patience 1 --state p -o few.apg logs.csv
    apg train -q "${small[@]}" --lr .01 --epochs 40 --patience 1 --state p --resume -o more.apg logs.csv
    apg train -q "${small[@]}" --lr .01 --epochs 40 --patience 1 -o whole.apg logs.csv
    cmp whole.apg more.apg
    # Without --resume a state is replaced.
    apg train -q "${small[@]}" --epochs 2 --state st -o again.apg logs.csv
    cmp two.apg again.apg
}

@test "train: --resume: another log, other options or another model are refused, by name" {
    rm -rf st v f kept
    apg train -q "${small[@]}" --form overparam --overparam 8 --epochs 1 --seed 2 -o other.apg logs.csv
    apg train -q "${small[@]}" --epochs 2 --state st -o a.apg logs.csv
    apg train -q "${small[@]}" --epochs 2 --valid new.csv --state v -o a.apg logs.csv
    apg train -q --from m.apg --epochs 1 --state f -o a.apg logs.csv
    rm a.apg
    head -n 5001 logs.csv > fewer.csv
    sed '$s/^0/1/; $t; $s/^1/0/' logs.csv > other.csv # the last row
    sed 's/,s\([0-9]\),/,t\1,/' logs.csv > renamed.csv
    refused() { # CODE TEXT OPTION...: by one line
        code=$1 text=$2
        shift 2
        run --separate-stderr "-$code" apg train -q --resume -o a.apg "$@"
        [ "$stderr" = "apg train: $text" ] || { echo "$stderr"; return 1; }
        [ ! -e a.apg ]
    }
    see="(see 'apg train --help')"
    two=("${small[@]}" --epochs 2)
    refused 2 "--resume: st/ was made with --hidden 16,8, not 16,4 $see" "${two[@]}" --hidden 16,4 --state st logs.csv
    refused 2 "--resume: st/ was made without --batch-norm $see" "${two[@]}" --batch-norm --state st logs.csv
    refused 2 "--resume: st/ was made with --seed 1, not 2 $see" "${two[@]}" --seed 2 --state st logs.csv
    refused 2 "--resume: st/ was made without --valid $see" "${two[@]}" --valid new.csv --state st logs.csv
    refused 2 "--resume: v/ was made with --valid $see" "${two[@]}" --state v logs.csv
    refused 1 "--resume: v/ was made of another log to validate on: of 2000 rows, not 6000" "${two[@]}" --valid logs.csv --state v logs.csv
    refused 1 "--resume: st/ was made of another log: of 6000 rows, not 5000" "${two[@]}" --state st fewer.csv
    refused 1 "--resume: st/ was made of another log: of 6000 rows, not of these 6000" "${two[@]}" --state st other.csv
    refused 1 "--resume: st/ was made of a log with other columns or tokens" "${two[@]}" --state st renamed.csv
    refused 1 "--resume: f/ was made --from another model" --from other.apg --epochs 1 --state f logs.csv
    refused 2 "--resume: st/ was made with --multi genres $see" --from m.apg --epochs 1 --state st logs.csv
    refused 2 "--epochs 1: st/ is in epoch 2 already $see" "${small[@]}" --epochs 1 --state st logs.csv
    refused 2 "--resume goes on from a --state: give its folder $see" logs.csv
    refused 2 "--state is of one training: not with --tune $see" --tune --state st logs.csv
    refused 2 "--state is of one training: not with --condition auto $see" --condition auto --state st logs.csv
    run --separate-stderr -2 apg train -q --state-every 5 -o a.apg logs.csv
    [ "$stderr" = "apg train: --state-every is of a --state: give its folder $see" ]
}

@test "train: --resume: a damaged state is refused, by name, and nothing is written" {
    rm -rf st v f kept
    apg train -q "${small[@]}" --epochs 2 --state st -o whole.apg logs.csv
    part=$(echo st/*.0-of-1)
    cp -r st kept
    refused() { # TEXT
        rm -f a.apg
        run --separate-stderr -1 apg train -q "${small[@]}" --epochs 2 --state st --resume -o a.apg logs.csv
        [ "$stderr" = "apg train: $1" ] || { echo "$stderr"; return 1; }
        [ ! -e a.apg ]
        rm -rf st
        cp -r kept st
    }
    truncate -s -100 "$part"
    refused "$part: truncated"
    printf 'X' | dd of="$part" bs=1 seek=$(($(stat -c %s "$part") / 2)) conv=notrunc status=none
    refused "$part: altered: its checksum does not match"
    cp m.apg "$part"
    refused "$part: not a state of this version of apg"
    rm "$part"
    refused "$part: No such file or directory"
    echo "apg-state 2 generation 1 parts 1" > st/current
    refused "st/current: altered, or not of this version of apg: 'apg-state 2 generation 1 parts 1?'"
    : > st/current
    refused "st/current: altered, or not of this version of apg: ''"
    rm -r st
    : > st
    refused "st: Not a directory"
}

@test "train: --state: where it cannot be written, training goes on, and the old state stays" {
    rm -rf st v f kept
    apg train -q "${small[@]}" --epochs 3 -o whole.apg logs.csv
    apg train -q "${small[@]}" --epochs 1 --state st -o one.apg logs.csv
    cp -r st kept
    size=$(stat -c %s whole.apg) # in blocks of 1024 bytes: enough for the model, and too little for its state
    run --separate-stderr -0 bash -c 'trap "" XFSZ; ulimit -f $1; shift; exec apg train -q "$@"' - \
        $((size / 1024 + 1)) "${small[@]}" --epochs 3 --state st --resume -o three.apg logs.csv
    line='^apg train: st/[0-9]+\.0-of-1: File too large; the state is not written, and training goes on$'
    [[ "$stderr" =~ $line ]] || { echo "$stderr"; return 1; }
    cmp whole.apg three.apg
    diff -r st kept
    # Two at once would write over each other.
    run --separate-stderr -1 flock st "$APG" train -q "${small[@]}" --epochs 1 --state st -o c.apg logs.csv
    [ "$stderr" = "apg train: st: another training has its state here" ]
    [ ! -e c.apg ]
    run --separate-stderr -1 apg train -q --state nowhere/st -o b.apg logs.csv
    [ "$stderr" = "apg train: nowhere/st: No such file or directory" ]
}

@test "train: --from-state: the moments of --from's model are taken over, also where tokens are new" {
    rm -rf st today again
    base=("${small[@]}" --average 0 --no-calibrate --holdout 0)
    apg train -q "${base[@]}" --epochs 1 --state st -o yesterday.apg logs.csv
    day=(-q --from yesterday.apg --from-state st --average 0 --no-calibrate --holdout 0 --epochs 1 --batch-size 256)
    apg train "${day[@]}" -o moments.apg new.csv
    apg train -q --from yesterday.apg "${day[@]:5}" -o none.apg new.csv
    run ! cmp -s moments.apg none.apg
    jq -e '.made.from_state | startswith("xxh3:")' <(apg inspect --json moments.apg)
    # Killed and started again, it takes the same moments.
    killed today 2 "${day[@]}" new.csv
    cmp moments.apg today.apg
    refused() { # CODE TEXT OPTION...
        code=$1 text=$2
        shift 2
        run --separate-stderr "-$code" apg train -q -o a.apg "$@"
        [ "$stderr" = "apg train: $text" ] || { echo "$stderr"; return 1; }
        [ ! -e a.apg ]
    }
    see="(see 'apg train --help')"
    refused 1 "--resume: today/ was made with --from-state" --from yesterday.apg "${day[@]:5}" --state today --resume new.csv
    refused 1 "st: not the state that m.apg was left with" --from m.apg --from-state st new.csv
    refused 1 "st: of another --optimizer" --from yesterday.apg --from-state st --optimizer adagrad new.csv
    refused 1 "st: of other --embedding-moments" --from yesterday.apg --from-state st --embedding-moments row new.csv
    mkdir -p empty
    refused 1 "empty: no state is here" --from yesterday.apg --from-state empty new.csv
    refused 2 "--from-state is of the model that training goes on from: give it by --from $see" --from-state st new.csv
    refused 2 "--from-state and --state: give the new state a folder of its own $see" --from yesterday.apg --from-state st --state st new.csv
}

@test "train: --from-state: two days in turn, in one pass each, are one pass over both" {
    # Hashed tokens alone, no prior and static layers: then nothing but the moments tells of the day before.
    cut -d, -f1-5,7 logs.csv > both.csv
    head -n 3201 both.csv > first.csv
    sed 2,3201d both.csv > second.csv
    rm -rf st
    once=(-q --online --batch-size 64 --embedding-prior 0 --no-calibrate --embedding-lr 0.005)
    kinds=(--categorical "user_id,item_id,scenario,hour" --multi genres --hash-bits 10 --layer dense --hidden 8)
    apg train "${once[@]}" "${kinds[@]}" -o both.apg both.csv
    apg train "${once[@]}" "${kinds[@]}" --state st -o first.apg first.csv
    apg train "${once[@]}" --from first.apg --from-state st -o second.apg second.csv
    cmp <(apg predict -q -m both.apg new.csv) <(apg predict -q -m second.apg new.csv)
    apg train "${once[@]}" --from first.apg -o second.apg second.csv
    run ! cmp -s <(apg predict -q -m both.apg new.csv) <(apg predict -q -m second.apg new.csv)
}
