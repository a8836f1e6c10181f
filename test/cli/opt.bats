# SPDX-License-Identifier: MIT
# What the option tables give to every command, and the completion that reads them. Single kinds: test/unit/test_opt.c.
bats_require_minimum_version 1.5.0
load helper

# all_help COMMAND: which --help has all its options
all_help() {
    apg "$1" --help | grep -q -- --help-all && echo --help-all || echo --help
}

@test "options: --help leaves rare options to --help-all, and says how many" {
    run --separate-stderr -0 apg train --help
    few=$(grep -cE '^  (-.,|   ) --' <<< "$output")
    [ "$few" -le 30 ]
    rare=$(sed -n 's/.*--help-all *print \([0-9]*\) more options too$/\1/p' <<< "$output")
    [[ "$output" != *--overparam* ]]
    run --separate-stderr -0 apg train --help-all
    [[ "$output" == *--overparam* ]]
    [ "$(grep -cE '^  (-.,|   ) --' <<< "$output")" -eq $((few + rare)) ]
    run --separate-stderr -2 apg simulate --help-all
    [[ "$stderr" == *"no option '--help-all'"* ]]
}

@test "options: all of --list-options are in the help, which exits with 0" {
    for command in $(apg --list-commands); do
        run --separate-stderr -0 apg "$command" "$(all_help "$command")"
        [ -z "$stderr" ]
        [[ "$output" == "Usage: apg $command"* ]]
        [[ "$output" == *"Examples:"*"apg $command"* ]]
        help=$output
        for option in $(apg "$command" --list-options | sed 's/=.*//') -h --help; do
            case $help in
            *" $option"[\ ,=[$'\n']*) ;;
            *" --[no-]${option#--no-}"[$' \n']*) ;;
            *) echo "apg $command --help lacks $option"; return 1 ;;
            esac
        done
    done
}

@test "options: help fits 80 columns where an argument's name does not alone fill them" {
    for command in $(apg --list-commands); do
        apg "$command" "$(all_help "$command")" | sed '/^Examples:/,$d; /^Usage:/d' | awk -v c="$command" '
            length > 80 && !/^ *(-., )?--[^ ]*$/ { print c ": " $0; bad = 1 } END { exit bad }'
    done
}

@test "options: an unknown one is a usage error in one line, on standard error only" {
    for command in $(apg --list-commands); do
        for option in --no-such-option=3 -?; do
            run --separate-stderr -2 apg "$command" $option < /dev/null
            [ -z "$output" ]
            [ "$stderr" = "apg $command: no option '${option%=3}' (see 'apg $command --help')" ]
        done
    done
}

@test "options: a value that is missing, or out of range, or not a number, names option, range and value" {
    for command in $(apg --list-commands); do
        for option in $(apg "$command" --list-options | grep '^--.*='); do
            name=${option%%=*}
            if ! apg "$command" --list-options | sed 's/=.*//' | grep -v "^$name$" | grep -q "^$name"; then
                run --separate-stderr -2 apg "$command" "$name" < /dev/null
                [ "$stderr" = "apg $command: $name takes a value (see 'apg $command --help')" ]
            fi
            case $option in
            *=N'|X%') ;; # --max-errors: bad_rows.bats
            *=N | *=K | *'|'*)
                run --separate-stderr -2 apg "$command" "$name=-1x" < /dev/null
                [[ "$stderr" == "apg $command: $name takes "*", not '-1x'" ]]
                [[ "$stderr" != *$'\n'* ]]
                ;;
            esac
        done
    done
}

# complete WORD...: the completions of the last WORD, sorted, in one line
complete_() {
    bash -c '
        source "$ROOT/completions/apg.bash"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _apg
        printf "%s\n" "${COMPREPLY[@]}"' bash apg "$@" | sort | paste -sd ' '
}

@test "completion: commands, options, choices, files" {
    cd "$BATS_TEST_TMPDIR"
    touch "two words.csv" other.csv
    [ "$(complete_ eval)" = evaluate ]
    [[ " $(complete_ '') " == *" simulate "* ]]
    [ "$(complete_ help simu)" = simulate ]
    [ "$(complete_ simulate --ro)" = --rows= ]
    [ "$(complete_ simulate --shape '')" = "criteo log" ]
    [ "$(complete_ simulate --shape = cr)" = criteo ]
    [ "$(complete_ simulate --shape =)" = "criteo log" ]
    [ "$(complete_ simulate --output two)" = "two words.csv" ]
    [ "$(complete_ evaluate other)" = other.csv ]
    [ "$(complete_ evaluate --js)" = --json ]
    [ "$(complete_ nonsense --js)" = "" ]
}
