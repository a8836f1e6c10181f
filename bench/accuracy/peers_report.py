# SPDX-License-Identifier: MIT
"""The tables of bench/peers, from what has been run."""
import math, statistics, subprocess, sys

from intervals import jackknife
from sets import SETS

NAMES = {"apg": "apg", "dense": "apg, dense", "tune": "apg, tuned", "xgboost": "xgboost", "hgb": "hist. trees",
         "onehot": "one-hot LR", "pairs": "all-pairs LR"}
OURS = ["apg", "dense", "tune"]


def short(x, digits=3):
    """.910 for 0.910"""
    return ("%.*f" % (digits, x)).replace("0.", ".", 1) if abs(x) < 1 else "%.*f" % (digits, x)


def mean(runs, figure):
    return statistics.mean(r[figure] for r in runs)


def newest(runs):
    """By log and method, the runs of one line a seed; of apg those of the commit that ran last."""
    by, commit = {}, {}
    for r in runs:
        what = r["set"], r["method"]
        of = r["key"].split()[-1] if r["method"] in OURS else ""
        if commit.get(what) != of:
            by[what], commit[what] = {}, of
        by[what][r["seed"]] = r
    return {what: list(seeds.values()) for what, seeds in by.items()}


def difference(a, b, figure):
    """Mean of B less that of A, and half its 95 % interval: other test rows, and other seeds where there are several."""
    without = [statistics.mean(y) - statistics.mean(x) for x, y in
               zip(zip(*(r["without"][figure] for r in a)), zip(*(r["without"][figure] for r in b)))]
    seeds = sum(statistics.variance(r[figure] for r in x) / len(x) for x in (a, b) if len(x) > 1)
    return mean(b, figure) - mean(a, figure), 1.96 * math.sqrt(jackknife(without) / 1e12 + seeds)


def best(by, name, methods, figure):
    there = [m for m in methods if (name, m) in by]
    return there and (max if figure == "auc" else min)(there, key=lambda m: mean(by[name, m], figure))


def tables(runs):
    by = newest(runs)
    names = sorted({n for n, _ in by}, key=lambda n: (list(SETS).index(n) if n in SETS else len(SETS), n))
    methods = [m for m in NAMES if any((n, m) in by for n in names)]
    peers = [m for m in methods if m not in OURS]

    def grid(cell):
        head = "| log | %s |\n|---|%s\n" % (" | ".join(NAMES[m] for m in methods), "---|" * len(methods))
        row = lambda n: " | ".join(cell(n, m) if (n, m) in by else "" for m in methods)
        return head + "".join("| %s | %s |\n" % (n, row(n)) for n in names)

    def value(n, m):
        bold = lambda figure: "**%s**" if m == best(by, n, methods, figure) else "%s"
        return " / ".join(bold(f) % short(mean(by[n, m], f)) for f in ("auc", "logloss"))

    out = ["Test AUC / log loss, the best of each log in bold:\n", grid(value)]
    ours = [m for m in methods if m in ("apg", "tune")]
    if ours and peers:
        out += ["Less the best peer, with 95 % intervals. AUC is in points, where more is better; log loss is in thousandths,\n"
                "where less is better.\n",
                "| log | %s |" % " | ".join("%s: AUC | best peer | log loss | best peer" % NAMES[m] for m in ours),
                "|---|" + "---|" * 4 * len(ours)]
        for n in names:
            cells = []
            for m in ours:
                for figure, scale, digits in (("auc", 100, 2), ("logloss", 1000, 1)):
                    peer = best(by, n, peers, figure)
                    d = (n, m) in by and peer and difference(by[n, peer], by[n, m], figure)
                    cells += ["%+.*f ± %.*f" % (digits, scale * d[0], digits, scale * d[1]), NAMES[peer]] if d else ["", ""]
            out.append("| %s | %s |" % (n, " | ".join(cells)))
        out.append("")
    out += ["Mean score over mean label, and processor seconds of a run with the choice of its options:\n",
            grid(lambda n, m: "%s, %.0f s" % (short(mean(by[n, m], "calibration"), 2), mean(by[n, m], "seconds")))]
    return "\n".join(out)


# Bars of the picture, in colours and a grey that can be read on white and on black.
BARS = {"apg": "#2f81f7", "xgboost": "#d9822b", "hgb": "#6a9a3a"}
GREY = "#808080"


def plot(runs, path):
    """Writes PATH, SVG: test AUC less that of one-hot logistic regression, by log, in points."""
    by = newest(runs)
    names = [n for n in SETS if ("apg" in [m for s, m in by if s == n]) and (n, "onehot") in by]
    gain = lambda n, m: "%.3f" % (100 * (mean(by[n, m], "auc") - mean(by[n, "onehot"], "auc"))) if (n, m) in by else "NaN"
    rows = "".join('"%s" %s\n' % (n, " ".join(gain(n, m) for m in BARS)) for n in names)
    script = """$rows << END
%sEND
set terminal svg size 720,320 font 'sans-serif,13'
set output '%s'
set title 'Test AUC above one-hot logistic regression, points' textcolor rgb '%s'
set border 0 linecolor rgb '%s'
set style data histogram
set style histogram clustered gap 1
set style fill solid noborder
set grid ytics linecolor rgb '%s' linewidth 0.3
set tics scale 0 textcolor rgb '%s'
set key inside top left reverse Left textcolor rgb '%s'
set xzeroaxis linetype 1 linecolor rgb '%s'
plot %s
""" % (rows, path, GREY, GREY, GREY, GREY, GREY, GREY,
       ", ".join("$rows using %d:xtic(1) title '%s' linecolor rgb '%s'" % (i + 2, NAMES[m], c)
                 for i, (m, c) in enumerate(BARS.items())))
    try:
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
    except FileNotFoundError:
        print("bench/peers: gnuplot is not there; no picture", file=sys.stderr)
