# SPDX-License-Identifier: Apache-2.0
"""Which benchmarks became slower? The test behind `script/bench compare`.

Design. Two programs are launched in pairs, and a fair coin decides in each pair which goes first. A launch is the
unit: placement of memory and code is drawn anew with it, so its repetitions are not independent and one number
stands for them. d_i is the logarithm of head over base in pair i.

Test. If the programs do not differ in a benchmark, the series of launch times is what it is, whichever program was
called first, so given the |d_i| every sign is one toss of the coin. The signed-rank test uses nothing else. Its
level is therefore exact for any noise: heavy tails, drift, slow phases longer than a pair, dependent pairs. (A fixed
order such as ABBA removes a linear drift, but needs an assumption for all else; within one pair the drift is small.)
Holm's correction holds the chance of one false alarm among all benchmarks, however they depend on each other, at
alpha.

Minimal effect. A benchmark is `slower` if the test rejects "no difference" AND the Hodges-Lehmann estimate (the
median of all averages of two d) is at least log(1 + effect). The other way, testing "ratio <= 1 + effect", asks for
proof of the effect itself: a slowdown of 5 % is then only 1.9 % away from the hypothesis of 3 % and, at the same
noise, needs (4.9 / 1.9)^2, some six times the pairs. The price: a slowdown just below the effect is reported at
times (one of exactly its size every second time), but that is a true slowdown, no false alarm.

Silence must be earned too. A benchmark is `same` if its 90 % interval lies within the effect on both sides (two
one-sided tests of 5 %), else `unclear`: too noisy for this number of pairs, or too close to the effect.

Which number. The median of the repetitions is upset when neighbours take the core away, the minimum is not but tells
nothing of the spread; times multiplied by the calibration beside them are free of slow phases but carry its noise.
It depends on the machine's hour which is best. The one with the smallest mean of |d| is used: that depends on no
sign, so the test stays exact.

Pairs. No p value of n pairs is below 2^(1-n), and Holm's first step asks for alpha / benchmarks; hence
`fewest_pairs`. For power `default_pairs` lets the test still reject when one sixth of the rank sum has the wrong
sign: 19 pairs for one benchmark, 31 for 12, 41 for 100. A slowdown of 5 % is then found with a chance above 0.95
where launches spread by 2 % with heavy tails, outliers, drift and slow phases; tests/bench/test_stats.py simulates
that, and the level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import mannwhitneyu, rankdata

INTERVAL_TAIL = 0.05
_Z_TAIL = 1.6448536269514722  # normal quantile of 1 - INTERVAL_TAIL
_WRONG_SIGN = 1 / 6


@dataclass(frozen=True)
class Shift:
    """Head against base in logarithms: estimate, 90 % interval, two-sided p of "no shift"."""

    estimate: float
    low: float
    high: float
    p: float


@lru_cache(maxsize=4096)
def _rank_sum_at_most(ranks: tuple[int, ...]) -> np.ndarray:
    """P(sum <= w) for every w, where each rank counts or does not by the toss of a coin."""
    chance = np.zeros(sum(ranks) + 1)
    chance[0] = 1
    for rank in ranks:
        shifted = np.zeros_like(chance)
        shifted[rank:] = chance[: len(chance) - rank]
        chance = (chance + shifted) / 2
    return np.cumsum(chance)


@lru_cache(maxsize=64)
def _interval_index(count: int) -> int:
    """How many of the smallest Walsh averages the interval leaves out; -1 if it has no end."""
    return int(np.searchsorted(_rank_sum_at_most(tuple(range(1, count + 1))), INTERVAL_TAIL, side="right")) - 1


@lru_cache(maxsize=64)
def _upper_triangle(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(count)


def _estimate(candidates: np.ndarray, left_out: int, p: float) -> Shift:
    candidates = np.sort(candidates)
    if left_out < 0:
        return Shift(float(np.median(candidates)), -math.inf, math.inf, p)
    return Shift(float(np.median(candidates)), float(candidates[left_out]), float(candidates[-1 - left_out]), p)


def paired(differences: np.ndarray) -> Shift:
    """Wilcoxon's signed-rank test, exact with ties and zeros as well, and the estimate that belongs to it."""
    ranks = (2 * rankdata(np.abs(differences))).astype(int)  # doubled: mid-ranks become whole
    at_most = _rank_sum_at_most(tuple(sorted(ranks[differences != 0].tolist())))
    tail = min(at_most[ranks[differences < 0].sum()], at_most[ranks[differences > 0].sum()])
    first, second = _upper_triangle(len(differences))
    walsh = (differences[first] + differences[second]) / 2
    return _estimate(walsh, _interval_index(len(differences)), min(1.0, 2 * float(tail)))


def unpaired(base: np.ndarray, head: np.ndarray) -> Shift:
    """Mann and Whitney's test for two separate sets of logarithms, and the estimate that belongs to it."""
    both = np.concatenate([base, head])
    method = "exact" if len(np.unique(both)) == len(both) else "asymptotic"
    p = float(mannwhitneyu(head, base, method=method).pvalue) if np.ptp(both) > 0 else 1.0
    product = len(base) * len(head)
    left_out = math.floor(product / 2 - _Z_TAIL * math.sqrt(product * (len(both) + 1) / 12)) - 1
    return _estimate(np.subtract.outer(head, base).ravel(), left_out, p)


def quietest(candidates: dict[str, np.ndarray]) -> str:
    """Looks at sizes only, so that the choice is the same whichever way a difference points."""
    return min(candidates, key=lambda name: np.abs(candidates[name]).mean())


def holm(p_values: list[float]) -> list[float]:
    """Adjusted p values: comparing them with alpha holds the chance of any false alarm at alpha."""
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def verdict(shift: Shift, adjusted_p: float, effect: float, alpha: float) -> str:
    threshold = math.log1p(effect)
    if adjusted_p <= alpha and abs(shift.estimate) >= threshold:
        return "slower" if shift.estimate > 0 else "faster"
    return "same" if -threshold < shift.low and shift.high < threshold else "unclear"


def fewest_pairs(benchmarks: int, alpha: float) -> int:
    """With fewer, not even differences that all have one sign would be significant."""
    return math.ceil(1 + math.log2(benchmarks / alpha))


def default_pairs(benchmarks: int, alpha: float) -> int:
    count = fewest_pairs(benchmarks, alpha)
    while True:
        wrong = int(_WRONG_SIGN * count * (count + 1) / 2)
        if 2 * _rank_sum_at_most(tuple(range(1, count + 1)))[wrong] <= alpha / benchmarks:
            return count
        count += 1


def fewest_repetitions(benchmarks: int, alpha: float) -> int:
    """The same for two separate sets of this many samples each."""
    count = 2
    while 2 / math.comb(2 * count, count) > alpha / benchmarks:
        count += 1
    return count
