# SPDX-License-Identifier: Apache-2.0
"""The regression test's level and power, by simulation on a bad machine."""

from __future__ import annotations

import math
import sys
import unittest
from pathlib import Path

import numpy as np
from scipy.stats import binom, wilcoxon

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "tools"))
import stats  # noqa: E402

EFFECT, ALPHA = 0.03, 0.01


def machine(source: np.random.Generator, pairs: int, benchmarks: int, slowdown: float = 1.0, noise: float = 0.02):
    """d of every pair and benchmark, raw and normalised. A launch has heavy tails (Student, 3 degrees) and outliers;
    slow phases last several launches and, like the drift, hit all benchmarks at once; the calibration sees both,
    with noise of its own."""
    shape = (2 * pairs, benchmarks)
    phases = np.repeat(source.random(2 * pairs) < 0.25, source.integers(3, 12, 2 * pairs))[: 2 * pairs]
    core = (0.2 * phases + np.linspace(0, source.normal(0, 0.1), 2 * pairs))[:, None]
    own = noise / math.sqrt(3) * source.standard_t(3, shape)
    outliers = (source.random(shape) < 0.02) * source.exponential(0.2, shape)
    log_time = core * source.uniform(0.7, 1.1, benchmarks) + own + outliers
    log_calibration = -core + noise / 2 * source.normal(size=shape)
    head_first = source.integers(0, 2, pairs)
    head = 2 * np.arange(pairs) + 1 - head_first
    base = 2 * np.arange(pairs) + head_first
    raw = log_time[head] - log_time[base] + math.log(slowdown)
    return raw, raw + log_calibration[head] - log_calibration[base]


def shifts(raw: np.ndarray, normalised: np.ndarray) -> list[stats.Shift]:
    candidates = ({"raw": r, "normalised": n} for r, n in zip(raw.T, normalised.T))
    return [stats.paired(of[stats.quietest(of)]) for of in candidates]


def verdicts(found: list[stats.Shift], effect: float = EFFECT, alpha: float = ALPHA) -> list[str]:
    adjusted = stats.holm([shift.p for shift in found])
    return [stats.verdict(shift, p, effect, alpha) for shift, p in zip(found, adjusted)]


class Level(unittest.TestCase):
    def test_same_program_twice(self):
        """200 comparisons of 100 benchmarks: alarms in at most a share alpha of them, even without minimal effect."""
        source = np.random.default_rng(1)
        runs, benchmarks = 200, 100
        pairs = stats.default_pairs(benchmarks, ALPHA)
        alarms = {(EFFECT, ALPHA): 0, (0.0, ALPHA): 0, (0.0, 0.2): 0}
        unclear = 0
        for _ in range(runs):
            found = shifts(*machine(source, pairs, benchmarks))
            for effect, alpha in alarms:
                said = verdicts(found, effect, alpha)
                alarms[effect, alpha] += "slower" in said or "faster" in said
            unclear += verdicts(found).count("unclear")
        for (effect, alpha), count in alarms.items():
            self.assertLessEqual(count, binom.ppf(0.999, runs, alpha), f"effect {effect}, alpha {alpha}")
        self.assertEqual(alarms[EFFECT, ALPHA], 0)
        self.assertLess(unclear, 0.05 * runs * benchmarks)

    def test_one_benchmark_level_is_reached(self):
        """Exact, not merely safe: with one benchmark a level of 5 % alarms in about 5 % of the runs."""
        source = np.random.default_rng(2)
        raw, normalised = machine(source, 20, 4000)
        # Signs of the benchmarks are tossed apart: in one run they share the order of the launches.
        coins = source.choice([-1.0, 1.0], raw.shape)
        share = np.mean([shift.p <= 0.05 for shift in shifts(raw * coins, normalised * coins)])
        self.assertTrue(0.035 < share < 0.055, share)


