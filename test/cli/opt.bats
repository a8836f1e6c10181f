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

@test "options: @FILE stands for the words in FILE, with quotes and comments as in a shell" {
    cd "$BATS_TEST_TMPDIR"
    apg simulate --rows 300 > 'my logs.csv'
    cat > opts.txt <<'END'
# for all
  --epochs 1 -q

--hidden=4 # a small one
--drop '"hour",price'
--multi "gen"res my\ logs.csv
--seed \
7
END
    apg train -q --epochs 1 --hidden 4 --drop hour,price --multi genres --seed 7 -o want.apg 'my logs.csv'
    apg train @opts.txt -o got.apg
    cmp got.apg want.apg
    apg train -o got.apg --seed 3 @opts.txt
    cmp got.apg want.apg
    apg train @opts.txt -o got.apg --seed 8
    run cmp -s got.apg want.apg
    [ "$status" -eq 1 ]
    printf '%s' '-o got.apg' > more.txt # without a line end
    : > empty.txt
    apg train @opts.txt @more.txt @empty.txt
    cmp got.apg want.apg
    mv 'my logs.csv' @logs
    for name in ./@logs '-- @logs'; do
        # shellcheck disable=SC2086
        apg train -q --epochs 1 --hidden 4 --drop hour,price --multi genres --seed 7 -o got.apg $name
        cmp got.apg want.apg
    done
}

@test "options: what is wrong in an @FILE is told with its line" {
    cd "$BATS_TEST_TMPDIR"
    wrong() { # CODE TEXT LINE...
        printf '%s\n' "${@:3}" > opts.txt
        run --separate-stderr -"$1" apg train -q @opts.txt
        [ -z "$output" ] && [ "$stderr" = "apg train: $2" ]
    }
    see="(see 'apg train --help')"
    wrong 2 "@opts.txt:2: --epochs takes an integer from 1 to 100000, not 'x'" '# one' '--epochs x'
    wrong 2 "@opts.txt:3: no option '--epcohs'; did you mean '--epochs'? $see" '' -q '--epcohs 3'
    wrong 2 "@opts.txt:1: no option '-X' $see" -X
    wrong 2 "@opts.txt:2: --epochs takes a value $see" -q --epochs
    wrong 2 "@opts.txt:1: '@other.txt': a file of options names no other $see" '@other.txt'
    wrong 2 "@opts.txt:2: a quote that is not closed $see" -q "--label 'x" y
    printf -- '-q\0' > nul.txt
    run --separate-stderr -2 apg train @nul.txt
    [ "$stderr" = "apg train: @nul.txt: a NUL byte: this is no file of options $see" ]
    run --separate-stderr -1 apg train @none.txt
    [ "$stderr" = "apg train: @none.txt: No such file or directory" ]
    run --separate-stderr -1 apg train @.
    [ "$stderr" = "apg train: @.: Is a directory" ]
    run --separate-stderr -1 apg train @
    [ "$stderr" = "apg train: @: No such file or directory" ]
}

# What zsh itself makes of a line that is typed on a terminal.
@test "completion: zsh, of commands, options, choices and files" {
    command -v zsh > /dev/null || skip "no zsh"
    cd "$BATS_TEST_TMPDIR"
    touch other.csv
    cat > complete.zsh <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= RPS1=; fpath=($ROOT/completions \$fpath); autoload -Uz compinit; compinit -u -D; bindkey -e
    unsetopt automenu zle_bracketed_paste; bindkey '^X' tell; tell() { print -r -- \"GOT<\$BUFFER>\"; zle kill-buffer }
    zle -N tell; print REA''DY"
zpty -r -m shell text '*READY*'
for line; do
    zpty -w -n shell "$line"$'\t\x18'
    zpty -r -m shell text '*GOT<*>*'
    print -r -- ${${text##*GOT<}%%>*}
done
zpty -d shell
END
    lines=('apg eval' 'apg help simu' 'apg simulate --ro' 'apg simulate --shape cr' 'apg simulate --shape=cr'
        'apg evaluate oth' 'apg evaluate @oth' 'apg evaluate --js')
    timeout 60 zsh -f complete.zsh "${lines[@]}" | sed 's/ $//' > got
    printf '%s\n' 'apg evaluate' 'apg help simulate' 'apg simulate --rows=' 'apg simulate --shape criteo' \
        'apg simulate --shape=criteo' 'apg evaluate other.csv' 'apg evaluate @other.csv' 'apg evaluate --json' | diff - got
}

@test "completion: fish, of commands, options, choices and files" {
    command -v fish > /dev/null || skip "no fish"
    cd "$BATS_TEST_TMPDIR"
    touch other.csv
    export HOME=$PWD
    complete_fish() { fish -N -c 'source $ROOT/completions/apg.fish; complete -C "$argv"' "apg $1" | sort | paste -sd ' '; }
    [ "$(complete_fish eval)" = evaluate ]
    [[ " $(complete_fish '') " == *" simulate "* ]]
    [ "$(complete_fish 'help simu')" = simulate ]
    [ "$(complete_fish 'simulate --ro')" = --rows= ]
    [ "$(complete_fish 'simulate --shape ')" != "" ]
    [ "$(complete_fish 'simulate --shape cr')" = criteo ]
    [ "$(complete_fish 'simulate --shape=cr')" = --shape=criteo ]
    [ "$(complete_fish 'evaluate oth')" = other.csv ]
    [ "$(complete_fish 'evaluate @oth')" = @other.csv ]
    [ "$(complete_fish 'evaluate --js')" = --json ]
    [ "$(complete_fish 'nonsense --js')" = "" ]
}
