# SPDX-License-Identifier: MIT
"""The tables and plots of docs/accuracy, from what has been run."""
import math, os, statistics, subprocess, sys

from intervals import paired
from pages import write
from sets import BACKBONES, EQUAL, METHODS, ROOT, SETS

HEAD = """# Tables of accuracy

Written by `bench/accuracy/run --report` from bench/accuracy/runs.jsonl;
[accuracy.md](../accuracy.md) says what they mean.

A line is a method. Its options are chosen on validation by a search that is as long for every
method; then come paired seeds. Gain and its 95 % interval (Student's t) are those of the test
AUC's difference to dense on the same seeds, in points (AUC x 100). Tower weights and
multiply-adds are those of the hidden layers. `s` is the median of a run's processor seconds, two
runs at a time (by the clock before commit 9c680b6).
"""

PLAIN = """## Out of the box

`apg train --valid valid.csv train.csv` against the same with `--layer dense`. There is no other
option, and nothing is searched (columns as in bench/accuracy/sets.py). Logs with a * are not in
../shared: `bench/outside` makes them from Debian's packages. Runs without a commit are of before
embeddings had a prior and numbers had bins.

| log | backbone | method | seeds | test AUC | gain on dense, points | 95 % | tower weights | s | commit |
|---|---|---|---|---|---|---|---|---|---|"""

TODAY = """| log | seeds | static | adaptive | AUC gained, points | by test rows | log loss, thousandths | by test rows | coldest tenth of users, points |
|---|---|---|---|---|---|---|---|---|"""


def auc(runs):
    return {seed: r["auc"] for seed, r in runs.items()}


def gain(base, runs, method):
    """Two cells: the mean gain on dense, and its interval."""
    p = paired(auc(base), auc(runs)) if method != "dense" else None
    return ("%+.3f" % p[0], "%+.3f to %+.3f" % (p[0] - p[1], p[0] + p[1])) if p else ("", "")


def seconds(runs):
    return statistics.median(r["seconds"] for r in runs.values())


def plain_runs(runs):
    """Runs out of the box, by log, backbone and commit in the order in which they came: by method, by seed."""
    plain = {}
    for r in runs:
        if r["kind"] == "plain":
            of = r["set"], r["backbone"], r.get("commit", "")
            plain.setdefault(of, {}).setdefault(r["method"], {})[r["seed"]] = r
    return plain


def plain_table(runs):
    """Lines of the table out of the box; those of ../shared first."""
    plain = plain_runs(runs)
    out = [PLAIN]
    for of in sorted(plain, key=lambda k: (k[0] not in SETS, k[0], BACKBONES.index(k[1]))):
        name, backbone, commit = of
        for method in [m for m in METHODS if len(plain[of].get(m, {})) > 1]:
            rs = plain[of][method]
            out.append("| %s%s | %s | %s | %d | %.5f | %s | %s | %d | %.0f | %s |" % (
                name, "" if name in SETS else " *", backbone, method, len(rs), statistics.mean(auc(rs).values()),
                *gain(plain[of].get("dense", {}), rs, method), next(iter(rs.values()))["numbers"], seconds(rs), commit))
    return out + [""] if plain else []


def between(mean, half):
    return "%+.2f" % mean + ("" if math.isnan(half) else " ± %.2f" % half)


def today_table(runs):
    """The default against static: what paired seeds say, and what other test rows may change (`apg compare`)."""
    newest, out = {}, [TODAY]
    for (name, backbone, _), here in plain_runs(runs).items():
        if backbone == "deepfm" and any("interval" in r for r in here.get("default", {}).values()):
            newest[name] = here
    for name in [n for n in SETS if n in newest]:
        base = newest[name]["dense"]
        rs = {s: r for s, r in newest[name]["default"].items() if "interval" in r and s in base}
        cells = []
        for figure, interval, scale in (("auc", "interval", 100), ("logloss", "logloss_interval", 1000)):
            d, half, _ = paired(*({s: x[s][figure] * scale / 100 for s in rs} for x in (base, rs)))
            rows = statistics.mean(scale * (r[interval][1] - r[interval][0]) / 2 for r in rs.values())
            signs = [(r[interval][0] > 0) - (r[interval][1] < 0) for r in rs.values()]
            cells += [between(d, half), "± %.2f; %d+ %d-" % (rows, signs.count(1), signs.count(-1))]
        cold = [{s: x[s]["deciles"][0] for s in rs if x[s]["deciles"] and x[s]["deciles"][0]} for x in (base, rs)]
        cold = paired(*cold) if SETS[name].get("users") else None
        out.append("| %s | %d | %s | %s | %s | %s |" % (
            name, len(rs), *("%.4f / %.4f" % tuple(statistics.mean(x[s][f] for s in rs) for f in ("auc", "logloss"))
                             for x in (base, rs)), " | ".join(cells), between(*cold[:2]) if cold else ""))
    return "\n".join(out) + "\n"


