#!/bin/sh
# SPDX-License-Identifier: MIT
#
# MovieLens 1M, from its owners' files: movielens.sh DIR [OPTION]...
#
# DIR has ratings.dat, users.dat and movies.dat of ml-1m.zip (https://grouplens.org/datasets/movielens/1m/). A rating of
# 4 or 5 is taken for a click. Every tenth row is for the test. Written to the current folder: train.csv, test.csv,
# movielens.apg and scored.csv. OPTIONs are for apg train.
set -eu
dir=$1
shift
export LC_ALL=C # titles are Latin-1; they are not read
awk -F'::' -v OFS=, '
    FILENAME ~ /users\.dat$/  { user[$1] = $1 OFS $2 OFS $3 OFS $4 OFS $5 } # id, gender, age, occupation, zip code
    FILENAME ~ /movies\.dat$/ { movie[$1] = $1 OFS $NF }                    # id, genres, with | between
    FILENAME ~ /ratings\.dat$/ {
        if (!($1 in user) || !($2 in movie)) {
            print FILENAME ":" FNR ": no such user or movie" > "/dev/stderr"
            exit 1
        }
        if (!rows++) {
            header = "label,user_id,gender,age,occupation,zip,movie_id,genres"
            print header > "train.csv"
            print header > "test.csv"
        }
        print ($3 >= 4) + 0, user[$1], movie[$2] > (rows % 10 ? "train.csv" : "test.csv")
    }' "$dir/users.dat" "$dir/movies.dat" "$dir/ratings.dat"

apg train --categorical age,zip --multi genres "$@" -o movielens.apg train.csv
apg predict -m movielens.apg --append -o scored.csv test.csv
apg evaluate --group user_id scored.csv
