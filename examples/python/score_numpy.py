#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Score rows with a model of apg, by numpy alone: score_numpy.py MODEL < rows.csv

It reads the model's file as docs/files.md describes it, and computes what `apg predict` prints, for the default model
of apg train, static ones, and those of backbone dnn, wdl or deepfm that adapt by form residual. Others are refused.
"""
import csv
import json
import sys
from datetime import datetime, timedelta, timezone

import numpy as np

KIND = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "U8": "u1", "U32": "<u4", "U64": "<u8"}


def time_of(cell, hours):
    """The days since 2020 began in UTC, the hour and the weekday of a cell; of eight digits as YYMMDDHH if HOURS."""
    digits = cell.strip().split(".")[0]
    if digits.isdigit() and len(digits) == 8:
        t = datetime.strptime("20" + digits if hours else digits + "00", "%Y%m%d%H")
    elif digits.isdigit():
        t = datetime(1970, 1, 1) + timedelta(seconds=float(cell) / (1000 if len(digits) > 11 else 1))
    else:
        t = datetime.fromisoformat(cell.strip().replace("/", "-"))
    in_utc = t if t.tzinfo else t.replace(tzinfo=timezone.utc)
    return (in_utc - datetime(2020, 1, 1, tzinfo=timezone.utc)) / timedelta(days=1), t.hour, t.isoweekday()


class Model:
    def __init__(self, path):
        data = open(path, "rb").read()
        n = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + n])
        meta = header.pop("__metadata__")
        self.tensor = {
            name: np.frombuffer(data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]], KIND[t["dtype"]])
                    .reshape(t["shape"])
            for name, t in header.items()}
        self.arch = json.loads(meta["model"])
        self.schema = json.loads(meta["schema"])
        self.slope, self.offset, *rate = json.loads(meta.get("calibration", "[1, 0]"))
        self.offset += np.log(rate[0]) if rate else 0
        a = self.arch
        adapts = a["layer"] == "apg" and any(a["rank"])
        if (a["backbone"] not in ("dnn", "wdl", "deepfm") or a["layer"] not in ("dense", "apg") or "crosses" in meta or
                adapts and (a["form"] != "residual" or a["bias"] != "static" or a["condition"] == "mix" or
                            a["generator_hidden"] or a["condition_own"] or a["batch_norm"])):
            sys.exit(f"{path}: a model of options that this program does not know")
        self.first = np.cumsum([0] + [f["rows"] for f in self.schema["fields"]])
        self.vocab = [self.tokens(f["name"]) if f["kind"] in ("categorical", "multi") else None
                      for f in self.schema["fields"]]

    def tokens(self, field):
        text, at = self.tensor[f"vocab.{field}.text"].tobytes(), self.tensor[f"vocab.{field}.at"]
        return {text[at[i]:at[i + 1]].decode("utf-8", "surrogateescape"): i for i in range(1, len(at) - 1)}

    def rows_of(self, i, field, cell):
        """The rows of a table that a cell is made of, and what each is multiplied with."""
        if cell in self.schema.get("missing", []):
            cell = ""
        if field["kind"] in ("categorical", "multi"):
            cells = [cell] if field["kind"] == "categorical" else cell.split(chr(field["separator"]))
            ids = [self.vocab[i].get(c, 0) for c in cells]
            return ids, [1 / len(ids)] * len(ids)
        if cell == "":
            return [0], [1]
        if "time" in field:
            days, *parts = time_of(cell, "digits" in field)
            cell = parts[field["time"] == "weekday"]
        edges = self.tensor.get(f"edges.{field['name']}", np.zeros(0, "f4"))
        if field["kind"] == "bucket":
            return [1 + int(np.searchsorted(edges, np.float32(cell), "right"))], [1]
        if "time" in field:
            t = np.float32(np.log1p(max(0, field["newest"] - float(np.float32(days)))))
        else:
            t = np.float32(np.sign(float(cell)) * np.log1p(abs(float(cell))))
        t = min(max(t, field.get("low", -np.inf)), field.get("high", np.inf))
        v = np.float32((float(t) - field["mean"]) / field["deviation"])
        if len(edges):
            return [1, 2 + int(np.searchsorted(edges, v, "right"))], [v, 1]
        return [1], [v]

    def vectors(self, table, row):
        """(fields, width) of a row, a dict of cells."""
        out = []
        for i, field in enumerate(self.schema["fields"]):
            ids, times = self.rows_of(i, field, row[field.get("column", field["name"])])
            out.append(np.asarray(times) @ self.tensor[table][self.first[i] + np.asarray(ids)].astype("f8"))
        return np.array(out)

    def product(self, name):
        """U or V of a layer, which may be kept as two factors."""
        t = self.tensor
        return t[name] if name in t else t[name + "_l"] @ t[name + "_r"]

    def logit(self, row):
        t, a = self.tensor, self.arch
        e = self.vectors("embedding", row)
        h = e.reshape(-1)
        for n in range(len(a["hidden"])):
            layer = f"hidden.{n}"
            y = h @ t[layer + ".weight"] + t[layer + ".bias"][0]
            if layer + ".S.weight" in t:  # y = h weight + ((h U) S) V + bias, and S is made for this row
                z = h if a["condition"] == "self" else e[a["condition_fields"]].reshape(-1)
                if layer + ".generator.A" in t:
                    z = z @ t[layer + ".generator.A"]
                u, v = self.product(layer + ".U"), self.product(layer + ".V")
                s = (z @ t[layer + ".S.weight"] + t[layer + ".S.bias"][0]).reshape(u.shape[1], -1)
                y = y + ((h @ u) @ s) @ v
            if layer + ".norm.scale" in t:
                scale, shift, mean, variance = (t[f"{layer}.norm.{x}"][0] for x in ("scale", "shift", "mean", "variance"))
                y = scale * (y - mean) / np.sqrt(variance + 1e-5) + shift
            h = np.maximum(y, 0)
        logit = float((h @ t["out.weight"] + t["out.bias"][0]).item())
        if a["backbone"] == "deepfm":
            logit += float(((e.sum(0)**2 - (e**2).sum(0)) / 2).sum())
        if a["backbone"] in ("deepfm", "wdl"):
            logit += float(self.vectors("linear", row).sum())
        return self.slope * logit + self.offset


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: score_numpy.py MODEL < rows.csv")
    model = Model(sys.argv[1])
    names = None if model.schema.get("header", True) else model.schema["columns"]
    for row in csv.DictReader(sys.stdin, names, delimiter=chr(model.schema["delimiter"])):
        print("%.9g" % (1 / (1 + np.exp(-model.logit(row)))))
