# SPDX-License-Identifier: MIT
# What `make install` puts there works: a program of a user's own predicts what apg predicts.
bats_require_minimum_version 1.5.0
load helper

@test "install: binary, manual, completion, library, header and .pc; a program built with them predicts the same" {
    set -o pipefail
    cd "$BATS_TEST_TMPDIR"
    build=${APG%/*}
    [ -f "$build/libapg.a" ] || build=$(dirname "$(ls -t "$ROOT"/build/*/libapg.a | head -n 1)")
    env -u MAKEFLAGS -u MAKELEVEL make -s -C "$ROOT" install BUILD="$build" DESTDIR="$PWD/root" PREFIX=/usr
    for file in bin/apg lib/libapg.a include/apg.h lib/pkgconfig/apg.pc share/man/man1/apg-train.1 \
        share/bash-completion/completions/apg share/doc/apg/files.md; do
        [ -s "root/usr/$file" ]
    done
    flags=$(PKG_CONFIG_PATH=root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$PWD/root pkg-config --cflags apg)
    libs=$(PKG_CONFIG_PATH=root/usr/lib/pkgconfig pkg-config --libs apg)
    # shellcheck disable=SC2086
    ${APG_CC:-cc} -Wall -Wextra -Werror $flags -Iroot/usr/include "$ROOT/examples/embed.c" -o embed -Lroot/usr/lib $libs
    apg simulate --rows 3000 --seed 5 > logs.csv
    apg train -q --epochs 1 --multi genres --hidden 8 --rank 2 -o m.apg logs.csv
    apg encode --decode <(apg encode -q --encoder m.apg < logs.csv) > decoded.csv
    tail -n +2 decoded.csv | cut -d, -f2- > cells.csv
    apg predict -q -m m.apg decoded.csv > want.txt
    tr , '\t' < cells.csv | ./embed m.apg > got.txt
    cmp want.txt got.txt
    price=$(head -n 1 decoded.csv | tr , '\n' | sed 1d | grep -nx price | cut -d: -f1)
    head -n 1 cells.csv | awk -F, -v OFS='\t' "{ \$$price = \"abc\"; \$1 = \$1; print }" > bad.tsv
    run --separate-stderr -1 ./embed m.apg < bad.tsv
    [ "$stderr" = "embed: row:1: price: not a number: 'abc'" ]
    run --separate-stderr -1 ./embed logs.csv < bad.tsv
    [ "$stderr" = "embed: logs.csv: not a model file" ]
}