def set_table(name, by):
    """Lines of the table of one log, with the options that its search chose."""
    out = ["## %s\n" % name, "| backbone | method | seeds | test AUC | sd | gain on dense, points | 95 % | tower weights "
           "| multiply-adds | s | options |\n|---|---|---|---|---|---|---|---|---|---|---|"]
    for backbone in BACKBONES:
        for method in [*METHODS, *EQUAL]:
            rs = by.get((name, backbone, method), {})
            if len(rs) < 2:
                continue
            values, some = list(auc(rs).values()), next(iter(rs.values()))
            out.append("| %s | %s | %d | %.5f | %.5f | %s | %s | %d | %d | %.0f | `%s` |" % (
                backbone, method, len(rs), statistics.mean(values), statistics.stdev(values),
                *gain(by.get((name, backbone, "dense"), {}), rs, method), some["numbers"], some["madds"], seconds(rs),
                some["options"]))
    return out + [""]


def mean_gains(name, by):
    """A line for each method that more than one backbone has."""
    for method in [*METHODS, *EQUAL]:
        gains = [paired(auc(by[name, b, "dense"]), auc(by[name, b, method]))[0] for b in BACKBONES
                 if len(by.get((name, b, "dense"), {}).keys() & by.get((name, b, method), {}).keys()) > 1]
        if method != "dense" and len(gains) > 1:
            yield "Mean gain of %s over %d backbones: %+.3f.\n" % (method, len(gains), statistics.mean(gains))


def tail_of(name, by):
    """For each method, its gains on dense by tenth of the users, least active first."""
    tail = []
    for method in METHODS:
        rs, base = by.get((name, "deepfm", method), {}), by.get((name, "deepfm", "dense"), {})
        rs, base = ({s: r["deciles"] for s, r in x.items() if r.get("deciles")} for x in (rs, base))
        if method != "dense" and len(rs.keys() & base.keys()) > 1:
            tail.append((method, [paired({s: d[i] for s, d in base.items() if d[i]}, {s: d[i] for s, d in rs.items() if d[i]})
                                  for i in range(10)]))
    return tail


def tail_table(name, tail):
    out = ["Gain on dense by activity of users, deepfm, points. The first tenth of the users has the fewest\nrows:\n",
           "| method | %s |\n|---|%s" % (" | ".join(str(d + 1) for d in range(10)), "---|" * 10)]
    for method, gains in tail:
        out.append("| %s | %s |" % (method, " | ".join("%+.2f ± %.2f" % g[:2] if g else "" for g in gains)))
    return out + ["\n![by activity](accuracy-%s.svg)\n" % name.replace(" ", "-")]


def plot(name, tail):
    script = "set terminal svg size 720,360; set output '%s'; set grid; set key outside; set xlabel 'tenth of the users, by activity';" % (
        os.path.join(ROOT, "docs", "accuracy", "accuracy-%s.svg" % name.replace(" ", "-")))
    script += "set ylabel 'AUC gain on dense, points'; set xrange [0.5:10.5]; set xtics 1; plot 0 notitle lc rgb 'gray', "
    script += ", ".join("'-' using ($1+%g):2:3 with yerrorlines title '%s'" % (0.05 * i, m) for i, (m, _) in enumerate(tail)) + "\n"
    script += "".join("\n".join("%d %f %f" % (d + 1, g[0], 0 if math.isnan(g[1]) else g[1]) for d, g in enumerate(gains) if g) + "\ne\n" for _, gains in tail)
    try:
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
    except FileNotFoundError:
        print("bench/accuracy/run: gnuplot is not there; no plots", file=sys.stderr)


def chosen_runs(study):
    """By log, backbone and method: runs by seed, of the options that the search has chosen last."""
    study.a.minutes, chosen, by = -1, {}, {}  # from here on only what has been run
    for r in study.done.values():
        what = r["set"], r["method"], r["backbone"]
        if r["kind"] != "run" or (r["method"] not in METHODS and r["method"] not in EQUAL):
            continue
        if what not in chosen:
            chosen[what] = study.options(*what)
        if r["options"] == chosen[what]:
            by.setdefault((r["set"], r["backbone"], r["method"]), {})[r["seed"]] = r
    return by


def report(study):
    out = [HEAD] + plain_table(study.done.values())
    by = chosen_runs(study)
    for name in SETS:
        if any(k[0] == name for k in by):
            out += set_table(name, by) + list(mean_gains(name, by))
            tail = tail_of(name, by)
            if tail:
                out += tail_table(name, tail)
                plot(name, tail)
    with open(study.a.out, "w") as f:
        f.write("\n".join(out) + "\n")
    write(study.a.page, "bench/accuracy", today_table(study.done.values()))
