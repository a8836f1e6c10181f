# SPDX-License-Identifier: MIT
# The commands of the README do what it shows.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    apg simulate --rows 60000 > clicks.csv
    apg simulate --rows 10000 --skip 60000 > new.csv
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}

# Other processors add in another order, so digits may differ, and with them the passes.
@test "readme: the first commands print what it shows, but for digits" {
    sed -n '/^    \$ apg train/,/^$/p' "$ROOT/README.md" | sed 's/^    //' > shown
    : > printed
    grep '^\$ ' shown | sed 's/^\$ //' > commands
    [ "$(wc -l < commands)" -eq 3 ]
    while IFS= read -r command; do
        echo "\$ $command" >> printed
        eval "$command" >> printed 2>&1
    done < commands
    strip() { sed -E '/^ +[0-9]+ +54000 /s/.*/a pass/; s/[0-9]*\.[0-9]+/N/g; s/[0-9]e-[0-9]+/N/; s/[-+] N/+ N/; /^$/d' "$1" | uniq; }
    diff <(strip shown) <(strip printed)
    grep -q 'those of `apg simulate --rows 60000 > clicks.csv` and' "$ROOT/README.md"
}

@test "readme: logs of other shapes are read with the options that it names" {
    head -n 3001 clicks.csv > log.csv
    options() { grep -F "| $1 |" "$ROOT/README.md" | cut -d'`' -f2; }
    small="-q --hidden 4 --epochs 1"
    names=$(head -n 1 log.csv)
    [ "$(options 'has no header')" = "--no-header --columns label,user,item,price" ]
    tail -n +2 log.csv | cut -d, -f1,2,3,6 > bare.csv
    # shellcheck disable=SC2046,SC2086
    {
        apg train $small $(options 'has no header') -o x.apg bare.csv
        tr , '\t' < log.csv | apg train $small $(options 'has tabs, and quotes that are text') -o x.apg
        grep -Fq '`--multi genres`' "$ROOT/README.md"
        sed '1s/label/clicked/' log.csv | apg train $small $(options 'has another name for the label') -o x.apg
        awk -F, -v OFS=, 'NR % 5 == 0 {$6 = "NA"} 1' log.csv > na.csv
        apg train $small $(options 'says `NA` or `NULL` where a number is missing' | tail -n 1) -o x.apg na.csv 2> /dev/null || true
        apg train $small --numeric price --missing NA,NULL -o x.apg na.csv
        apg train $small $(options 'is in the order of time') -o x.apg log.csv
        apg train $small $(options 'has a tenth of the negatives') -o x.apg log.csv
        { cat log.csv; echo 1,2; } | apg train $small $(options 'has a bad row now and then') -o x.apg 2> err
    }
    grep -q '1 of 3001 rows are bad' err
    printf '%s\n1,2\n' "$names" | cmp - bad.csv
}

@test "readme: the nightly job" {
    apg train -q --hidden 8 --epochs 1 -o yesterday.apg clicks.csv
    cp new.csv today.csv
    { head -n 100 new.csv; echo 1,2,3; } > tomorrow.csv
    sed -n '/^```sh$/,/^```$/p' "$ROOT/README.md" | sed '1d;$d' > job
    [ "$(wc -l < job)" -ge 5 ]
    sh job
    [ "$(wc -l < scores.csv)" -eq 101 ]
    [ ! -e today.apg ] && [ -s serve.apg ]
    [ "$(tail -n +1 clicks.csv | head -n 50 | apg predict -q -m serve.apg --append | wc -l)" -eq 50 ]
}
