# SPDX-License-Identifier: MIT
"""Runs: each is a line of the results, so that a study that is started again goes on where it stopped."""
import concurrent.futures, itertools, json, os, statistics, subprocess, sys, tempfile, threading, time

from sets import DATA, EQUAL, MAIN, METHODS, ROOT, SEARCH_SEEDS, SETS, STAGES, STAGES_OTHER, WIDTHS


def built_from():
    """The last commit that changed what apg is built from; + where more has changed since."""
    git = lambda *w: subprocess.run(["git", "-C", ROOT, *w, "--", "lib", "cmd"], capture_output=True,
                                    text=True).stdout.strip()
    return git("log", "-1", "--format=%h") + "+" * bool(git("status", "--porcelain"))


class Study:
    def __init__(self, a):
        self.a, self.lock, self.cache, self.done = a, threading.Lock(), tempfile.mkdtemp(prefix="apg-accuracy."), {}
        self.started = time.time()
        if os.path.exists(a.results):
            for line in open(a.results):
                r = json.loads(line)
                self.done[r["key"]] = r

    def sh(self, command):
        return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, executable="/bin/bash")

    def keep(self, r):
        with self.lock:
            self.done[r["key"]] = r
            with open(self.a.results, "a") as f:
                f.write(json.dumps(r) + "\n")

    def prepare(self, name):
        """Feature files of a data set, made once."""
        with self.lock:
            folder = os.path.join(self.cache, name.replace(" ", "-"))
            if not os.path.isdir(folder):
                os.mkdir(folder)
                for part in ("train", "valid", "test"):
                    source = os.path.join(self.a.data, SETS.get(name, {}).get("data", name), part + ".csv.xz")
                    how = SETS.get(name, {}).get("columns", "") if part == "train" else "--encoder %s/train.apgf" % folder
                    self.sh("set -o pipefail; xzcat %s | tee %s/%s.csv | %s encode -q %s -o %s/%s.apgf" % (
                        source, folder, part, self.a.apg, how, folder, part))
            return folder

    def run(self, name, backbone, method, options, seed, kind):
        key = " ".join([name, backbone, options, str(seed)] + [self.a.commit] * (kind == "plain"))
        if key in self.done:
            return self.done[key]
        if time.time() - self.started > 60 * self.a.minutes:
            return None
        folder = self.prepare(name)
        scores = lambda of: "'%s/%s %s %d.csv'" % (folder, backbone, of, seed)
        model = tempfile.mktemp(dir=self.cache)
        try:
            out = self.sh("TIMEFORMAT='%%U %%S'; time %s train --threads 1 --backbone %s %s --seed %d --valid %s/valid.apgf -o %s %s/train.apgf" % (
                self.a.apg, backbone, options, seed, folder, model, folder)).stderr
        except subprocess.CalledProcessError as e:
            print("failed: %s: %s" % (key, e.stderr.strip().splitlines()[-1:]), file=sys.stderr)
            return None
        seconds = sum(map(float, out.splitlines()[-1].split()))  # of the processor: others may be at work beside it
        epochs = [line.split() for line in out.splitlines() if len(line.split()) >= 6 and all(w.isdigit() for w in line.split()[:2])]
        best = [e for e in epochs if e[-1] == "best"][-1]
        cost = json.loads(self.sh("%s complexity -m %s --json" % (self.a.apg, model)).stdout)
        hidden = [o for o in cost["ops"] if o["layer"].startswith("hidden.")]
        r = dict(key=key, kind=kind, set=name, backbone=backbone, method=method, options=options, seed=seed,
                 valid=float(best[3]), epoch=int(best[0]), epochs=len(epochs), seconds=round(seconds, 1),
                 numbers=sum(o["numbers"] + o["biases"] for o in hidden),
                 madds=sum(o["generation"] + o["forward"] for o in hidden),
                 width=next((o["N"] for o in hidden if o["N"] and o["op"] != "generated"), 0))
        if kind != "search":
            users = SETS.get(name, {}).get("users")
            scored = "{0} predict -q --threads 1 -m {1} --append {2}/test.csv > {3} && {0} evaluate --json {4} {3}"
            e = json.loads(self.sh(scored.format(
                self.a.apg, model, folder, scores(method), "--group " + users if users else "")).stdout)
            r.update(auc=e["auc"], logloss=e["log_loss"], gauc=e.get("by_group", {}).get("gauc"),
                     deciles=[d["auc"] for d in e.get("by_group", {}).get("deciles", [])])
        if kind == "plain":
            r["commit"] = self.a.commit
            if method != "dense" and os.path.exists(scores("dense").strip("'")):
                c = json.loads(self.sh("%s compare --threads 1 --replicates 200 --json %s %s" % (
                    self.a.apg, scores("dense"), scores(method))).stdout)
                r["interval"] = [c["delong"]["low"], c["delong"]["high"]]
                r["logloss_interval"] = [c["log_loss"]["low"], c["log_loss"]["high"]]
        os.remove(model)
        self.keep(r)
        print("%-14s %-8s %-24s seed %d  valid %.5f  test %s  %d epochs %.0f s" % (
            name, backbone, method, seed, r["valid"], "%.5f" % r["auc"] if "auc" in r else "-", r["epochs"], seconds), flush=True)
        return r

    def best(self, name, method, backbone="deepfm"):
        """Options of METHOD on data set NAME, by validation, and a run with them; None: the search has not ended."""
        seeds = SEARCH_SEEDS[: SETS[name].get("search", 3)]
        chosen, least = METHODS[method].format(**SETS[name]), -1
        for stage in STAGES if backbone == "deepfm" else STAGES_OTHER:
            base = chosen
            for more in stage:
                options = base + " " + more
                tried = [self.run(name, backbone, method, options, s, "search") for s in seeds]
                if None in tried:
                    return None
                valid = statistics.mean(r["valid"] for r in tried)
                if valid <= least:
                    break
                least, chosen, run = valid, options, tried[0]
        return dict(run, options=chosen)

    def equal(self, name, method):
        """Dense options with the tower weights, or multiply-adds, of another method's choice."""
        other, what = EQUAL[method]
        target = self.best(name, other)
        dense = self.best(name, "dense")
        if not target or not dense:
            return None
        width, goal = target["width"], target[what]
        size = lambda f: sum(x * y for x, y in zip([width] + [round(w * f) for w in WIDTHS], [round(w * f) for w in WIDTHS]))
        f = min((x / 100 for x in range(10, 1000)), key=lambda f: abs(size(f) - goal))
        return "%s --hidden %s" % (dense["options"], ",".join(str(round(w * f)) for w in WIDTHS))

    def options(self, name, method, backbone):
        if method in EQUAL:
            return self.equal(name, method)
        chosen = self.best(name, method, backbone)
        return chosen and chosen["options"]

    def study(self):
        methods = self.a.methods or [*METHODS, *EQUAL]
        searches = [(s, m, b) for s in self.a.sets for b in self.a.backbones for m in methods
                    if m in METHODS and (b == "deepfm" or m in MAIN)]
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            list(pool.map(lambda x: self.best(*x), searches))
            runs = []
            for seed, name, backbone, method in itertools.product(self.a.seeds, self.a.sets, self.a.backbones, methods):
                if backbone == "deepfm" or method in MAIN:
                    options = self.options(name, method, backbone)
                    if options:
                        runs.append((name, backbone, method, options, seed, "run"))
            list(pool.map(lambda x: self.run(*x), runs))

    def sets(self):
        """Logs that are asked for, else all of ../shared or all folders of --data."""
        ours = os.path.samefile(self.a.data, DATA)
        return self.a.sets or (list(SETS) if ours else sorted(e.name for e in os.scandir(self.a.data) if e.is_dir()))

    def pairs(self, name, backbone, seed):
        """The methods of one seed, dense first: the others' test scores are compared with its own."""
        runs = [(name, backbone, m, METHODS[m].format(**SETS.get(name, {})), seed, "plain") for m in self.a.methods or MAIN]
        keys = [" ".join([name, backbone, r[3], str(seed), self.a.commit]) for r in runs]
        if not all(k in self.done for k in keys):
            for k, r in zip(keys, runs):
                self.done.pop(k, None)
                self.run(*r)

    def plain(self):
        work = itertools.product(self.a.seeds, self.sets(), self.a.backbones)
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            list(pool.map(lambda w: self.pairs(w[1], w[2], w[0]), work))
