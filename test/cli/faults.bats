# SPDX-License-Identifier: MIT
# What the system refuses, or limits, is told, and leaves nothing half-written. `make faults` tries much more of it.
load helper

setup() {
    bats_require_minimum_version 1.5.0
}

# try MODE: a part of what test/faults/faults.py does; its last lines say what was wrong
try() {
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
