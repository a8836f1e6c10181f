# SPDX-License-Identifier: MIT
# Every command of the README is run, and does what it shows. What no test here knows of fails.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    apg simulate --rows 60000 > clicks.csv
    apg simulate --rows 10000 --skip 60000 > new.csv
    apg train -q --multi genres --hidden 8 --epochs 1 -o small.apg clicks.csv
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}

small="-q --hidden 4 --epochs 1 -o x.apg"

# Lines of code that are indented, without what is between ``` and ```
indented() { awk '/^```/ { fence = !fence } !fence && /^    / { print substr($0, 5) }' "$ROOT/README.md"; }
# The table whose header begins with $1: a line "left<TAB>right" for each row, a row's bar within a cell as |
table() {
    awk -v head="| $1 |" 'index($0, head) == 1 { on = 1; getline; next } on && !/^\|/ { exit } on' "$ROOT/README.md" |
        sed 's/\\|/\x01/g; s/^| *//; s/ *| */\t/; s/ *|$//; s/\x01/|/g'
}

# Other processors add in another order, so digits may differ, and with them the passes.
@test "readme: the first commands print what it shows, but for digits and the passes that it leaves out" {
    indented | sed -n '/^\$ apg train/,/^log loss /p' > shown
    : > printed
    grep '^\$ ' shown | sed 's/^\$ //' > commands
    [ "$(wc -l < commands)" -eq 4 ]
    while IFS= read -r command; do
        echo "\$ $command" >> printed
        eval "$command" >> printed 2>&1
    done < commands
    strip() { sed -E '/^ +[0-9]+ +54000 /s/.*/a pass/; /^\.\.\.$/d; s/[0-9]*\.[0-9]+/N/g; s/[0-9]e-[0-9]+/N/; s/[-+] N/+ N/; s/^(rows|positive|log loss|AUC|GAUC|normalized entropy|calibration) +/\1 /; /^$/d' "$1" | uniq; }
    diff <(strip shown) <(strip printed)
}

@test "readme: the other commands that are set apart" {
    indented | sed '/^\$ apg train/,/^log loss /d' > lines
    [ "$(wc -l < lines)" -ge 3 ]
    while IFS= read -r line; do
        case $line in
        'git clone ADDRESS apg && cd apg') grep -q 'ADDRESS is where you found' "$ROOT/README.md" ;;
        'apg simulate --rows 60000 > clicks.csv' | 'apg simulate --rows 10000 --skip 60000 > new.csv')
            eval "${line/> /> again.}"
            cmp "${line#*> }" "again.${line#*> }"
            ;;
        'make demo') make -s -n -C "$ROOT" demo > /dev/null ;;
        'tail -n +1 -F clicks.csv | apg predict '*)
            cp small.apg model.apg
            head -n 50 clicks.csv > stream.csv
            lines_are() { [ "$(wc -l < stream.out)" -eq "$1" ]; }
            set -m # it is a group of processes, that can be ended together
            eval "${line/clicks.csv/stream.csv}" > stream.out 2> /dev/null 3>&- < /dev/null &
            pipe=$!
            set +m
            wait_for lines_are 50
            sed -n 51,60p clicks.csv >> stream.csv
            wait_for lines_are 60
            kill -- -$pipe
            wait $pipe || true
            [ "$(head -n 1 stream.out)" = "$(head -n 1 clicks.csv),score" ]
            ;;
        *)
            echo "no test knows of: $line"
            return 1
            ;;
        esac
    done < lines
}

@test "readme: logs of other shapes are read with the options that it names" {
    head -n 3001 clicks.csv > log.csv
    table 'the log' > rows
    [ "$(wc -l < rows)" -ge 10 ]
    while IFS=$'\t' read -r log options; do
        options=${options#'`'} options=${options%'`'} input=log.csv
        case $log in
        'has no header')
            tail -n +2 log.csv | cut -d, -f1,2,3,6 > bare.csv
            input=bare.csv
            ;;
        "is Criteo's "*)
            apg simulate --shape criteo --rows 1001 | tail -n +2 | cut -d, -f1-40 | tr , '\t' > input
            input=input
            ;;
        'has quotes that are text, as many with tabs')
            tr , '\t' < log.csv | sed '2,$s/\t/\t6" /' > input
            input=input
            ;;
        'has lists in its cells, `Action|Comedy`') ;;
        'has another name for the label')
            sed '1s/label/clicked/' log.csv > input
            input=input
            ;;
        'has labels that are words or other numbers')
            awk -F, -v OFS=, 'NR > 1 {$1 = $1 ? "yes" : "no"} 1' log.csv > input
            input=input
            ;;
        'says `NA` or `NULL` where a number is missing')
            awk -F, -v OFS=, 'NR % 5 == 0 {$6 = "NA"} NR % 7 == 0 {$6 = "NULL"} 1' log.csv > input
            options+=" --numeric price" input=input
            ;;
        'has a column of times, ISO 8601 or seconds')
            awk -F, -v OFS=, '{print $0, (NR > 1 ? 1700000000 + 60 * NR : "shown_at")}' log.csv > input
            input=input
            ;;
        'is in the order of time' | 'has a tenth of the negatives') ;;
        'has rows that count more than others')
            sed '1s/$/,column/; 2,$s/$/,2/' log.csv > input
            input=input
            ;;
        'has a bad row now and then')
            { cat log.csv; echo 1,2; } > input
            input=input
            ;;
        *)
            echo "no test knows of: $log"
            return 1
            ;;
        esac
        eval "apg train $small $options $input" 2> err || { echo "$log: $options: $(cat err)"; return 1; }
        [ -s x.apg ]
    done < rows
    grep -q '1 of 3001 rows are bad' err || printf '%s\n1,2\n' "$(head -n 1 log.csv)" | cmp - bad.csv
}

