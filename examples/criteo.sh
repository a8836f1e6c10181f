#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Criteo's click logs, from their owner's file: criteo.sh train.txt [TEST_ROWS [OPTION]...]
#
# train.txt is of the Display Advertising Challenge, or a day of the 1 TB log: tabs, no header, a label, 13 counts,
# 26 hashed tokens. The last TEST_ROWS rows are for the test, by default 1,000,000. Written to the current folder:
# criteo.apg and scores.txt. OPTIONs are for apg train.
set -eu
log=$1 test_rows=${2:-1000000}
shift $(($# < 2 ? $# : 2))
counts=$(seq -s , -f 'I%.0f' 13) tokens=$(seq -s , -f 'C%.0f' 26)
format="-d tab --no-quotes --no-header --columns label,$counts,$tokens"
# shellcheck disable=SC2086
head -n -"$test_rows" "$log" |
    apg train $format --numeric "$counts" --categorical "$tokens" --min-count 10 --holdout-last 0.1 "$@" -o criteo.apg
# shellcheck disable=SC2086
tail -n "$test_rows" "$log" | apg predict $format -m criteo.apg -o scores.txt
