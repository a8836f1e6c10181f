#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A score for each row as it comes, by `apg predict` as a co-process: coprocess.py MODEL < rows.csv

What apg has read, it answers at once: write a line, flush, read a line. A row must be written as one line. The header
that is sent first says which cells follow; columns that the model does not read may be left out.
"""
import csv
import subprocess
import sys


class Scorer:
    def __init__(self, model, columns, apg="apg"):
        self.process = subprocess.Popen([apg, "predict", "-q", "--threads", "1", "-m", model], bufsize=1, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.to_apg = csv.writer(self.process.stdin, lineterminator="\n")
        self.send(columns)

    def send(self, cells):
        try:
            self.to_apg.writerow(cells)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # apg has ended; score() says why

    def score(self, cells):
        self.send(cells)
        line = self.process.stdout.readline()
        if not line:
            raise ValueError(self.process.stderr.read().strip())
        return float(line)

    def close(self):
        self.process.communicate()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: coprocess.py MODEL < rows.csv")
    rows = csv.reader(sys.stdin)
    scorer = Scorer(sys.argv[1], next(rows))
    try:
        for row in rows:
            print("%.9g" % scorer.score(row), flush=True)
    except ValueError as error:
        sys.exit(str(error))
    scorer.close()
