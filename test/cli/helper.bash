# SPDX-License-Identifier: MIT
# What the command tests share. `make check` sets APG to the binary under test; alone, it is ./apg of this tree.
ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
export ROOT
export APG=${APG:-$ROOT/apg}
export PATH=${APG%/*}:$PATH
export LC_ALL=C
unset CDPATH

# shared PATH: the real logs beside this tree, which are not ours to ship; without them the test is skipped
shared() {
    [ -e "$ROOT/../shared/$1" ] || skip "no ../shared/$1"
}
