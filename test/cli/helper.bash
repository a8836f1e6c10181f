# SPDX-License-Identifier: MIT
# What the command tests share. `make check` sets APG to the binary under test; alone, it is ./apg of this tree.
ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
export ROOT
export APG=${APG:-$ROOT/apg}
export PATH=${APG%/*}:$PATH
export LC_ALL=C
unset CDPATH

# shared PATH: the real logs beside this tree, which are not ours to ship; without them, or what unpacks them, the test is skipped
shared() {
    [ -e "$ROOT/../shared/$1" ] || skip "no ../shared/$1"
    [[ $1 != *.xz ]] || command -v xzcat > /dev/null || skip "no xzcat"
}

# wait_for COMMAND...: until it succeeds, at most a minute
wait_for() {
    for ((tries = 0; tries < 1200; tries++)); do
        ! "$@" || return 0
        sleep 0.05
    done
    echo "waited in vain for: $*"
    return 1
}

# choices OPTION: of apg train, by their own names.
choices() {
    apg train --list-options | sed -n "s/^--$1=//p" | tr '|' '\n' | grep -v '^v[1-5]$'
}

# Logs of 1500 rows, as CSV and as features, and 300 new ones, for tests that go through all there is.
little_logs() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
    apg simulate --rows 1500 --seed 5 > logs.csv
    apg simulate --rows 300 --seed 5 --skip 1500 > new.csv
    apg encode --multi genres -o logs.apgf logs.csv
}

# A small model m.apg of logs.csv, and new.csv to score, in the current folder.
small_model() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
    apg simulate --rows 6000 --seed 3 > logs.csv
    apg simulate --rows 2000 --seed 3 --skip 6000 > new.csv
    apg train -q --multi genres --epochs 2 --hidden 16,8 --form overparam --rank 4 --overparam 8 --batch-size 256 -o m.apg logs.csv
}
