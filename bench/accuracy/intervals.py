# SPDX-License-Identifier: MIT
"""What paired seeds, and test rows that are left out, say of a difference."""
import math, statistics

T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def paired(a, b):
    """Mean difference b - a in points over common seeds, half its 95 % interval (Student), and how many seeds."""
    d = [100 * (b[s] - a[s]) for s in sorted(a.keys() & b.keys())]
    if not d:
        return None
    half = T95.get(len(d) - 1, 1.96) * statistics.stdev(d) / math.sqrt(len(d)) if len(d) > 1 else math.nan
    return statistics.mean(d), half, len(d)


def jackknife(without):
    """Variance of a figure over other test rows, from its values without each of equally many rows in turn."""
    return (len(without) - 1) / len(without) * sum((w - statistics.mean(without)) ** 2 for w in without)
