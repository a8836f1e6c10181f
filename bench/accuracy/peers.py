#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The models that bench/peers holds apg against.

    bench/accuracy/peers.py METHOD FOLDER SEED

FOLDER has train, valid and test .csv, and schema.json, what `apg inspect --json` says of the
training rows: peers see the columns that apg sees, and of the same kinds. Prints the score of each
test row, and on standard error the options that were chosen. A peer chooses its options and the
number of its trees by the log loss of the validation rows; the test rows are only scored.

xgboost   trees of xgboost. Numbers stand as they are; of a categorical column there are the share
          of positives of its token and how often the token is seen. The share is smoothed towards
          that of all rows (as if each token had SMOOTHING rows more), and in the training rows it
          comes from the other four of five folds. A list is the mean of its tokens.
hgb       histogram trees of scikit-learn. Categorical columns are codes of their own kind; the
          rarest tokens beyond 254 share one. Lists are as for xgboost.
onehot    logistic regression. A number is sign(x) log(1 + |x|), standardized; a token is an input.
pairs     the same with an input for each pair of tokens of two columns, hashed, beside the tokens
          themselves. A number is a token too: between which quantiles it is.
"""
import csv, json, os, sys, warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy is there

import numpy as np

SMOOTHING, FOLDS, QUANTILES, PAIR_BITS = 10, 5, 20, 22
SEEDED = ["xgboost"]  # a seed changes its samples; of hgb only the folds of lists
PEERS = ["xgboost", "hgb", "onehot", "pairs"]


def log_loss(y, p):
    p = np.clip(p.astype(float), 1e-7, 1 - 1e-7)
    return -np.mean(np.where(y > 0, np.log(p), np.log(1 - p)))


# ---- columns ----

def read(folder):
    """Labels by part; and by part a list of columns: floats, NaN where there is none, or codes (rows, tokens of the
    longest list), -1 where there is no token or one that the training rows lack."""
    schema = json.load(open(os.path.join(folder, "schema.json")))
    labels, columns, ids = {}, {}, {}
    for part in ("train", "valid", "test"):
        with open(os.path.join(folder, part + ".csv"), newline="") as f:
            rows = csv.reader(f)
            head = next(rows)
            cells = dict(zip(head, zip(*rows)))
        labels[part] = np.array(cells[schema["label"]], dtype=float)
        columns[part] = [column(cells[c["name"]], c["kind"], ids.setdefault(c["name"], {}), part == "train")
                         for c in schema["columns"]]
    return labels, columns


def column(cells, kind, ids, grow):
    if kind in ("numeric", "bucket"):
        return np.array([number(c) for c in cells])
    lists = [c.split("|") if kind == "multi" else [c] for c in cells]
    codes = np.full((len(lists), max(map(len, lists))), -1)
    for i, tokens in enumerate(lists):
        codes[i, : len(tokens)] = [ids.setdefault(t, len(ids)) if grow else ids.get(t, -1) for t in tokens]
    return codes


def number(cell):
    try:
        return float(cell) if np.isfinite(float(cell)) else np.nan
    except ValueError:
        return np.nan


def is_tokens(column):
    return column.ndim == 2


# ---- trees ----

def encode(train, other, y, rng):
    """A categorical column as two numbers, smoothed share of positives and log count, of the training rows (out of
    fold) and of each part in OTHER."""
    fold = rng.permutation(len(y)) % FOLDS
    ids = train.max() + 1
    row, slot = np.nonzero(train >= 0)
    at = fold[row] * ids + train[row, slot]
    count = np.bincount(at, minlength=FOLDS * ids).reshape(FOLDS, ids)
    positives = np.bincount(at, y[row], FOLDS * ids).reshape(FOLDS, ids)
    prior = y.mean()

    def numbers(codes, share, rows_of):
        """Means over a row's tokens; a token that is not known counts as one without rows."""
        known = codes >= 0
        tokens = np.maximum(known.sum(1), 1)
        s = np.where(known, share, 0).sum(1) / tokens
        n = np.where(known, np.log1p(rows_of), 0).sum(1) / tokens
        return np.stack([np.where(known.any(1), s, prior), n], 1)

    n, s = count.sum(0), positives.sum(0)
    of_others = n - count, s - positives
    share = (of_others[1] + SMOOTHING * prior) / (of_others[0] + SMOOTHING)
    out = [numbers(train, share[fold[:, None], train], of_others[0][fold[:, None], train] * FOLDS / (FOLDS - 1))]
    share = (s + SMOOTHING * prior) / (n + SMOOTHING)
    return out + [numbers(codes, share[codes], n[codes]) for codes in other]


