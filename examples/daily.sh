#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A daily job: daily.sh TODAY.csv TOMORROW.csv [OPTION]... in the folder of its models. As lines of a crontab; cron
# looks for programs in /usr/bin and /bin only, and flock keeps two jobs from running at once:
#
#   PATH=/usr/local/bin:/usr/bin:/bin
#   30 2 * * *  cd /srv/ctr && flock -n lock sh daily.sh /logs/today.csv /logs/new.csv || logger -t ctr "failed: $?"
#
# TODAY.csv has labels. The job says how well the model that served did on it, goes on from that model's weights, and
# scores TOMORROW.csv. OPTIONs are for apg train, every day, such as --require-auc 0.7. It ends at the first step that
# fails, with that step's code: 1 when something failed, 2 when an option is wrong. Then model.apg, serve.apg and
# scores.csv are those of before, and it may be run again. Run again after a success it trains on TODAY.csv twice.
#
#   first.txt    may be there: options of the first day alone, such as --multi genres; a model keeps how it reads rows
#   model.apg    to be trained on; serve.apg: what serves, collapsed; it may be in use meanwhile
#   scores.csv   a score for each row of TOMORROW.csv; history.txt: AUC, loss and calibration of each day
#   bad.csv      the bad rows of TODAY.csv, that were left out
set -eu
: "${2:?usage: daily.sh TODAY.csv TOMORROW.csv [OPTION]...}"
today=$1 tomorrow=$2
shift 2

# On rows that it has not seen: what a model is worth. Its bad rows are told by apg train, below.
if [ -e serve.apg ]; then
    worth=$(apg evaluate -m serve.apg --on-error skip "$today" 2> worth.log) || {
        code=$?
        cat worth.log >&2
        exit $code
    }
    printf '%s\n' "$(date +%F)" "$worth" >> history.txt
fi

start=
if [ -e model.apg ]; then
    start='--from model.apg'
elif [ -e first.txt ]; then
    start=@first.txt
fi
# shellcheck disable=SC2086
apg train -q $start --on-error skip --max-errors 1% --rejects bad.csv "$@" -o next.apg "$today"
apg collapse -q -o next-serve.apg next.apg

# The columns by which others find the scores: yours may have other names.
# A log of which half the tokens of a column are unknown is another log: rather yesterday's scores.
apg predict -q -m next-serve.apg --id user_id,item_id --on-error empty --max-unknown 50% -o scores.csv "$tomorrow"
mv next-serve.apg serve.apg
mv next.apg model.apg
