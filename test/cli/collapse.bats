# SPDX-License-Identifier: MIT
# Factors multiplied for serving.
bats_require_minimum_version 1.5.0
load small_model

@test "collapse: of star: the weights of all go, the scores stay" {
    apg train -q --multi genres --layer star --domain scenario --hidden 16,8 --epochs 1 --batch-norm -o s.apg logs.csv
    run --separate-stderr -0 apg collapse -o c.apg s.apg
    # 6 columns of 16 numbers: (96 + 1) 16 + (16 + 1) 8
    [[ "$stderr" == *"($((1688 * 4)) bytes saved); largest logit difference 0"* ]] || { echo "$stderr"; return 1; }
    apg predict -q -m s.apg new.csv | cmp - <(apg predict -q -m c.apg new.csv)
    apg inspect c.apg | grep -q hidden.0.effective.weight
    run -1 grep -q hidden.0.domain <(apg inspect c.apg)
}

@test "collapse: says what was saved; twice is refused" {
    run --separate-stderr -0 apg collapse -o once.apg m.apg
    [[ "$stderr" == "apg collapse: "*"largest logit difference"* ]]
    [ "$(stat -c %s once.apg)" -lt "$(stat -c %s m.apg)" ]
    run --separate-stderr -1 apg collapse -o twice.apg once.apg
    [[ "$stderr" == "apg collapse: once.apg: already collapsed" ]]
}