def tree_inputs(columns, y, rng, codes_of_hgb=False):
    """Matrices of train, valid, test; and which columns are codes."""
    parts, categorical = [[], [], []], []
    for three in zip(columns["train"], columns["valid"], columns["test"]):
        codes = codes_of_hgb and is_tokens(three[0]) and three[0].shape[1] == 1
        if codes:
            order = np.argsort(np.argsort(-np.bincount(three[0][three[0] >= 0])))
            new = [np.where(c >= 0, np.minimum(order[c], 254), np.nan) for c in three]
        elif is_tokens(three[0]):
            new = encode(three[0], three[1:], y, rng)
        else:
            new = [c[:, None] for c in three]
        categorical += [codes] * new[0].shape[1]
        for part, x in zip(parts, new):
            part.append(x)
    return [np.concatenate(p, 1).astype(np.float32) for p in parts], categorical


def xgboost(labels, columns, seed):
    import xgboost as xgb
    y = labels["train"]
    (train, valid, test), _ = tree_inputs(columns, y, np.random.default_rng(seed))
    train, valid, test = xgb.DMatrix(train, y), xgb.DMatrix(valid, labels["valid"]), xgb.DMatrix(test)
    best = None, 0, 0
    for depth, weight in ((3, 1), (6, 1), (9, 1), (0, 5), (0, 20)):
        depth = depth or best[1]  # weights are tried at the depth that is best
        options = dict(objective="binary:logistic", tree_method="hist", nthread=1, seed=seed, eta=0.05, max_depth=depth,
                       min_child_weight=weight, subsample=0.8, colsample_bytree=0.8)
        m = xgb.train(options, train, 4000, evals=[(valid, "valid")], early_stopping_rounds=50, verbose_eval=False)
        if not best[0] or m.best_score < best[0].best_score:
            best = m, depth, weight
    m, depth, weight = best
    trees = m.best_iteration + 1
    return "depth %d, child weight %d, %d trees" % (depth, weight, trees), m.predict(test, iteration_range=(0, trees))