@test "readme: what makes a good model" {
    head -n 1001 clicks.csv > log.csv
    table 'to' > rows
    [ "$(wc -l < rows)" -ge 8 ]
    cp small.apg model.apg
    apg predict -q -m small.apg --append -o scored.csv new.csv
    cp scored.csv a.csv
    cp scored.csv b.csv
    while IFS=$'\t' read -r _ command; do
        command=$(cut -d'`' -f2 <<< "$command")
        case $command in
        'apg train --online') command+=" ${small/--epochs 1/} --multi genres log.csv" ;;
        'apg train '*) command+=" $small --multi genres log.csv" ;;
        'apg collapse '*) ;;
        *' --report '*) command -v gnuplot > /dev/null || continue ;;
        'apg compare '* | 'apg evaluate '* | 'apg explain '* | 'apg inspect '*) ;;
        *)
            echo "no test knows of: $command"
            return 1
            ;;
        esac
        eval "$command" > out 2> err || { echo "$command: $(cat err)"; return 1; }
    done < rows
}

@test "readme: the nightly job, and what stops it" {
    cp small.apg yesterday.apg
    cp new.csv today.csv
    { head -n 100 new.csv; echo 1,2,3; } > tomorrow.csv
    sed -n '/^```sh$/,/^```$/p' "$ROOT/README.md" | sed '1d;$d' > job
    [ "$(grep -c '^```sh$' "$ROOT/README.md")" -eq 1 ]
    [ "$(wc -l < job)" -ge 5 ]
    rm yesterday.apg # on the first night
    sh job
    [ "$(wc -l < scores.csv)" -eq 101 ]
    [ "$(apg inspect --json yesterday.apg | jq -r .made.from)" = null ]
    cp small.apg yesterday.apg
    sh job
    [ "$(wc -l < scores.csv)" -eq 101 ]
    [ "$(apg inspect --json yesterday.apg | jq -r .made.from)" = "$(apg inspect --json small.apg | jq -r .checksum)" ]
    [ ! -e today.apg ] && [ -s serve.apg ]
    cp yesterday.apg before.apg
    awk -F, -v OFS=, 'NR > 1 {$2 = "u" NR} 1' new.csv > tomorrow.csv
    cp scores.csv scores.before
    run --separate-stderr -1 sh job
    [[ "$stderr" == *"user_id: the model does not know "*" of the tokens"* ]]
    cmp before.apg yesterday.apg
    cmp scores.csv scores.before
}

@test "readme: commands within its sentences" {
    head -n 301 clicks.csv > log.csv
    awk '/^```/ { fence = !fence } !fence && !/^    / && !/^\|/' "$ROOT/README.md" | tr '\n' ' ' |
        grep -oE '`(apg|make|bench/|tools/)[^`]*`' | tr -d '`' | sort -u > spans
    [ "$(wc -l < spans)" -ge 8 ]
    while IFS= read -r span; do
        case $span in
        apg | 'apg COMMAND --help') ;;
        'apg --help') apg --help > /dev/null ;;
        'apg predict' | 'apg train') apg "${span#apg }" --help > /dev/null ;;
        'apg train log.csv.gz')
            gzip -kf log.csv
            # shellcheck disable=SC2086
            $span $small
            ;;
        'apg train @options.txt')
            echo "$small log.csv" > options.txt
            eval "$span"
            ;;
        'make '*) make -s -n -C "$ROOT" ${span#make } DESTDIR="$PWD/root" > /dev/null ;;
        bench/* | tools/*) [ -x "$ROOT/${span%% *}" ] ;;
        *)
            echo "no test knows of: $span"
            return 1
            ;;
        esac
    done < spans
}
