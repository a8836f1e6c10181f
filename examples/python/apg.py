# SPDX-License-Identifier: MIT
"""Score rows with libapg.so, by ctypes:

    from apg import Model
    model = Model("serve.apg")
    model.columns                                       # ["user_id", "item_id", "price"]
    model.predict([["19", "32", "13.03"]])              # [0.0757671475]
    model.predict([{"user_id": 19, "item_id": 32, "price": 13.03, "more": "is ignored"}])

As a program: apg.py MODEL < rows.csv. One thread at a time may use a Model. After make install, `ldconfig` as root lets
the library be found by its name; without it, LIBAPG=PREFIX/lib/libapg.so in the environment says where it is.
"""
import csv
import ctypes
import os
import sys


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("text", ctypes.c_char * 1024)]


class Model:
    def __init__(self, path, library=os.environ.get("LIBAPG", "libapg.so.0")):
        self.lib, self.handle, self.err = ctypes.CDLL(library), ctypes.c_void_p(), Error()
        self.lib.apg_columns_count.restype = ctypes.c_size_t
        self.lib.apg_column_name.restype = ctypes.c_char_p
        self.check(self.lib.apg_open(ctypes.byref(self.handle), os.fsencode(path), ctypes.byref(self.err)))
        n = self.lib.apg_columns_count(self.handle)
        self.columns = [self.lib.apg_column_name(self.handle, ctypes.c_size_t(i)).decode() for i in range(n)]

    def check(self, status):
        if status:
            raise ValueError(self.err.text.decode(errors="replace"))

    def predict(self, rows):
        """Probabilities of rows: lists of cells in the order of columns, or dicts. None is a missing value."""
        for row in rows:
            missing = [name for name in self.columns if name not in row] if isinstance(row, dict) else []
            if missing:
                raise ValueError(f"a row has no {', '.join(missing)}")
        rows = [[row[name] for name in self.columns] if isinstance(row, dict) else row for row in rows]
        if any(len(row) != len(self.columns) for row in rows):
            raise ValueError(f"a row has not {len(self.columns)} cells: {', '.join(self.columns)}")
        text = [b"" if cell is None else str(cell).encode() for row in rows for cell in row]
        cells, out = (ctypes.c_char_p * len(text))(*text), (ctypes.c_double * len(rows))()
        self.check(self.lib.apg_predict(self.handle, cells, ctypes.c_size_t(len(rows)), out, ctypes.byref(self.err)))
        return list(out)

    def __del__(self):
        if getattr(self, "handle", None):
            self.lib.apg_close(self.handle)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: apg.py MODEL < rows.csv")
    try:
        for probability in Model(sys.argv[1]).predict(list(csv.DictReader(sys.stdin))):
            print("%.9g" % probability)
    except (OSError, ValueError) as error:
        sys.exit(f"apg.py: {error}")
