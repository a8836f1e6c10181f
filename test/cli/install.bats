# SPDX-License-Identifier: MIT
# What `make install` puts there works: a program of a user's own trains, collapses and predicts as apg does.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    build=${APG%/*}
    [ -f "$build/apg.o" ] || build=$(dirname "$(ls -t "$ROOT"/build/*/apg.o | head -n 1)")
    env -u MAKEFLAGS -u MAKELEVEL make -s -C "$ROOT" install BUILD="$build" DESTDIR="$PWD/root" PREFIX=/usr
    apg simulate --rows 3000 --seed 5 > logs.csv
    apg train -q --epochs 1 --multi genres --hidden 8 --rank 2 logs.csv | apg collapse -q > want.apg
    apg encode --decode <(apg encode -q --encoder want.apg < logs.csv) > decoded.csv
    tail -n +2 decoded.csv | cut -d, -f2- | tr , '\t' > cells.tsv
    apg predict -q -m want.apg decoded.csv > want.txt
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}

# pc FLAG...: pkg-config of the installed copy
pc() {
    PKG_CONFIG_PATH=root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$PWD/root pkg-config "$@" apg
}

# try_embed PROGRAM: it makes the model that apg makes, byte for byte, and the same scores
try_embed() {
    "$1" logs.csv got.apg < cells.tsv > got.txt 2> got.err
    cmp want.apg got.apg
    grep -q '^epoch 1: loss 0' got.err
    grep -q '^hidden.0.S  *generated .* multiply-adds .* numbers$' got.txt
    tail -n "$(wc -l < want.txt)" got.txt | cmp want.txt -
}

@test "install: binary, manual, completion, libraries, header and .pc" {
    for file in bin/apg lib/libapg.a lib/libapg.so lib/libapg.so.0 include/apg.h lib/pkgconfig/apg.pc \
        share/man/man1/apg-train.1 share/bash-completion/completions/apg share/zsh/site-functions/_apg \
        share/fish/vendor_completions.d/apg.fish share/doc/apg/files.md share/doc/apg/examples/sparse.awk; do
        [ -s "root/usr/$file" ] || { echo "no $file"; return 1; }
    done
    root/usr/bin/apg --version
}

@test "install: a program built with the static library trains, collapses, saves, counts and predicts as apg does" {
    # shellcheck disable=SC2046
    ${APG_CC:-cc} -Wall -Wextra -Werror $(pc --cflags) "$ROOT/examples/embed.c" -o static \
        root/usr/lib/libapg.a $(pc --libs | sed 's/-lapg//')
    run ! grep -q libapg <(ldd static)
    try_embed ./static
}

@test "install: the same with the shared library; a wrong cell, a wrong log" {
    # shellcheck disable=SC2046
    ${APG_CC:-cc} -Wall -Wextra -Werror $(pc --cflags) "$ROOT/examples/embed.c" -o shared $(pc --libs) \
        -Wl,-rpath,"$PWD/root/usr/lib"
    grep -q 'libapg.so.0 => .*root/usr/lib' <(ldd shared)
    try_embed ./shared
    price=$(head -n 1 decoded.csv | tr , '\n' | sed 1d | grep -nx price | cut -d: -f1)
    head -n 1 cells.tsv | awk -F'\t' -v OFS='\t' "{ \$$price = \"abc\"; \$1 = \$1; print }" > bad.tsv
    run --separate-stderr -1 ./shared logs.csv got.apg < bad.tsv
    [[ "$stderr" == *"embed: row:1: price: not a number: 'abc'" ]]
    run --separate-stderr -1 ./shared none.csv none.apg < bad.tsv
    [ "$stderr" = "embed: none.csv: No such file or directory" ]
    [ ! -e none.apg ]
}

@test "install: the libraries give away the names that apg.h declares, and no others" {
    # What is declared: the words before a parenthesis, outside of comments.
    sed ':a; s|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g; /\/\*/ { N; ba; }' root/usr/include/apg.h |
        grep -oE '\bapg_[a-z_]+\(' | tr -d '(' | sort -u > declared
    [ "$(grep -c . declared)" -gt 10 ]
    nm -g --defined-only root/usr/lib/libapg.a | awk 'NF == 3 { print $3 }' | grep -v '^__' | sort -u | diff declared -
    nm -D --defined-only root/usr/lib/libapg.so | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort -u | diff declared -
    nm -D --defined-only root/usr/lib/libapg.so | awk '$2 != "T" { print $3 }' | grep -v '^__' | diff <(echo APG_0) -
}

