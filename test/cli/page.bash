# SPDX-License-Identifier: MIT
# What tests of pages and drawings share.

need_gnuplot() { command -v gnuplot > /dev/null || skip "no gnuplot"; }

# stands_alone FILE: it is well-formed, has no script and names nothing outside of itself
stands_alone() {
    python3 - "$1" << 'END'
import re, sys, xml.etree.ElementTree as xml
text = open(sys.argv[1], encoding="utf-8").read()
ids = set()
for e in xml.fromstring(text.replace("<!DOCTYPE html>", "")).iter():
    assert e.tag.split("}")[-1] not in ("script", "link", "iframe", "object", "image", "img", "foreignObject"), e.tag
    for name, value in e.attrib.items():
        assert not name.startswith("on") and "://" not in value, (name, value)
        if name.split("}")[-1] in ("href", "src"):
            assert re.fullmatch("#[-\\w]+", value) and value[1:] in ids, value
        if name == "id":
            assert value not in ids, value
            ids.add(value)
rest = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
assert not re.search("https?:|@import|url\\(|<script|javascript:", rest)
assert "prefers-color-scheme:dark" in text
END
}

# without_gnuplot: a PATH in which apg finds none
without_gnuplot() { mkdir -p empty && printf %s "$PWD/empty"; }

# shows_both FILE: in a headless browser it has light corners or dark ones, as the reader wants, narrow and wide
shows_both() {
    command -v chromium > /dev/null || skip "no chromium"
    for width in 400 1400; do
        for scheme in 0:dark 1:light; do
            HOME=$BATS_TEST_TMPDIR timeout 60 chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
                --user-data-dir="$BATS_TEST_TMPDIR/browser" --blink-settings=preferredColorScheme=${scheme%:*} \
                --window-size=$width,900 --screenshot="$PWD/shot.png" "file://$1" > browser.log 2>&1 || skip "chromium does not run here"
            python3 - shot.png "${scheme#*:}" $width << 'END'
import struct, sys, zlib
b = open(sys.argv[1], "rb").read()
width, height, depth, kind = struct.unpack(">IIBB", b[16:26])
assert width == int(sys.argv[3]) and depth == 8, (width, depth)
n = {2: 3, 6: 4}[kind]
at, data = 8, b""
while at < len(b):
    size = struct.unpack(">I", b[at:at + 4])[0]
    if b[at + 4:at + 8] == b"IDAT":
        data += b[at + 8:at + 8 + size]
    at += 12 + size
data = zlib.decompress(data)
first = data[1:4]  # of a row above which there is none
assert (max(first) < 64) == (sys.argv[2] == "dark") and (min(first) > 192) == (sys.argv[2] == "light"), (sys.argv[2], list(first))
assert len(set(data[i] for i in range(0, len(data), 97))) > 20, "nothing is drawn"
END
        done
    done
}
