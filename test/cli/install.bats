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
        share/man/man1/apg-train.1 share/bash-completion/completions/apg share/doc/apg/files.md; do
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
    cat > score.py <<'END'
import ctypes, sys

class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("text", ctypes.c_char * 1024)]

apg = ctypes.CDLL("root/usr/lib/libapg.so.0")
apg.apg_columns_count.restype = ctypes.c_size_t
model, err = ctypes.c_void_p(), Error()
if apg.apg_open(ctypes.byref(model), sys.argv[1].encode(), ctypes.byref(err)):
    sys.exit(err.text.decode())
columns = apg.apg_columns_count(model)
rows = [line.rstrip("\n").split("\t") for line in sys.stdin]
assert all(len(row) == columns for row in rows)
cells = (ctypes.c_char_p * (len(rows) * columns))(*[cell.encode() for row in rows for cell in row])
p = (ctypes.c_double * len(rows))()
if apg.apg_predict(model, cells, ctypes.c_size_t(len(rows)), p, ctypes.byref(err)):
    sys.exit(err.text.decode())
print("\n".join("%.9g" % x for x in p))
apg.apg_close(model)
END
    python3 score.py want.apg < cells.tsv > got.txt
    cmp want.txt got.txt
    run -1 python3 score.py none.apg < cells.tsv
    [ "$output" = "none.apg: No such file or directory" ]
}
