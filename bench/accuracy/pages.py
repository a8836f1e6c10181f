# SPDX-License-Identifier: MIT
"""Tables in pages that people write."""
import re


def write(page, name, text):
    """Puts TEXT between the comments NAME and end of PAGE."""
    with open(page) as f:
        old = f.read()
    new, found = re.subn("(<!-- %s -->\n).*?(<!-- end -->)" % name, lambda m: m[1] + "\n" + text + "\n" + m[2], old, flags=re.S)
    if not found:
        raise SystemExit("%s: no lines <!-- %s --> and <!-- end -->" % (page, name))
    with open(page, "w") as f:
        f.write(new)
