# SPDX-License-Identifier: MIT
# Factors multiplied for serving.
bats_require_minimum_version 1.5.0
load small_model

@test "collapse: says what was saved; twice is refused" {
    run --separate-stderr -0 apg collapse -o once.apg m.apg
    [[ "$stderr" == "apg collapse: "*"largest logit difference"* ]]
    [ "$(stat -c %s once.apg)" -lt "$(stat -c %s m.apg)" ]
    run --separate-stderr -1 apg collapse -o twice.apg once.apg
    [[ "$stderr" == "apg collapse: once.apg: already collapsed" ]]
}