def hgb(labels, columns, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    y, yv = labels["train"], labels["valid"]
    (train, valid, test), categorical = tree_inputs(columns, y, np.random.default_rng(seed), codes_of_hgb=True)
    best = np.inf, None, 0
    for leaves in (7, 31):
        m = HistGradientBoostingClassifier(learning_rate=0.05, max_leaf_nodes=leaves, categorical_features=categorical,
                                           early_stopping=False, warm_start=True, random_state=seed)
        for trees in range(100, 3001, 100):  # scikit-learn itself would stop by rows of its own
            m.set_params(max_iter=trees).fit(train, y)
            losses = [log_loss(yv, p[:, 1]) for p in m.staged_predict_proba(valid)]
            at = int(np.argmin(losses))
            if at < trees - 50:
                break
        if losses[at] < best[0]:
            best = losses[at], m, at
    _, m, at = best
    for i, p in enumerate(m.staged_predict_proba(test)):
        if i == at:
            return "%d leaves, %d trees" % (m.max_leaf_nodes, at + 1), p[:, 1]


# ---- logistic regression ----

def sparse(entries, rows):
    """CSR matrices of train, valid, test from ENTRIES, a list of (part, rows, keys, values or None); inputs are the
    keys that the training rows have."""
    from scipy.sparse import csr_matrix
    known = np.unique(np.concatenate([k for part, _, k, _ in entries if part == 0]))
    out = []
    for part in range(3):
        r, c, v = [], [], []
        for _, row, key, value in (e for e in entries if e[0] == part):
            at = np.minimum(np.searchsorted(known, key), len(known) - 1)
            seen = known[at] == key
            r.append(row[seen].astype(np.int32))
            c.append(at[seen].astype(np.int32))
            v.append(np.ones(len(r[-1]), np.float32) if value is None else value[seen].astype(np.float32))
        out.append(csr_matrix((np.concatenate(v), (np.concatenate(r), np.concatenate(c))), (rows[part], len(known))))
    return out


def logistic(x, labels):
    """Strengths of L2 from strong to weak, while validation gains; each starts where the last has ended."""
    from sklearn.linear_model import LogisticRegression
    m, best = LogisticRegression(max_iter=300, warm_start=True), np.inf
    for c in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10):
        m.set_params(C=c).fit(x[0], labels["train"])
        loss = log_loss(labels["valid"], m.predict_proba(x[1])[:, 1])
        if loss < best:
            best, chosen, scores = loss, c, m.predict_proba(x[2])[:, 1]
        elif loss > best + 0.001:
            break
    return "C %g" % chosen, scores


def onehot(labels, columns, seed):
    entries = []
    for f, three in enumerate(zip(columns["train"], columns["valid"], columns["test"])):
        if not is_tokens(three[0]):
            logs = [np.sign(x) * np.log1p(np.abs(x)) for x in three]
            mean, deviation = np.nanmean(logs[0]), np.nanstd(logs[0]) or 1
        for part, x in enumerate(three):
            if is_tokens(x):
                row, slot = np.nonzero(x >= 0)
                entries.append((part, row, f << 32 | x[row, slot], None))
            else:  # a key for the number, another for where there is none
                there, = np.nonzero(~np.isnan(x))
                gone, = np.nonzero(np.isnan(x))
                entries.append((part, there, np.full(len(there), f << 32), (logs[part][there] - mean) / deviation))
                entries.append((part, gone, np.full(len(gone), f << 32 | 1), None))
    return logistic(sparse(entries, [len(y) for y in labels.values()]), labels)


def pairs(labels, columns, seed):
    entries = []
    fields = [binned(three) for three in zip(columns["train"], columns["valid"], columns["test"])]
    for f, a in enumerate(fields):
        for g in range(f, len(fields)):
            for part in range(3):
                x, z = a[part], fields[g][part]
                for i in range(x.shape[1]):
                    for j in range(z.shape[1]) if g > f else [i]:
                        row, = np.nonzero((x[:, i] >= 0) & (z[:, j] >= 0))
                        entries.append((part, row, hashed(f, x[row, i], g, z[row, j]), None))
    return logistic(sparse(entries, [len(y) for y in labels.values()]), labels)


def binned(three):
    """A number's token is between which quantiles it is, of the training rows and of their distinct values (most rows
    may be 0); where there is no number, a token too."""
    if is_tokens(three[0]):
        return three
    there = three[0][~np.isnan(three[0])]
    edges = np.unique([np.quantile(of, np.arange(1, QUANTILES) / QUANTILES) for of in (there, np.unique(there))])
    return [np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x)).astype(int)[:, None] for x in three]


def hashed(f, a, g, b):
    """Keys of PAIR_BITS bits for tokens A of field F with B of field G."""
    h = np.full(len(a), f << 48 | g << 32, np.uint64)  # tokens are below 32 bits
    for w in (a, b):
        h = (h ^ w.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
    return (h >> np.uint64(64 - PAIR_BITS)).astype(np.int32)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")  # 300 steps are enough, though not to the last digit
    method, folder, seed = sys.argv[1:]
    options, scores = globals()[method](*read(folder), int(seed))
    np.savetxt(sys.stdout, scores, "%.9g")
    print(options, file=sys.stderr)
