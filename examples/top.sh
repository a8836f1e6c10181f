#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The K best items of each user: top.sh K MODEL LOG.csv [USER ITEM] > top.csv
#
# The columns are user_id and item_id unless they are named. Their cells must have no commas. An item that a user has
# several times counts once, with its best score.
set -eu
: "${3:?usage: top.sh K MODEL LOG.csv [USER ITEM]}"
k=$1 model=$2 log=$3 user=${4:-user_id} item=${5:-item_id}
export LC_ALL=C
scored=$(mktemp)
trap 'rm -f "$scored"' EXIT
apg predict -q -m "$model" --id "$user,$item" -o "$scored" "$log"
head -n 1 "$scored"
tail -n +2 "$scored" | sort -t, -k1,1 -k3,3gr -k2,2 |
    awk -F, -v k="$k" '$1 != last { last = $1; n = 0; split("", seen) } n < k && !($2 in seen) { seen[$2]; n++; print }'
