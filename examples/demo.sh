#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The whole way, on simulated logs: examples/demo.sh [DIR]. Files are kept in DIR, or thrown away.
# Users differ in what they like, in a way that no static model can express: adaptive weights should find some of it,
# and `apg simulate` says how much there is to find.
set -eu
PATH=$(cd "$(dirname "${APG:-./apg}")" && pwd):$PATH
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    cd "$1"
else
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    trap 'exit 130' INT TERM
    cd "$dir"
fi
bold='' plain=''
if [ -t 1 ]; then
    bold=$(tput bold 2>/dev/null || :) plain=$(tput sgr0 2>/dev/null || :)
fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { # show a command line, run it
    printf '%s$ %s%s\n' "$bold" "$1" "$plain"
    eval "$1"
}

say "Click logs of 1000 users with tastes of their own; in the test rows also the true probability"
run "apg simulate --adaptive 1 --rows 400000 > train.csv"
run "apg simulate --adaptive 1 --rows 40000 --skip 400000 > valid.csv"
run "apg simulate --adaptive 1 --rows 100000 --skip 440000 --truth truth > test.csv"
run "head -n 3 test.csv"

say "A model with the same weights for every row"
run "apg train --layer dense --multi genres --valid valid.csv < train.csv > dense.apg"

say "A model that generates its weights for each row, from its user"
run "apg train --form overparam --condition group:user_id --multi genres --valid valid.csv < train.csv > model.apg"

say "Made ready to serve: factors multiplied out, optimizer state dropped"
run "apg collapse < model.apg > serve.apg"
run "ls -l model.apg serve.apg | awk '{ print \$5, \$NF }'"

say "Scores in order, as rows arrive"
run "apg predict -q -m dense.apg --append < test.csv > dense.csv"
run "apg predict -q -m serve.apg --append < test.csv > scored.csv"
run "tail -n 2 scored.csv"

say "How good? The best possible, from the truth; then the static model; then the adaptive one"
run "apg evaluate --score truth --group user_id test.csv | head -n 5"
run "apg evaluate --group user_id dense.csv | head -n 5"
run "apg evaluate --group user_id scored.csv | head -n 5"

say "Is that chance? And for rare users? Users in ten groups, from those with few rows to those with many"
run "apg compare --group user_id --by-activity dense.csv scored.csv"

say "What a layer's forms cost: multiply-adds and numbers kept"
run "apg complexity"
