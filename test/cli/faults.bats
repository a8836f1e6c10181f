# SPDX-License-Identifier: MIT
# What the system refuses, or limits, is told, and leaves nothing half-written. `make faults` tries much more of it.
load helper

setup() {
    bats_require_minimum_version 1.5.0
}

# try MODE: a part of what test/faults/faults.py does; its last lines say what was wrong
try() {
    [ -z "${APG_COUNTS:-}" ] || skip "what is killed, or may not write, spoils the counts of make coverage"
    case ${APG_CC:-} in *sanitize*) skip "a sanitizer has calls and needs memory of its own" ;; esac
    run python3 "$ROOT/test/faults/faults.py" "$1" --quick
    echo "$output"
    [ $status -ne 77 ] || skip "no strace"
    [ $status -eq 0 ]
}

@test "faults: a system call that fails is told, with a name, and nothing is half-written" {
    try points
}

@test "faults: limits on files, memory and descriptors are told, and nothing is half-written" {
    try limits
}

# mapped PID FILE: the process has it mapped
mapped() {
    grep -qF "$2" "/proc/$1/maps"
}

@test "faults: an encoder, or features, that change while they are in use are noticed" {
    cd "$BATS_TEST_TMPDIR"
    apg simulate --rows 5000 --seed 3 > logs.csv
    apg encode -q --multi genres -o logs.apgf logs.csv
    mkfifo pipe
    apg encode -q --encoder logs.apgf -o x.apgf < pipe 2> err 3>&- &
    pid=$!
    exec 7> pipe
    wait_for mapped $pid logs.apgf
    touch -d @1 logs.apgf
    cat logs.csv >&7
    exec 7>&-
    code=0
    wait $pid || code=$?
    [ $code -eq 1 ]
    [ "$(cat err)" = "apg encode: logs.apgf: changed while it was read" ]
    [ ! -e x.apgf ]

    apg encode --decode -o pipe logs.apgf 2> err 3>&- & # it waits until the pipe, which holds less, is read
    pid=$!
    exec 7< pipe
    wait_for mapped $pid logs.apgf
    touch -d @2 logs.apgf
    cat <&7 > /dev/null
    exec 7<&-
    code=0
    wait $pid || code=$?
    [ $code -eq 1 ]
    [ "$(cat err)" = "apg encode: logs.apgf: changed while it was read" ]
}
