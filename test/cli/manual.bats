# SPDX-License-Identifier: MIT
# The manual says what the commands do: their option tables are compared with its pages.
bats_require_minimum_version 1.5.0
load helper

# The options a page documents: of "It Fl o , Fl -output Ar FILE", -o and --output.
on_page() {
    awk '$1 == ".It" && $2 == "Fl" {
        for (i = 2; i < NF; i++)
            if ($i == "Fl" && $(i + 1) != "Fl")
                print ($(i - 1) == "Fl" ? "--" : "-") $(i + 1)
    }' "$1" | sort
}

@test "manual: each page documents the options of its command, all and no others" {
    for command in $(apg --list-commands); do
        { apg "$command" --list-options | sed 's/=.*//'; printf '%s\n' -h --help; } | sort > "$BATS_TEST_TMPDIR/has"
        on_page "$ROOT/man/apg-$command.1" > "$BATS_TEST_TMPDIR/page"
        diff --label "apg $command" --label "man/apg-$command.1" -u "$BATS_TEST_TMPDIR/has" "$BATS_TEST_TMPDIR/page"
    done
}

@test "manual: every choice of an option is on the page" {
    for command in $(apg --list-commands); do
        for choice in $(apg "$command" --list-options | sed -n 's/^--[^=]*=\(.*|.*\)/\1/p' | tr '|' ' '); do
            grep -qw -- "$choice" "$ROOT/man/apg-$command.1" || { echo "man/apg-$command.1 lacks $choice"; return 1; }
        done
    done
}

@test "manual: each page names its command and has examples, exit status and a way back to apg(1)" {
    for command in $(apg --list-commands); do
        page=$ROOT/man/apg-$command.1
        grep -q "^\.Nm apg-$command$" "$page"
        grep -q "^\.Sh EXAMPLES" "$page"
        grep -q "^\.Sh EXIT STATUS" "$page"
        grep -q "^\.Xr apg 1" "$page"
        grep -q "apg $command" <(sed -n '/^\.Sh EXAMPLES/,$p' "$page")
        grep -q "^\.It Xr apg-$command 1" "$ROOT/man/apg.1"
    done
}

@test "manual: the pages are clean mdoc and their references exist" {
    cd "$ROOT"
    run -0 mandoc -T lint -W warning man/*.[1-9]
    [ -z "$output" ]
    awk '$1 == ".Xr" && $2 ~ /^apg/ { print FILENAME, $2 "." $3 }' man/*.[1-9] | while read -r page other; do
        [ -e "man/$other" ] || { echo "$page refers to $other"; exit 1; }
    done
}

# Words like "apg train ... --rank 8" in examples: the options must be the command's.
@test "manual: examples in pages, help, README and demo use options that exist" {
    cd "$ROOT"
    status=0
    {
        sed 's/^\.Dl //; s/\\&//g; s/\\-/-/g; s/\\e$/\\/' man/*.1
        for command in $(apg --list-commands); do apg "$command" --help; done
        cat README.md examples/*.sh
    } | sed ':a; /\\$/ { N; s/\\\n//; ba; }' | grep -oE '\bapg [a-z]+ [^|;<>)`]*' > "$BATS_TEST_TMPDIR/uses"
    for command in $(apg --list-commands); do
        apg "$command" --list-options | sed 's/=.*//' > "$BATS_TEST_TMPDIR/has"
        sed -n 's/^--no-/--/p' "$BATS_TEST_TMPDIR/has" >> "$BATS_TEST_TMPDIR/has"
        echo --help >> "$BATS_TEST_TMPDIR/has"
        for option in $(grep "^apg $command " "$BATS_TEST_TMPDIR/uses" | grep -oE -- ' --[a-z][a-z0-9-]*' | sort -u); do
            grep -qx -- "$option" "$BATS_TEST_TMPDIR/has" || { echo "apg $command $option is in an example"; status=1; }
        done
    done
    [ $status -eq 0 ]
    [ "$(grep -c . "$BATS_TEST_TMPDIR/uses")" -gt 10 ]
}