@test "install: the shared library from Python, by ctypes" {
    case ${APG_CC:-} in *sanitize*) skip "an interpreter without the sanitizer" ;; esac
    export LIBAPG=$PWD/root/usr/lib/libapg.so.0 PYTHONPATH=$ROOT/examples/python PYTHONDONTWRITEBYTECODE=1
    python3 "$ROOT/examples/python/apg.py" want.apg < decoded.csv > got.txt
    cmp want.txt got.txt
    cat > lists.py <<'END'
import sys
from apg import Model
model = Model("want.apg")
rows = [line.rstrip("\n").split("\t") for line in open("cells.tsv")]
assert all(len(row) == len(model.columns) for row in rows)
print("\n".join("%.9g" % p for p in model.predict(rows)))
for wrong in [["1"]], [["x"] * len(model.columns)]:
    try:
        model.predict(wrong)
        sys.exit("not refused")
    except ValueError as e:
        print(e, file=sys.stderr)
END
    python3 lists.py > got.txt 2> err
    cmp want.txt got.txt
    grep -q "^a row has not 6 cells: user_id, " err
    grep -q "^row:1: price: not a number: 'x'$" err
    run -1 python3 "$ROOT/examples/python/apg.py" none.apg < decoded.csv
    [ "$output" = "apg.py: none.apg: No such file or directory" ]
    run -1 python3 "$ROOT/examples/python/apg.py" want.apg < <(cut -d, -f2 decoded.csv)
    [[ "$output" == "apg.py: a row has no "* ]]
    LIBAPG=none.so run -1 python3 "$ROOT/examples/python/apg.py" want.apg < decoded.csv
    [[ "$output" == "apg.py: none.so: "* ]]
}

@test "install: a model file read with numpy alone gives the scores of predict to 1e-5" {
    python=/usr/bin/python3
    "$python" -c 'import numpy' 2> /dev/null || python=python3
    "$python" -c 'import numpy' 2> /dev/null || skip "no python3-numpy"
    apg simulate --rows 20000 --seed 5 > many.csv
    head -n 400 many.csv | awk -F, -v OFS=, 'NR == 3 {$2 = "nobody"} NR == 4 {$6 = ""} NR == 5 {$6 = 1e9} 1' > rows.csv
    apg train -q --epochs 2 --multi genres -o default.apg many.csv
    apg train -q --epochs 2 --multi genres --layer dense --backbone wdl --batch-norm --bucket price -o static.apg many.csv
    apg train -q --epochs 2 --multi genres --condition group:scenario --overparam 64 many.csv | apg collapse -q --embedding f16 -o group.apg
    tail -n +2 many.csv | tr , '\t' | apg train -q --epochs 2 --no-header --label c1 --categorical c2,c3 --multi c7 -o bare.apg
    timed() { awk -F, -v OFS=, '{ print $0, NR == 1 ? "at" : NR % 9 ? sprintf("2025-03-%02dT%02d:10+02", 1 + NR % 28, NR % 24) : "" }' "$1"; }
    timed many.csv | apg train -q --epochs 2 --multi genres --time at -o timed.apg
    for model in default static group bare timed; do
        case $model in
        bare) tail -n +2 rows.csv | tr , '\t' ;;
        timed) timed rows.csv ;;
        *) cat rows.csv ;;
        esac > rows
        apg predict -q -m $model.apg rows > want_.txt
        "$python" "$ROOT/examples/python/score_numpy.py" $model.apg < rows > got_.txt
        paste want_.txt got_.txt | awk '$1 - $2 > 1e-5 || $2 - $1 > 1e-5 { print FILENAME, NR, $0; bad = 1 } END { exit bad || NR != 399 }'
    done
    apg train -q --epochs 1 --multi genres --backbone pnn --hidden 8 -o other.apg many.csv
    run -1 "$python" "$ROOT/examples/python/score_numpy.py" other.apg < rows.csv
    [ "$output" = "other.apg: a model of options that this program does not know" ]
}

@test "install: a static apg gives the same model and scores, and needs no library" {
    case ${APG_CC:-} in *sanitize*) skip "a sanitizer is not static" ;; esac
    for library in openblas csv jansson xxhash; do
        [ "$(${APG_CC:-cc} -print-file-name=lib$library.a)" != lib$library.a ] || skip "no lib$library.a"
    done
    build=${APG%/*}
    [ -f "$build/apg.o" ] || build=$(dirname "$(ls -t "$ROOT"/build/*/apg.o | head -n 1)")
    env -u MAKEFLAGS -u MAKELEVEL make -s -C "$ROOT" static BUILD="$build"
    run ldd "$build/apg-static"
    [[ "$output" == *"not a dynamic executable"* ]]
    "$build/apg-static" predict -q -m want.apg decoded.csv | cmp want.txt -
    "$build/apg-static" train -q --epochs 1 --multi genres --hidden 8 --rank 2 logs.csv | "$build/apg-static" collapse -q | cmp want.apg -
}
