#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The whole way, on simulated logs: examples/demo.sh [DIR]. Files are kept in DIR, or thrown away.
# Users differ in what they like, in a way that no static model can express: adaptive weights should find some of it,
# and `apg simulate` says how much there is to find.
set -eu
PATH=$(dirname "${APG:-./apg}"):$PATH
apg=$(command -v apg)
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    cd "$1"
else
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    trap 'exit 130' INT TERM
    cd "$dir"
fi
apg() { "$apg" "$@"; }

bold=$(tput bold 2>/dev/null || :)
plain=$(tput sgr0 2>/dev/null || :)
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { # show a command line, run it
    printf '%s$ %s%s\n' "$bold" "$1" "$plain"
    eval "$1"
}

say "Click logs whose users have tastes of their own, and the true probabilities of the test rows"
run "apg simulate --adaptive 1 --rows 200000 > train.csv"
run "apg simulate --adaptive 1 --rows 20000 --skip 200000 > valid.csv"
run "apg simulate --adaptive 1 --rows 40000 --skip 220000 --truth truth > test.csv"
run "head -n 3 test.csv"

say "A model with the same weights for all, and one that generates them for each user"
run "apg train --layer dense --valid valid.csv < train.csv > dense.apg"
run "apg train --layer apg --condition group:user_id --valid valid.csv < train.csv > model.apg"

say "Ready to serve: factors multiplied out, optimizer state dropped"
run "apg collapse < model.apg > serve.apg"
run "ls -l model.apg serve.apg"

say "Scores, in order, as rows arrive"
run "apg predict -m serve.apg --append < test.csv > scored.csv"
run "head -n 3 scored.csv"

say "How good: the dense model, the adaptive one by activity of the user, and the truth"
run "apg predict -m dense.apg --append < test.csv | apg evaluate --group user_id | head -n 8"
run "apg evaluate --group user_id scored.csv"
run "apg evaluate --score truth --group user_id test.csv | head -n 8"

say "What it costs: multiply-adds and numbers kept, by form of the layer"
run "apg complexity"
