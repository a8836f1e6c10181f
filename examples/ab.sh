#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Is model B better than model A? ab.sh A.apg B.apg TEST.csv [GROUP]: exit 0 when B's AUC is surely higher (the 95 %
# interval of the difference lies above 0), 3 when that is not sure, 1 or 2 when something failed.
#
# TEST.csv must be rows that neither was trained on. Rows of one GROUP, user_id unless it is named, are drawn together.
set -eu
: "${3:?usage: ab.sh A.apg B.apg TEST.csv [GROUP]}"
a=$1 b=$2 log=$3 group=${4:-user_id}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
apg predict -q -m "$a" --append -o "$dir/a.csv" "$log"
apg predict -q -m "$b" --append -o "$dir/b.csv" "$log"
apg compare --group "$group" "$dir/a.csv" "$dir/b.csv"
apg compare --group "$group" --csv -o "$dir/result.csv" "$dir/a.csv" "$dir/b.csv"
awk -F, '$1 == "auc" { sure = $7 > 0 } END { exit sure ? 0 : 3 }' "$dir/result.csv"