class Power(unittest.TestCase):
    def found(self, slowdown: float, benchmarks: int, noise: float, runs: int = 300) -> float:
        """Share of runs in which one slowed benchmark among many is found; Holm's hardest step is taken for it."""
        source = np.random.default_rng(3)
        pairs = stats.default_pairs(benchmarks, ALPHA)
        said = []
        for _ in range(runs):
            shift = shifts(*machine(source, pairs, 1, slowdown, noise))[0]
            said.append(stats.verdict(shift, min(1.0, benchmarks * shift.p), EFFECT, ALPHA))
        self.assertEqual(said.count("faster" if slowdown >= 1 else "slower"), 0)
        return said.count("slower" if slowdown >= 1 else "faster") / runs

    def test_five_percent_is_found(self):
        for benchmarks in (1, 12, 100, 400):
            for noise in (0.01, 0.02):
                with self.subTest(benchmarks=benchmarks, noise=noise):
                    self.assertGreaterEqual(self.found(1.05, benchmarks, noise), 0.95)

    def test_five_percent_improvement_is_found(self):
        self.assertGreaterEqual(self.found(1 / 1.05, 100, 0.02), 0.95)

    def test_two_percent_is_below_the_effect(self):
        self.assertLessEqual(self.found(1.02, 100, 0.01), 0.01)
        self.assertLessEqual(self.found(1.02, 100, 0.02), 0.05)

    def test_noise_is_unclear_not_same(self):
        source = np.random.default_rng(4)
        found = shifts(*machine(source, 41, 100, 1.0, noise=0.3))
        self.assertGreater(verdicts(found).count("unclear"), 90)


class Formulas(unittest.TestCase):
    def test_paired_agrees_with_scipy(self):
        d = np.random.default_rng(5).normal(0.3, 1, 25)
        self.assertAlmostEqual(stats.paired(d).p, wilcoxon(d, mode="exact").pvalue, places=12)

    def test_paired_counts_ties_and_zeros_exactly(self):
        d = np.array([1.0, 1.0, -1.0, 0.0, 2.0])
        # ranks 3, 3, 3 and 5, the zero has 1 and no sign; one 3 is negative: 0 or 3 in 4 of 16 tosses
        self.assertAlmostEqual(stats.paired(d).p, 2 * 4 / 16)
        self.assertEqual(stats.paired(np.zeros(9)).p, 1.0)

    def test_interval_covers(self):
        source = np.random.default_rng(6)
        inside = [s.low <= 0.1 <= s.high for s in (stats.paired(source.normal(0.1, 1, 20)) for _ in range(2000))]
        self.assertTrue(0.88 < np.mean(inside) < 0.93, np.mean(inside))
        inside = []
        for _ in range(1000):
            shift = stats.unpaired(source.normal(0, 1, 10), source.normal(0.1, 1, 10))
            inside.append(shift.low <= 0.1 <= shift.high)
        self.assertTrue(0.87 < np.mean(inside) < 0.94, np.mean(inside))

    def test_few_pairs_have_no_interval(self):
        shift = stats.paired(np.array([0.0, 0.1, 0.2]))
        self.assertEqual((shift.low, shift.high), (-math.inf, math.inf))
        self.assertEqual(stats.verdict(shift, 1.0, EFFECT, ALPHA), "unclear")

    def test_unpaired(self):
        base = np.arange(10) / 1000
        self.assertLess(stats.unpaired(base, base + 0.0501).p, 1e-4)
        self.assertAlmostEqual(stats.unpaired(base, base + 0.0501).estimate, 0.0501)
        self.assertEqual(stats.unpaired(np.zeros(5), np.zeros(5)).p, 1.0)

    def test_holm(self):
        np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
        self.assertEqual(stats.holm([]), [])

    def test_pairs_and_repetitions(self):
        for benchmarks in (1, 12, 100, 1000):
            fewest = stats.fewest_pairs(benchmarks, ALPHA)
            self.assertLessEqual(stats.paired(np.arange(1.0, fewest + 1)).p, ALPHA / benchmarks)
            self.assertGreater(stats.paired(np.arange(1.0, fewest)).p, ALPHA / benchmarks)
            self.assertGreater(stats.default_pairs(benchmarks, ALPHA), fewest)
            samples = np.arange(1.0, stats.fewest_repetitions(benchmarks, ALPHA) + 1)
            self.assertLessEqual(stats.unpaired(samples, samples + 1000.5).p, ALPHA / benchmarks)


if __name__ == "__main__":
    unittest.main()
