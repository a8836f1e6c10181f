#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A log in parts, several at once: split.sh MODEL LOG.csv OUT.csv [ROWS_OF_A_PART [JOBS]]
#
# apg predict uses the processors of a machine by itself. This is for a log that is scored by several machines, or whose
# parts are to be scored again one by one. A row must be a line: no line ends in quotes. LOG.csv may be -, standard
# input. A compressed log must be unpacked: gzip -dc LOG.csv.gz | split.sh MODEL - OUT.csv. With GNU parallel:
#
#   tail -n +2 LOG.csv | parallel --pipe -k apg predict -q -m MODEL --no-header --columns "$(head -n 1 LOG.csv)"
set -eu
: "${3:?usage: split.sh MODEL LOG.csv OUT.csv [ROWS_OF_A_PART [JOBS]]}"
model=$1 log=$2 out=$3 rows=${4:-1000000} jobs=${5:-2}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
[ "$log" = - ] || exec < "$log"
IFS= read -r header
split -l "$rows" - "$dir/part."
# xargs exits with 123 when a part failed, and then nothing is written.
find "$dir" -name 'part.*' | sort | xargs -P "$jobs" -I PART \
    apg predict -q --threads 1 -m "$model" --append --no-header --columns "$header" -o PART.scored PART
{ echo "$header,score"; find "$dir" -name '*.scored' | sort | xargs cat; } > "$dir/whole"
mv "$dir/whole" "$out"
